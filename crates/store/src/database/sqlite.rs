//! SQLite, bundled: one file in a folder, write-ahead log, every commit synced to disk.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use super::inserts::TableRows;
use super::{PREPARED_STATEMENTS_MAX, Row, Value};
use crate::dialect;
use crate::error::StoreError;

/// The first version without the bug that corrupts a database when its write-ahead log is reset (3.51.3).
const VERSION_MIN: i32 = 3_051_003;
/// How long a statement waits for another process, for example a backup, to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Page cache per connection, in KiB; negative is how SQLite tells KiB from pages.
const CACHE_KIB: i64 = -16 * 1024;
/// Size of a page of a new file. Twice SQLite's own choice: most events need one page or two then, which is a sixth less
/// work for a commit and makes the file smaller.
const PAGE_BYTES: i64 = 8 * 1024;
/// Size of the write-ahead log, in pages, at which its pages are copied to the database file. Larger than SQLite's own
/// choice: pages that are written again and again are copied, and the file synced, less often.
const WAL_PAGES: i64 = 32 * 1024 * 1024 / PAGE_BYTES;

/// A connection to a database file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    connection: Connection,
}

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read and write; creates the file.
    Write,
    /// Read only.
    Read,
}

impl Sqlite {
    /// Opens the file.
    pub(crate) fn open(file: &Path, access: Access) -> Result<Self, StoreError> {
        assert!(
            rusqlite::version_number() >= VERSION_MIN,
            "the bundled SQLite {} is older than {VERSION_MIN}",
            rusqlite::version()
        );
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
            | match access {
                Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
                Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            };
        let connection = Connection::open_with_flags(file, flags).map_err(store_error)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(store_error)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS_MAX);
        let mut db = Self { connection };
        db.script(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
             PRAGMA synchronous = FULL; PRAGMA cache_size = {CACHE_KIB}; PRAGMA temp_store = MEMORY;
             PRAGMA wal_autocheckpoint = {WAL_PAGES};"
        ))?;
        Ok(db)
    }

    /// Switches the file to a write-ahead log, which it stays in.
    pub(crate) fn use_write_ahead_log(&mut self) -> Result<(), StoreError> {
        let mode: String = self
            .connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(store_error)?;
        if mode == "wal" {
            return Ok(());
        }
        Err(StoreError::unavailable(format!("journal mode is `{mode}`: the file system must support WAL")))
    }

    pub(crate) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(store_error)
    }

    pub(crate) fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(store_error)?;
        let rows = statement.execute(params_from_iter(params)).map_err(store_error)?;
        Ok(rows as u64)
    }

    pub(crate) fn for_each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        read: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(store_error)?;
        let mut rows = statement.query(params_from_iter(params)).map_err(store_error)?;
        while let Some(row) = rows.next().map_err(store_error)? {
            read(&Row::Sqlite(row))?;
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, rows: &TableRows<'_>) -> Result<(), StoreError> {
        let TableRows { table, on_conflict, values } = rows;
        let sql = dialect::sqlite_insert(table, *on_conflict);
        let mut statement = self.connection.prepare_cached(&sql).map_err(store_error)?;
        for row in values.chunks(table.columns.len()) {
            statement.execute(params_from_iter(row)).map_err(store_error)?;
        }
        Ok(())
    }
}

fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::storage_full(error),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::damaged(error.to_string()),
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure,
        ) => StoreError::unavailable(error),
        _ => StoreError::refused(error),
    }
}
