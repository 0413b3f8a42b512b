//! Puts a backup into an empty database, of either kind. This is also how a store moves from SQLite to PostgreSQL.
//!
//! The file is read twice: first to see that it is complete and unaltered, then to insert its rows. The log that they
//! make is verified in the same transaction, so a database is restored as a whole or stays empty.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use audit::{Frontier, Hash, TreeHead};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::backup::{FORMAT, FORMAT_VERSION, Header, TableHeader, Trailer};
use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::migrate::{RESTORED_FROM, SCHEMA_VERSION};
use crate::open::{Config, OpenError, open_writer};
use crate::sql::count;
use crate::table::{BACKED_UP, Kind, Table};
use crate::thread;
use crate::verify::{VerifyError, VerifyReport, verify_all};

/// Longest line of a backup, in bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Number of rows inserted at once.
const CHUNK_ROWS: usize = 500;

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreReport {
    /// Number of rows of all tables.
    pub rows: u64,
    /// What the verification of the restored log checked.
    pub verified: VerifyReport,
}

/// A backup that could not be restored. The database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The file is not a complete backup.
    #[error("`{}` is not a complete backup, line {line}: {what}; use another one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A file of another release.
    #[error(
        "backup has format {format} and schema version {schema}, this release reads {FORMAT_VERSION} and \
        {RESTORED_FROM} to {SCHEMA_VERSION}: \
        use the release that wrote it"
    )]
    Version {
        /// The file's format version.
        format: u64,
        /// The file's schema version.
        schema: u64,
    },
    /// The database is not empty.
    #[error("database is not empty (table `{table}` has rows): restore into an empty one")]
    NotEmpty {
        /// A table with rows.
        table: &'static str,
    },
    /// What the file contains is not what its log says.
    #[error("backup does not verify: use another one")]
    Verify(#[source] Box<VerifyError>),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] Box<OpenError>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Restores a backup into the empty or not yet existing database at the configured place.
///
/// # Errors
/// When the file is incomplete or altered, the database is in use or not empty, or the log does not verify with the
/// configured keys. The database then stays empty.
pub async fn restore(file: &Path, config: &Config) -> Result<RestoreReport, RestoreError> {
    let (file, config) = (file.to_owned(), config.clone());
    thread::run("store-restore", move || {
        // Once through without a database: nothing is begun with half a backup.
        let mut complete = BackupFile::open(&file)?;
        while complete.next()?.is_some() {}
        let trusted_keys = config.trusted_keys();
        let mut opened = open_writer(&config.location, &trusted_keys).map_err(Box::new)?;
        opened.db.transaction(|db| {
            db.take_log()?;
            check_empty(db)?;
            let rows = insert_rows(db, BackupFile::open(&file)?)?;
            let verified = verify_all(db, &trusted_keys, &mut |_| {})
                .map_err(|error| RestoreError::Verify(Box::new(error)))?;
            Ok(RestoreReport { rows, verified })
        })
    })
    .await
}

fn check_empty(db: &mut Database) -> Result<(), RestoreError> {
    for table in BACKED_UP {
        let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        if db.query_opt(&sql, &[], |_| Ok(()))?.is_some() {
            return Err(RestoreError::NotEmpty { table: table.name });
        }
    }
    Ok(())
}

/// Inserts all rows and makes the head that belongs to them.
fn insert_rows(db: &mut Database, mut file: BackupFile) -> Result<u64, RestoreError> {
    let mut table: Option<&'static Table> = None;
    let mut width = 0;
    let mut values: Vec<Value<'static>> = Vec::new();
    while let Some(line) = file.next()? {
        match line {
            Line::Table(header) => {
                insert_chunk(db, table, &mut values)?;
                table = BACKED_UP.into_iter().find(|table| header.is_of(table));
                width = header.columns.len();
                if table.is_none() {
                    return Err(
                        file.damaged(format!("table `{}` or one of its columns is unknown", header.table))
                    );
                }
            }
            Line::Row(cells) => {
                let table = table.ok_or_else(|| file.damaged("a row before the first table"))?;
                if cells.len() != width {
                    return Err(file.damaged(format!("a row of `{}` has {} cells", table.name, cells.len())));
                }
                for (cell, (column, kind)) in cells.into_iter().zip(table.columns) {
                    let value = value(cell, *kind);
                    values.push(
                        value
                            .ok_or_else(|| file.damaged(format!("`{column}` has a cell of another type")))?,
                    );
                }
                // Columns that were added later are empty in rows of before.
                values.extend(table.columns.iter().skip(width).map(|_| Value::Null));
                if values.len() >= CHUNK_ROWS * table.columns.len() {
                    insert_chunk(db, Some(table), &mut values)?;
                }
            }
        }
    }
    insert_chunk(db, table, &mut values)?;
    let made = insert_head(db)?;
    if (made.size, made.root) != (file.header.log_size, file.header.log_root) {
        let what = format!("its log has {} entries with root {}, not those it states", made.size, made.root);
        return Err(file.damaged(what));
    }
    Ok(file.rows)
}

fn insert_chunk(
    db: &mut Database,
    table: Option<&'static Table>,
    values: &mut Vec<Value<'static>>,
) -> Result<(), StoreError> {
    let values = std::mem::take(values);
    table.map_or(Ok(()), |table| db.insert(table, values))
}

fn value(cell: Json, kind: Kind) -> Option<Value<'static>> {
    match (kind, cell) {
        (_, Json::Null) => Some(Value::Null),
        (Kind::Int, Json::Number(number)) => number.as_i64().map(Value::Int),
        (Kind::Text, Json::String(text)) => Some(text.into()),
        (Kind::Bytes, Json::String(text)) => BASE64.decode(text).ok().map(Value::from),
        _ => None,
    }
}

/// Makes the head anew from the events.
fn insert_head(db: &mut Database) -> Result<TreeHead, StoreError> {
    const LEAVES: &str = "SELECT leaf_hash, recorded_at FROM event ORDER BY log_index";
    const UPDATE: &str = "UPDATE log_head SET size = $1, frontier = $2, last_at = $3 WHERE id = 1";
    let mut frontier = Frontier::new();
    let mut last_at = 0;
    db.for_each(LEAVES, &[], |row| {
        frontier.append(row.hash(0)?);
        last_at = last_at.max(row.int(1)?);
        Ok(())
    })?;
    db.execute(UPDATE, &[count(frontier.size()).into(), frontier.to_bytes().into(), last_at.into()])?;
    Ok(frontier.head())
}

/// A backup being read. It ends only where its trailer says that everything was there.
struct BackupFile {
    lines: Lines,
    header: Header,
    hash: Sha256,
    rows: u64,
}

/// A line between header and trailer.
enum Line {
    Table(TableHeader),
    Row(Vec<Json>),
}

impl BackupFile {
    fn open(path: &Path) -> Result<Self, RestoreError> {
        let mut lines = Lines::open(path)?;
        let first = lines.next()?;
        // Other releases may have other fields, so format and versions are looked at first.
        let versions: Json = lines.parse(&first)?;
        if versions.get("format").and_then(Json::as_str) != Some(FORMAT) {
            return Err(lines.damaged("it does not begin like one"));
        }
        let version = |key| versions.get(key).and_then(Json::as_u64).unwrap_or(0);
        let (format, schema) = (version("format_version"), version("schema_version"));
        let is_readable = (u64::from(RESTORED_FROM)..=u64::from(SCHEMA_VERSION)).contains(&schema);
        if format != u64::from(FORMAT_VERSION) || !is_readable {
            return Err(RestoreError::Version { format, schema });
        }
        let header = lines.parse(&first)?;
        Ok(Self { lines, header, hash: Sha256::new().chain_update(&first), rows: 0 })
    }

    /// The next line; none after a trailer that agrees with everything before it.
    fn next(&mut self) -> Result<Option<Line>, RestoreError> {
        let line = self.lines.next()?;
        if line.starts_with(b"[") {
            self.hash.update(&line);
            self.rows += 1;
            return self.lines.parse(&line).map(|row| Some(Line::Row(row)));
        }
        if line.starts_with(b"{\"table\"") {
            self.hash.update(&line);
            return self.lines.parse(&line).map(|header| Some(Line::Table(header)));
        }
        let trailer: Trailer = self.lines.parse(&line)?;
        let sha256 = Hash::from_bytes(self.hash.clone().finalize().into()).to_string();
        if trailer != (Trailer { rows: self.rows, sha256 }) {
            return Err(self.damaged("the rows before it are not those that were written"));
        }
        self.lines.end()?;
        Ok(None)
    }

    fn damaged(&self, what: impl Into<String>) -> RestoreError {
        self.lines.damaged(what)
    }
}

/// The lines of a file, with their numbers.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, RestoreError> {
        let file = File::open(path).map_err(|source| RestoreError::File { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), reader: BufReader::new(file), number: 0 })
    }

    /// The next line with its line feed.
    fn next(&mut self) -> Result<Vec<u8>, RestoreError> {
        self.number += 1;
        let mut line = Vec::new();
        let read = (&mut self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|source| self.unreadable(source))?;
        if line.ends_with(b"\n") {
            Ok(line)
        } else {
            Err(self.damaged("it ends here, or the line is too long"))
        }
    }

    /// Makes sure that nothing follows.
    fn end(&mut self) -> Result<(), RestoreError> {
        match self.reader.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(self.damaged("something follows the end")),
            Err(source) => Err(self.unreadable(source)),
        }
    }

    fn parse<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, RestoreError> {
        serde_json::from_slice(line).map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, what: impl Into<String>) -> RestoreError {
        RestoreError::Damaged { path: self.path.clone(), line: self.number, what: what.into() }
    }

    fn unreadable(&self, source: io::Error) -> RestoreError {
        RestoreError::File { path: self.path.clone(), source }
    }
}
