//! One database per test, of either kind, and short ways to say what is appended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use audit::SigningKey;
use domain::Timestamp;
use domain::catalog::Tier;
use domain::change::{Category, ChangeType, StateName};
use domain::cmdb::{CiType, Lifecycle, SourceName};
use domain::id::{ActorId, ServiceName};
use domain::incident::{IncidentState, Severity};
use domain::number::RiskScore;
use domain::priority::Priority;
use domain::risk::Level;
use serde_json::{Value, json};
use store::{
    Append, AppendError, Appended, ChangeRow, CiFacts, CiRow, Config, DATABASE_FILE, IdempotencyKey,
    IncidentRow, Location, NewEvent, NewIdempotency, RiskRow, Store, StreamAppend, StreamName,
};
use tempfile::TempDir;
use testkit::PrivatePostgres;

/// Makes a test per database of each check.
macro_rules! on_both_databases {
    ($($check:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    super::$check($crate::harness::TestDatabase::sqlite()).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    super::$check($crate::harness::TestDatabase::postgres()).await;
                }
            )+
        }
    };
}
pub(crate) use on_both_databases;

/// A database of one test.
pub(crate) struct TestDatabase {
    pub(crate) location: Location,
    pub(crate) key: Arc<SigningKey>,
    /// A folder for the test's files, which holds the database where that is a file.
    pub(crate) folder: TempDir,
    /// Name of the database on the shared server.
    name: Option<String>,
}

impl TestDatabase {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::with_prefix("store-test-").unwrap();
        let location = Location::Folder(folder.path().join("data"));
        Self { location, key: signing_key(1), folder, name: None }
    }

    pub(crate) fn postgres() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let url = PrivatePostgres::shared().unwrap().database(&name).unwrap();
        let folder = TempDir::with_prefix("store-test-").unwrap();
        Self { location: Location::Url(url), key: signing_key(1), folder, name: Some(name) }
    }

    /// An empty database of the other kind.
    pub(crate) fn of_the_other_kind(&self) -> Self {
        match self.location {
            Location::Folder(_) => Self::postgres(),
            Location::Url(_) => Self::sqlite(),
        }
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.location.clone(), Arc::clone(&self.key))
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.config()).await.unwrap()
    }

    /// Runs SQL behind the store's back.
    pub(crate) fn sql(&self, sql: &str) {
        match (&self.location, &self.name) {
            (Location::Folder(folder), _) => {
                let connection = rusqlite::Connection::open(folder.join(DATABASE_FILE)).unwrap();
                connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                connection.execute_batch(sql).unwrap();
            }
            (Location::Url(_), name) => {
                PrivatePostgres::shared().unwrap().sql(name.as_ref().unwrap(), sql).unwrap();
            }
        }
    }

    /// Bytes as a literal of this database's SQL.
    pub(crate) fn bytes_literal(&self, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.location {
            Location::Folder(_) => format!("x'{hex}'"),
            Location::Url(_) => format!("'\\x{hex}'::bytea"),
        }
    }

    /// Makes the database refuse events of a stream, with an error code where it has such.
    pub(crate) fn refuse_events_of(&self, stream: &str, code: &str) {
        match self.location {
            Location::Folder(_) => self.sql(&format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.stream = '{stream}'
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )),
            Location::Url(_) => self.sql(&format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON event FOR EACH ROW WHEN (NEW.stream = '{stream}')
                 EXECUTE FUNCTION refuse()"
            )),
        }
    }
}

pub(crate) fn signing_key(seed: u8) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed("store.test/log", [seed; 32]).unwrap())
}

/// An instant some seconds after the beginning of the tests' time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

pub(crate) fn stream(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

/// An event with a free text.
pub(crate) fn event(seconds: i64, text: &str) -> NewEvent {
    NewEvent::of(&body(seconds, text))
}

/// What such an event says.
pub(crate) fn body(seconds: i64, text: &str) -> Value {
    json!({
        "type": "test.happened",
        "at": at(seconds).to_string(),
        "actor": "act_1",
        "data": {"text": {"$text": text}, "number": seconds},
    })
}

/// Events for one stream.
pub(crate) fn to(name: &str, expected_version: u64, events: Vec<NewEvent>) -> StreamAppend {
    StreamAppend { stream: stream(name), expected_version, events }
}

/// An append to one stream.
pub(crate) fn append_to(name: &str, expected_version: u64, events: Vec<NewEvent>) -> Append {
    Append { streams: vec![to(name, expected_version, events)], ..Append::default() }
}

/// Appends one event to a stream.
pub(crate) async fn append_one(
    store: &Store,
    name: &str,
    expected_version: u64,
) -> Result<Appended, AppendError> {
    let seconds = i64::try_from(expected_version).unwrap();
    store.append(append_to(name, expected_version, vec![event(seconds, "some words")])).await
}

pub(crate) fn actor(number: u32) -> ActorId {
    ActorId::new(format!("act_{number}")).unwrap()
}

/// An answer to keep under an actor's key.
pub(crate) fn answer(number: u32, key: &str, body: &str) -> NewIdempotency {
    NewIdempotency {
        actor: actor(number),
        key: IdempotencyKey::new(key).unwrap(),
        request_digest: domain::canonical::Digest::of_bytes(body.as_bytes()),
        status: 201,
        body: body.as_bytes().to_vec(),
    }
}

/// A change's row; number and the rest follow from `number`.
pub(crate) fn change_row(number: u32) -> ChangeRow {
    let seconds = i64::from(number);
    ChangeRow {
        change_id: domain::id::ChangeId::new(2026, number).unwrap(),
        state: StateName::AwaitingApproval,
        change_type: ChangeType::Normal,
        category: Category::Deployment,
        title: format!("Deploy cart {number}"),
        requester: actor(1),
        on_behalf_of: None,
        risk: Some(RiskRow { score: RiskScore::new(40).unwrap(), raw: 40_000, level: Level::Medium }),
        priority: Priority::P3,
        services: vec![ServiceName::new("cart").unwrap(), ServiceName::new("checkout").unwrap()],
        cis: vec!["K8S-CART".parse().unwrap()],
        environment: Some("production".parse().unwrap()),
        created_at: at(seconds),
        updated_at: at(seconds),
        deadline: Some(at(seconds + 3600)),
        version: 1,
        runs_on: vec![],
        ending: None,
    }
}

pub(crate) fn incident_row(number: u32) -> IncidentRow {
    let seconds = i64::from(number);
    IncidentRow {
        incident_id: domain::id::IncidentId::new(2026, number).unwrap(),
        change_id: Some(domain::id::ChangeId::new(2026, number).unwrap()),
        state: IncidentState::Open,
        severity: Severity::Major,
        title: format!("Rolled back {number}"),
        opened_at: at(seconds),
        updated_at: at(seconds),
        version: 1,
    }
}

/// The row of a described item.
pub(crate) fn ci_row(id: &str) -> CiRow {
    let facts = CiFacts {
        ci_type: CiType::Workload,
        tier: Some(Tier::Two),
        owner: Some("shop-team".to_owned()),
        environment: Some("production".parse().unwrap()),
        lifecycle: Lifecycle::Active,
    };
    CiRow {
        id: id.parse().unwrap(),
        facts: Some(facts),
        sources: vec![source("kubernetes:shop")],
        version: 1,
        updated_at: at(0),
    }
}

pub(crate) fn source(name: &str) -> SourceName {
    SourceName::new(name).unwrap()
}

/// Waits until `condition` holds. Tests wait for conditions, never for time; the bound only ends a test that hangs.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await;
    assert!(waited.is_ok(), "waited in vain: {what}");
}
