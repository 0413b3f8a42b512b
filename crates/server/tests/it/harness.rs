//! One server per test, and the people who use it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use api::actor::{IssueToken, RegisterActor, Rights};
use api::catalog::{CatalogFile, Service};
use api::request::ChangeRequest;
use client::Client;
use domain::Timestamp;
use domain::calendar::{ConflictSettings, Treatment};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::{Clock, Config, Running};
use tempfile::TempDir;
use testkit::PrivatePostgres;

use crate::http::{Answer, Ask, PATIENCE};

/// Every scope a token can have.
pub(crate) const SCOPES: [&str; 8] =
    ["read", "request", "approve", "implement", "audit", "alerts", "calendar", "admin"];

/// Makes a test per database of each story.
macro_rules! on_both_databases {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() -> anyhow::Result<()> {
                    super::$story($crate::harness::Database::sqlite()?).await
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() -> anyhow::Result<()> {
                    super::$story($crate::harness::Database::postgres()?).await
                }
            )+
        }
    };
}
pub(crate) use on_both_databases;

/// Makes a test on the embedded database of each story.
macro_rules! on_sqlite {
    ($($story:ident),+ $(,)?) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() -> anyhow::Result<()> {
                    super::$story($crate::harness::Database::sqlite()?).await
                }
            )+
        }
    };
}
pub(crate) use on_sqlite;

/// A database of one test, and a folder for its files.
pub(crate) struct Database {
    url: Option<String>,
    pub(crate) folder: TempDir,
}

impl Database {
    pub(crate) fn sqlite() -> Result<Self> {
        Ok(Self { url: None, folder: TempDir::with_prefix("server-test-")? })
    }

    pub(crate) fn postgres() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("server_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let url = PrivatePostgres::shared()?.database(&name)?;
        Ok(Self { url: Some(url), folder: TempDir::with_prefix("server-test-")? })
    }

    /// Whether several servers can share it.
    pub(crate) fn is_shared(&self) -> bool {
        self.url.is_some()
    }

    /// Settings of a server with this database.
    pub(crate) fn config(&self) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: self.folder.path().to_owned(),
            database_url: self.url.clone(),
            conflicts: unhindered(),
            ..Config::default()
        }
    }
}

/// Conflicts that are only told: stories of other things work on one service in several changes at once.
fn unhindered() -> ConflictSettings {
    let [same_item, related, shared_host] = [Treatment::Ignore; 3];
    ConflictSettings { same_item, related, shared_host, distance: 1 }
}

/// A server with its own database.
pub(crate) struct TestApp {
    pub(crate) clock: Clock,
    /// The first administrator.
    pub(crate) admin: Client,
    /// The first administrator's token.
    pub(crate) admin_token: String,
    pub(crate) address: SocketAddr,
    pub(crate) config: Config,
    running: Option<Running>,
    _database: Database,
}

/// Somebody with a token, who speaks plain HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) address: SocketAddr,
}

impl Person {
    pub(crate) async fn send(&self, ask: Ask) -> Result<Answer> {
        ask.token(&self.token).send(self.address).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(Ask::get(path)).await?.good()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Ask::post(path, body)).await?.good()
    }

    /// A POST that is refused.
    pub(crate) async fn refused(&self, path: &str, body: &Value, status: u16, kind: &str) -> Result<Value> {
        self.send(Ask::post(path, body)).await?.refused(status, kind)
    }

    /// Asks for a change.
    pub(crate) async fn create(&self, request: &Value) -> Result<Value> {
        self.post("/api/v1/changes", request).await
    }

    pub(crate) async fn change(&self, id: &str) -> Result<Value> {
        self.get(&format!("/api/v1/changes/{id}")).await
    }

    /// Acts on a change.
    pub(crate) async fn act(&self, id: &str, action: &str, body: &Value) -> Result<Value> {
        self.post(&format!("/api/v1/changes/{id}/{action}"), body).await
    }

    /// Approves what a change is now.
    pub(crate) async fn approve(&self, id: &str) -> Result<Value> {
        let digest = self.change(id).await?["digest"].clone();
        self.act(id, "approve", &json!({ "digest": digest })).await
    }

    /// The actions of a change's trail, in order.
    pub(crate) async fn trail(&self, id: &str) -> Result<Vec<String>> {
        Ok(actions(&self.change(id).await?))
    }
}

/// The actions of a change's trail, in order.
pub(crate) fn actions(change: &Value) -> Vec<String> {
    let trail = change["audit_trail"].as_array().into_iter().flatten();
    trail.map(|entry| text(&entry["action"]).to_owned()).collect()
}

/// A string of an answer.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Waits until a question is answered with a value. Tests wait for conditions, never for time; the bound only ends a
/// test that hangs.
pub(crate) async fn eventually<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    question: impl Fn() -> F,
) -> Result<T> {
    let waiting = async {
        loop {
            if let Some(value) = question().await? {
                return Ok(value);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("waited in vain: {what}"))?
}

impl TestApp {
    /// Starts a server on the embedded database.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(|_| {}).await
    }

    /// Starts a server on the embedded database, with settings changed.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Result<Self> {
        Self::start_on(Database::sqlite()?, change).await
    }

    /// Starts a server on a database, with settings changed.
    pub(crate) async fn start_on(database: Database, change: impl FnOnce(&mut Config)) -> Result<Self> {
        let mut config = database.config();
        change(&mut config);
        let clock = Clock::manual("2026-03-02T09:00:00Z".parse()?);
        let running = server::start_with_clock(config.clone(), clock.clone()).await?;
        let address = running.local_addr();
        config.listen = address;
        let admin_token =
            running.bootstrap_token().context("a first start has a bootstrap token")?.to_owned();
        let admin = Client::new(&format!("http://{address}"), &admin_token)?;
        Ok(Self { clock, admin, admin_token, address, config, running: Some(running), _database: database })
    }

    /// Starts the server again at the same address, after [`TestApp::halt`].
    pub(crate) async fn revive(&mut self) -> Result<()> {
        let running = server::start_with_clock(self.config.clone(), self.clock.clone()).await?;
        anyhow::ensure!(running.bootstrap_token().is_none(), "only a first start has a bootstrap token");
        self.running = Some(running);
        self.past_is_read().await
    }

    /// Waits until the server has read what past changes teach, on a busy machine too.
    async fn past_is_read(&self) -> Result<()> {
        for _ in 0..1_200 {
            let ready = crate::http::Ask::get("/readyz").send(self.address).await?.json()?;
            if ready["past"] == "read" {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::bail!("the past was not read within a minute")
    }

    /// Opens the store of the halted server.
    pub(crate) async fn store(&self) -> Result<store::Store> {
        Ok(store::Store::open(server::store_config(&self.config)?).await?)
    }

    /// Stops the server and waits until it has.
    pub(crate) async fn halt(&mut self) -> Result<()> {
        let running = self.running.take().context("stopped twice")?;
        running.shutdown();
        Ok(running.stopped().await?)
    }

    /// Asks the server to stop.
    pub(crate) fn shut_down(&self) {
        self.running.iter().for_each(Running::shutdown);
    }

    /// The first administrator.
    pub(crate) fn root(&self) -> Person {
        Person { name: "bootstrap-admin".to_owned(), token: self.admin_token.clone(), address: self.address }
    }

    /// Registers a human with these roles and gives them a token for everything.
    pub(crate) async fn person(&self, name: &str, roles: &[&str]) -> Result<Person> {
        self.register(name, "human", &json!({ "rights": { "roles": roles } })).await
    }

    /// Registers an agent of an owner and gives it a token for everything.
    pub(crate) async fn agent(&self, name: &str, owner: &Person) -> Result<Person> {
        self.register(name, "agent", &json!({ "owner": owner.name })).await
    }

    /// Registers an actor with further fields and gives it a token for everything.
    pub(crate) async fn register(&self, name: &str, kind: &str, fields: &Value) -> Result<Person> {
        let mut request = fields.clone();
        request["name"] = json!(name);
        request["kind"] = json!(kind);
        self.root().post("/api/v1/actors", &request).await?;
        self.token(name, &SCOPES).await
    }

    /// An actor with a further token.
    pub(crate) async fn token(&self, name: &str, scopes: &[&str]) -> Result<Person> {
        let request = json!({ "scopes": scopes, "expires_in": "30d", "label": "test" });
        let issued = self.root().post(&format!("/api/v1/actors/{name}/tokens"), &request).await?;
        let token = text(&issued["token"]).to_owned();
        Ok(Person { name: name.to_owned(), token, address: self.address })
    }

    /// Number of entries in the log.
    pub(crate) async fn log_size(&self) -> Result<u64> {
        let checkpoint = self.root().get("/api/v1/audit/checkpoint").await?;
        checkpoint["size"].as_u64().context("a size")
    }

    /// Verifies the log.
    pub(crate) async fn verified(&self) -> Result<Value> {
        let report = self.root().send(Ask::new("POST", "/api/v1/audit/verify")).await?.good()?;
        anyhow::ensure!(report["valid"] == true, "{report}");
        Ok(report)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Registers a human with these roles and gives them a token for everything.
    pub(crate) async fn human(&self, name: &str, roles: &[&str]) -> Result<Client> {
        self.actor(name, "human", None, roles).await
    }

    /// Registers an agent or service of an owner and gives it a token for everything.
    pub(crate) async fn actor(
        &self,
        name: &str,
        kind: &str,
        owner: Option<&str>,
        roles: &[&str],
    ) -> Result<Client> {
        let rights = Rights { roles: roles.iter().map(ToString::to_string).collect(), ..Rights::default() };
        let request = RegisterActor {
            name: name.to_owned(),
            kind: kind.to_owned(),
            owner: owner.map(str::to_owned),
            alias_of: None,
            rights,
        };
        self.admin.register_actor(&request).await?;
        let scopes = ["read", "request", "approve", "implement", "audit", "admin"];
        self.client(name, &scopes).await
    }

    /// A client with a new token of an actor.
    pub(crate) async fn client(&self, name: &str, scopes: &[&str]) -> Result<Client> {
        let request = IssueToken {
            scopes: scopes.iter().map(ToString::to_string).collect(),
            expires_in: Some("30d".to_owned()),
            label: "test".to_owned(),
        };
        let issued = self.admin.issue_token(name, &request).await?;
        Ok(Client::new(&self.url(), &issued.token)?)
    }

    /// Declares services without dependencies.
    pub(crate) async fn services(&self, services: &[(&str, u8)]) -> Result<()> {
        let service = |(name, tier): &(&str, u8)| Service {
            name: (*name).to_owned(),
            tier: *tier,
            owner: None,
            depends_on: vec![],
        };
        let file = CatalogFile { services: services.iter().map(service).collect(), retire: vec![] };
        self.admin.apply_catalog(&file, false).await?;
        Ok(())
    }

    /// Lets time pass for the server.
    pub(crate) fn pass(&self, time: SignedDuration) -> Timestamp {
        self.clock.advance(time);
        self.clock.now()
    }

    /// Stops the server and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.halt().await
    }
}

/// A small, tested change with automated plan and rollback to one service.
pub(crate) fn small_change(service: &str) -> ChangeRequest {
    serde_json::from_value(small(service)).unwrap()
}

/// The same, as JSON.
pub(crate) fn small(service: &str) -> Value {
    json!({
        "type": "normal",
        "category": "deployment",
        "title": "Deploy the new greeting",
        "description": "A new version of one component",
        "impact": "low",
        "urgency": "low",
        "affected_services": [service],
        "implementation_plan": {
            "steps": [{"name": "deploy", "run": ["true"], "undo": {"run": ["true"]}, "idempotent": true}],
            "estimated_duration": "1m"
        },
        "rollback_plan": {"automated": true, "steps": [], "max_duration": "5m"},
        "monitors": [{"name": "health", "run": ["true"], "interval": "1s"}],
        "rollback_conditions": {"health_check": {"failed_checks": 3, "action": "immediate_rollback"}},
        "evidence": {
            "churn": {"lines": 40, "files": 2, "directories": 1},
            "coverage_percent": 95.0,
            "coverage_basis": "changed_lines",
            "tests": {"passed": 120, "failed": 0, "skipped": 0},
            "configuration_change": false,
            "schema_change": false
        }
    })
}

/// The services that stories are about: `greeter`, on which nothing depends, and `identity`, on which everything does.
pub(crate) const SERVICES: [(&str, u8); 4] =
    [("greeter", 2), ("identity", 0), ("billing", 1), ("reports", 3)];
