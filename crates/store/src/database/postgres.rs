//! PostgreSQL through one synchronous connection per thread, which is made again when it is lost.

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Inserts, PREPARED_STATEMENTS_MAX, Row, Value};
use crate::dialect;
use crate::error::StoreError;
use crate::open::OpenError;
use crate::table::Kind;

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long without an answer to sent data a connection counts as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Waits between attempts to connect again. After the last one the operation fails, and the next one tries again.
const RECONNECT_WAITS: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// What every connection is told first. A server that does not sync commits would break what the store promises; one that
/// waits for ever, for a lock or for a peer that is gone, would stop all others with it.
const SETTINGS: &str = "SELECT set_config('synchronous_commit', 'on', false) \
        WHERE current_setting('synchronous_commit') = 'off'; \
    SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'";

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Postgres {
    config: Config,
    session: Option<Session>,
}

struct Session {
    client: Client,
    prepared: HashMap<String, Statement>,
}

impl Postgres {
    /// Connects with the settings of a URL.
    pub(crate) fn connect(url: &str) -> Result<Self, OpenError> {
        let mut config: Config = url.parse().map_err(|source| OpenError::Url { source })?;
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(ANSWER_TIMEOUT);
        if config.get_application_name().is_none() {
            config.application_name("cortex-change");
        }
        // What the server says besides its results is of no use to operators.
        config.notice_callback(|notice| tracing::debug!(%notice, "PostgreSQL"));
        let session = Session::open(&config)?;
        Ok(Self { config, session: Some(session) })
    }

    /// Connects again when the connection is lost, with growing waits in between.
    pub(crate) fn ensure_connected(&mut self) -> Result<(), StoreError> {
        if self.session.as_ref().is_some_and(|session| !session.client.is_closed()) {
            return Ok(());
        }
        self.session = None;
        let mut last = None;
        for wait in RECONNECT_WAITS {
            match Session::open(&self.config) {
                Ok(session) => {
                    tracing::info!("connected to PostgreSQL again");
                    self.session = Some(session);
                    return Ok(());
                }
                Err(error) => last = Some(error),
            }
            std::thread::sleep(wait);
        }
        Err(last.unwrap_or_else(|| StoreError::unavailable(NotConnected)))
    }

    pub(crate) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.with(|session| session.client.batch_execute(sql))
    }

    pub(crate) fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        self.with(|session| {
            let statement = session.prepare(sql)?;
            session.client.execute(&statement, &params)
        })
    }

    pub(crate) fn for_each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        read: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut refused = Ok(());
        self.with(|session| {
            let statement = session.prepare(sql)?;
            let mut rows = session.client.query_raw(&statement, params)?;
            while let Some(row) = rows.next()? {
                refused = read(&Row::Postgres(&row));
                if refused.is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        refused
    }

    /// One statement, and so one round trip, for all rows of all tables and what is told: every column is an array.
    pub(crate) fn insert(&mut self, inserts: &Inserts<'_>) -> Result<(), StoreError> {
        let told = inserts.told();
        let tables = inserts.iter().map(|rows| (rows.table, rows.on_conflict));
        let Some(sql) = dialect::postgres_inserts(tables, told.is_some()) else { return Ok(()) };
        let columns: Vec<Box<dyn ToSql + Sync + '_>> = inserts
            .iter()
            .flat_map(|rows| {
                let (width, values) = (rows.table.columns.len(), &rows.values);
                let columns = rows.table.columns.iter().enumerate();
                columns.map(move |(at, (_, kind))| column_array(*kind, values.iter().skip(at).step_by(width)))
            })
            .collect();
        let columns = columns.iter().map(|column| column.as_ref() as &(dyn ToSql + Sync));
        let told = told.as_ref().map(|told| told as &(dyn ToSql + Sync));
        let parameters: Vec<_> = columns.chain(told).collect();
        self.with(|session| {
            let statement = session.prepare(&sql)?;
            session.client.execute(&statement, &parameters).map(|_| ())
        })
    }

    /// Waits for the next notification on a channel that the connection listens to, or until the time is over.
    pub(crate) fn wait_for_notification(&mut self, timeout: Duration) -> Result<Option<String>, StoreError> {
        self.with(|session| {
            let mut notifications = session.client.notifications();
            let next = notifications.timeout_iter(timeout).next()?;
            Ok(next.map(|notification| notification.payload().to_owned()))
        })
    }

    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T, postgres::Error>,
    ) -> Result<T, StoreError> {
        let session = self.session.as_mut().ok_or_else(|| StoreError::unavailable(NotConnected))?;
        let error = match work(session) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let broken = session.client.is_closed() || ends_the_connection(&error);
        if broken {
            self.session = None;
            return Err(StoreError::unavailable(error));
        }
        Err(store_error(error))
    }
}

impl Session {
    fn open(config: &Config) -> Result<Self, StoreError> {
        // TLS does not exist on sockets, and a machine without certificates can use those all the same.
        let only_sockets = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let client = if config.get_ssl_mode() == SslMode::Disable || only_sockets {
            config.connect(NoTls)
        } else {
            // Which cryptography is used must not depend on what else the process links; the first one to say so wins.
            let _said_already = rustls::crypto::ring::default_provider().install_default();
            let (tls, _unreadable) = MakeRustlsConnect::with_native_certs()
                .map_err(|_| StoreError::unavailable(NoCertificates))?;
            config.connect(tls)
        };
        let mut client = client.map_err(StoreError::unavailable)?;
        client.batch_execute(SETTINGS).map_err(StoreError::unavailable)?;
        Ok(Self { client, prepared: HashMap::new() })
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        // Texts of lists vary with their filters. Starting over is rare and costs one round trip per statement.
        if self.prepared.len() >= PREPARED_STATEMENTS_MAX {
            self.prepared.clear();
        }
        let statement = self.client.prepare(sql)?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("prepared", &self.prepared.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("connection was lost and could not be restored")]
struct NotConnected;

#[derive(Debug, thiserror::Error)]
#[error(
    "no trusted certificates are installed: install `ca-certificates`, or add `sslmode=disable` to the database URL"
)]
struct NoCertificates;

/// Whether the server hangs up with this error or cannot be understood any more.
fn ends_the_connection(error: &postgres::Error) -> bool {
    match error.code().map(SqlState::code) {
        Some(code) => code.starts_with("08") || code.starts_with("57P"),
        // Without a code it is not the server that speaks. A cause that is not of the network is a value of ours that
        // does not fit its column.
        None => error.source().is_none_or(|cause| cause.is::<io::Error>()),
    }
}

fn store_error(error: postgres::Error) -> StoreError {
    match error.code().map_or("", SqlState::code) {
        // Disk full, and the quotas of hosted servers.
        "53100" | "53400" => StoreError::storage_full(error),
        // Out of connections or memory, failing over, or a lock or query that took too long.
        code if ["53", "57", "58", "25006", "40", "55P03"].iter().any(|class| code.starts_with(class)) => {
            StoreError::unavailable(error)
        }
        code if code.starts_with("XX00") => StoreError::damaged(error.to_string()),
        _ => StoreError::refused(error),
    }
}

fn column_array<'a>(kind: Kind, cells: impl Iterator<Item = &'a Value<'a>>) -> Box<dyn ToSql + Sync + 'a> {
    match kind {
        Kind::Int => Box::new(cells.map(Value::as_int).collect::<Vec<_>>()),
        Kind::Text => Box::new(cells.map(Value::as_text).collect::<Vec<_>>()),
        Kind::Bytes => Box::new(cells.map(Value::as_bytes).collect::<Vec<_>>()),
    }
}
