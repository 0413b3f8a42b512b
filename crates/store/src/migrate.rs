//! The schema's history, and what to do with a database that is new, old, newer or somebody else's.

use audit::Frontier;

use crate::database::Database;
use crate::dialect::Dialect;
use crate::open::OpenError;
use crate::sql::count;

/// The schema version that this release reads and writes.
pub const SCHEMA_VERSION: u32 = 3;
/// The first schema in which the tables that a backup carries are as they are now, but for columns that were added since
/// at the end of a table and that may be empty.
pub(crate) const RESTORED_FROM: u32 = 1;
/// Every step of the schema, first to last. Steps are never edited once released, which none is yet; new ones are added at
/// the end.
const MIGRATIONS: [&str; SCHEMA_VERSION as usize] = [
    include_str!("../migrations/0001_log.sql"),
    include_str!("../migrations/0002_presence.sql"),
    include_str!("../migrations/0003_finding.sql"),
];

/// Marks an SQLite file as ours: "CxCh".
const APPLICATION_ID: i64 = 0x4378_4368;
/// Key of the advisory lock that lets one server at a time prepare a PostgreSQL database.
const MIGRATION_LOCK: i64 = APPLICATION_ID;

/// Whether what an opener finds may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// A new database is set up, an old one brought up to date.
    Create,
    /// The database must be there and up to date.
    Refuse,
}

/// Brings the database to this release's schema.
pub(crate) fn prepare(db: &mut Database, missing: Missing) -> Result<(), OpenError> {
    // Without waiting for anybody, refuse what is not ours before anything is written to it.
    let found = version(db)?;
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    if missing == Missing::Refuse {
        return Err(OpenError::OldSchema { found, expected: SCHEMA_VERSION });
    }
    db.transaction(|db| {
        if db.dialect() == Dialect::Postgres {
            db.query("SELECT 1 FROM pg_advisory_xact_lock($1)", &[MIGRATION_LOCK.into()], |_| Ok(()))?;
        }
        // Somebody else may have done it in the meantime.
        let mut at = version(db)?;
        for step in MIGRATIONS.iter().skip(at as usize) {
            db.script(&db.dialect().migration(step))?;
            at += 1;
        }
        if found == 0 {
            insert_head(db)?;
        }
        set_version(db, at)
    })
}

fn insert_head(db: &mut Database) -> Result<(), OpenError> {
    const SQL: &str =
        "INSERT INTO log_head (id, size, frontier, last_at) VALUES (1, $1, $2, 0) ON CONFLICT DO NOTHING";
    let empty = Frontier::new();
    db.execute(SQL, &[count(empty.size()).into(), empty.to_bytes().into()])?;
    Ok(())
}

/// Reads the schema version; 0 for a database without any tables.
fn version(db: &mut Database) -> Result<u32, OpenError> {
    let (version, tables) = match db.dialect() {
        Dialect::Sqlite => sqlite_version(db)?,
        Dialect::Postgres => postgres_version(db)?,
    };
    let Some(version) = version else {
        return if tables == 0 { Ok(0) } else { Err(OpenError::Foreign { tables }) };
    };
    match u32::try_from(version) {
        Ok(version) if version <= SCHEMA_VERSION => Ok(version),
        _ => Err(OpenError::Newer { found: version, known: SCHEMA_VERSION }),
    }
}

fn sqlite_version(db: &mut Database) -> Result<(Option<i64>, u64), OpenError> {
    let application_id = db.query_one("PRAGMA application_id", &[], |row| row.int(0))?;
    let version = db.query_one("PRAGMA user_version", &[], |row| row.int(0))?;
    let tables = db.query_one("SELECT COUNT(*) FROM sqlite_master", &[], |row| row.count(0))?;
    Ok(((application_id == APPLICATION_ID).then_some(version), tables))
}

fn postgres_version(db: &mut Database) -> Result<(Option<i64>, u64), OpenError> {
    const TABLES: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE tablename = 'cortex_change_schema') \
        FROM pg_tables WHERE schemaname = current_schema()";
    let (tables, ours) = db.query_one(TABLES, &[], |row| Ok((row.count(0)?, row.count(1)?)))?;
    if ours == 0 {
        return Ok((None, tables));
    }
    let version = db.query_opt("SELECT version FROM cortex_change_schema", &[], |row| row.int(0))?;
    Ok((version, tables))
}

fn set_version(db: &mut Database, version: u32) -> Result<(), OpenError> {
    match db.dialect() {
        Dialect::Sqlite => {
            db.script(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
            ))?;
        }
        Dialect::Postgres => db.script(&format!(
            "CREATE TABLE IF NOT EXISTS cortex_change_schema (version BIGINT NOT NULL);
             DELETE FROM cortex_change_schema; INSERT INTO cortex_change_schema VALUES ({version});"
        ))?,
    }
    Ok(())
}
