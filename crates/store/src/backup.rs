//! A backup is one file that both databases write and read: lines of JSON, so that it can be looked into.
//!
//! The first line says what it is. Then, table by table, a line with name and columns and one line per row, bytes as
//! base64. The last line has the number of rows and the SHA-256 of everything before it. The file gets its name only
//! once it is complete and synced to disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use audit::{Hash, TreeHead};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::database::{Database, Row};
use crate::error::StoreError;
use crate::log;
use crate::migrate::SCHEMA_VERSION;
use crate::open::{Location, OpenError, open_reader};
use crate::table::{BACKED_UP, Kind, Table};
use crate::thread;

/// What the first line of a backup says it is.
pub(crate) const FORMAT: &str = "cortex-change backup";
/// Version of the file format that this release writes and reads.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Only the user who runs the server may read a backup: it contains everything.
const FILE_MODE: u32 = 0o600;

/// What a backup contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReport {
    /// Size and root of the log.
    pub head: TreeHead,
    /// Number of rows of all tables.
    pub rows: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// A backup that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name already.
    #[error("`{}` exists already: choose another name, or move it away", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("`{}` cannot be written: check the folder, its permissions and the free space", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] Box<OpenError>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) format_version: u32,
    pub(crate) schema_version: u32,
    pub(crate) log_size: u64,
    pub(crate) log_root: Hash,
}

/// The line before a table's rows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableHeader {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trailer {
    pub(crate) rows: u64,
    pub(crate) sha256: String,
}

impl TableHeader {
    pub(crate) fn of(table: &Table) -> Self {
        let columns = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        Self { table: table.name.to_owned(), columns }
    }

    /// Whether rows below it are of this table, as it is or as it was before columns were added at its end.
    pub(crate) fn is_of(&self, table: &Table) -> bool {
        let Self { columns, .. } = Self::of(table);
        self.table == table.name && !self.columns.is_empty() && columns.starts_with(&self.columns)
    }
}

/// Writes a backup of everything at a place to a new file, while a server may be using it.
///
/// # Errors
/// When the file exists or cannot be written, or the database fails.
pub async fn backup(location: &Location, file: &Path) -> Result<BackupReport, BackupError> {
    let (location, file) = (location.clone(), file.to_owned());
    thread::run("store-backup", move || {
        if fs::symlink_metadata(&file).is_ok() {
            return Err(BackupError::Exists { path: file });
        }
        let mut db = open_reader(&location).map_err(Box::new)?;
        let partial = partial_name(&file);
        let written = write_partial(&mut db, &partial).and_then(|report| {
            publish(&partial, &file).map_err(|source| BackupError::File { path: file.clone(), source })?;
            Ok(report)
        });
        if written.is_err() {
            // Whatever was written is of no use, and may be what filled the disk.
            let _absent = fs::remove_file(&partial);
        }
        written
    })
    .await
}

fn partial_name(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    file.with_file_name(name)
}

/// Gives the complete file its name and makes the name durable.
fn publish(partial: &Path, file: &Path) -> io::Result<()> {
    // A hard link fails where a rename would silently replace a file that appeared meanwhile.
    fs::hard_link(partial, file)?;
    fs::remove_file(partial)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn write_partial(db: &mut Database, partial: &Path) -> Result<BackupReport, BackupError> {
    let failed = |source| BackupError::File { path: partial.to_owned(), source };
    let file =
        OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(partial).map_err(failed)?;
    let mut out = Lines { out: BufWriter::new(file), hash: Sha256::new(), bytes: 0, failed: None };
    let (head, rows) = db.snapshot(|db| write_tables(db, &mut out))?;
    let sha256 = out.hash.clone().finalize();
    out.line(&Trailer { rows, sha256: Hash::from_bytes(sha256.into()).to_string() });
    out.finish().map_err(failed).map(|bytes| BackupReport { head, rows, bytes })
}

fn write_tables(db: &mut Database, out: &mut Lines) -> Result<(TreeHead, u64), StoreError> {
    let head = log::head(db)?;
    out.line(&Header {
        format: FORMAT.to_owned(),
        format_version: FORMAT_VERSION,
        schema_version: SCHEMA_VERSION,
        log_size: head.size,
        log_root: head.root,
    });
    let mut rows = 0;
    for table in BACKED_UP {
        out.line(&TableHeader::of(table));
        let sql = format!("SELECT {} FROM {} ORDER BY {}", table.column_list(), table.name, table.order);
        db.for_each(&sql, &[], |row| {
            rows += 1;
            out.line(&cells(table, row)?);
            Ok(())
        })?;
    }
    Ok((head, rows))
}

fn cells(table: &Table, row: &Row<'_>) -> Result<Vec<Json>, StoreError> {
    let cell = |(at, (_, kind)): (usize, &(&str, Kind))| match kind {
        Kind::Int => row.opt_int(at).map(Json::from),
        Kind::Text => row.opt_text(at).map(Json::from),
        Kind::Bytes => Ok(Json::from(row.opt_bytes(at)?.map(|bytes| BASE64.encode(bytes)))),
    };
    table.columns.iter().enumerate().map(cell).collect()
}

/// Lines on their way to the file. The first failure is kept and ends the writing.
struct Lines {
    out: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
    failed: Option<io::Error>,
}

impl Lines {
    fn line(&mut self, line: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_vec(line).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.hash.update(&line);
            self.bytes += line.len() as u64;
            self.out.write_all(&line)
        });
        self.failed = written.err();
    }

    fn finish(self) -> io::Result<u64> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(self.bytes)
    }
}
