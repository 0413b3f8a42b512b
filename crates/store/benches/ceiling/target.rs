//! The database that is written to, through its driver alone.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls, Statement};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};
use store::{DATABASE_FILE, Location};

use crate::pattern::{Log, Rows, Value};

/// What the store tells SQLite about every connection that writes.
const SQLITE_SETTINGS: &str = "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; \
    PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;";
/// The row that every transaction changes. The frontier is as long as that of a log of 100 000 entries.
const LOG_HEAD: &str = "UPDATE log_head SET size = $1, frontier = $2, last_at = $3 WHERE id = 1";
const FRONTIER: &[u8] = &[7; 8 + 6 * 32];

/// An open database.
pub(crate) enum Target {
    Sqlite(Connection),
    Postgres { client: Box<Client>, inserts: HashMap<&'static str, Statement> },
}

impl Target {
    /// Opens a database that is set up.
    pub(crate) fn open(location: &Location) -> Result<Self> {
        match location {
            Location::Folder(folder) => {
                let connection = Connection::open(folder.join(DATABASE_FILE))?;
                connection.execute_batch(SQLITE_SETTINGS)?;
                Ok(Self::Sqlite(connection))
            }
            Location::Url(url) => {
                let client = Client::connect(url, NoTls).context("connect to PostgreSQL")?;
                Ok(Self::Postgres { client: Box::new(client), inserts: HashMap::new() })
            }
        }
    }

    /// Writes rows and the end of the log in one transaction.
    pub(crate) fn write(&mut self, tables: &[Rows<'_>], log: &Log) -> Result<()> {
        let size = log.size().cast_signed();
        match self {
            Self::Sqlite(connection) => {
                connection.execute_batch("BEGIN IMMEDIATE")?;
                for rows in tables {
                    insert_sqlite(connection, rows)?;
                }
                connection.prepare_cached(LOG_HEAD)?.execute((size, FRONTIER, 0))?;
                connection.execute_batch("COMMIT")?;
            }
            Self::Postgres { client, inserts } => {
                client.batch_execute("BEGIN")?;
                for rows in tables.iter().filter(|rows| !rows.rows.is_empty()) {
                    insert_postgres(client, inserts, rows)?;
                }
                let statement = match inserts.get(LOG_HEAD) {
                    Some(statement) => statement.clone(),
                    None => client.prepare(LOG_HEAD)?,
                };
                client.execute(&statement, &[&size, &FRONTIER, &0_i64])?;
                inserts.insert(LOG_HEAD, statement);
                client.batch_execute("COMMIT")?;
            }
        }
        Ok(())
    }
}

/// One row after the other: a call costs nothing there.
fn insert_sqlite(connection: &Connection, Rows { table, rows }: &Rows<'_>) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let places: Vec<String> = (1..=first.len()).map(|at| format!("?{at}")).collect();
    let sql = format!("INSERT INTO {table} VALUES ({})", places.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    for row in rows {
        statement.execute(params_from_iter(row)).with_context(|| format!("insert into `{table}`"))?;
    }
    Ok(())
}

/// All rows at once: a call costs a round trip there.
fn insert_postgres(
    client: &mut Client,
    inserts: &mut HashMap<&'static str, Statement>,
    Rows { table, rows }: &Rows<'_>,
) -> Result<()> {
    let statement = match inserts.get(table) {
        Some(statement) => statement.clone(),
        None => {
            let columns = client.prepare(&format!("SELECT * FROM {table}"))?;
            let types = columns.columns().iter().enumerate();
            let arrays: Vec<String> =
                types.map(|(at, column)| format!("${}::{}[]", at + 1, column.type_())).collect();
            let sql = format!("INSERT INTO {table} SELECT * FROM UNNEST({})", arrays.join(", "));
            let statement = client.prepare(&sql)?;
            inserts.insert(table, statement.clone());
            statement
        }
    };
    let columns: Vec<Box<dyn ToSql + Sync + '_>> = statement
        .params()
        .iter()
        .enumerate()
        .map(|(at, array)| column(array, rows.iter().map(move |row| row.get(at).unwrap_or(&Value::Null))))
        .collect::<Result<_>>()?;
    let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(AsRef::as_ref).collect();
    client.execute(&statement, &columns).with_context(|| format!("insert into `{table}`"))?;
    Ok(())
}

/// One column of all rows, as an array of this type.
fn column<'a>(
    array: &Type,
    values: impl Iterator<Item = &'a Value<'a>>,
) -> Result<Box<dyn ToSql + Sync + 'a>> {
    Ok(match *array {
        Type::INT8_ARRAY => Box::new(values.map(Value::int).collect::<Vec<_>>()),
        Type::TEXT_ARRAY => Box::new(values.map(Value::text).collect::<Vec<_>>()),
        Type::BYTEA_ARRAY => Box::new(values.map(Value::bytes).collect::<Vec<_>>()),
        ref other => bail!("no column of the store is of type {other}"),
    })
}

impl Value<'_> {
    fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Null | Self::Text(_) | Self::Bytes(_) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Int(_) | Self::Bytes(_) => None,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Null | Self::Int(_) | Self::Text(_) => None,
        }
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
