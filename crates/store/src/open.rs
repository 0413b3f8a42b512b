//! Where a store lives and how it is opened: for a server, or read-only for a tool.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{SigningKey, VerifyingKey};

use crate::database::{Access, Database, Postgres, Sqlite};
use crate::error::StoreError;
use crate::log;
use crate::migrate::{self, Missing};
use crate::writer::LogHead;

/// Name of the database file in its folder.
pub const DATABASE_FILE: &str = "cortex-change.db";
/// Name of the file in the same folder that is locked while a server has the database open.
pub const LOCK_FILE: &str = "LOCK";
/// Number of threads that read, unless configured otherwise.
pub const READERS_DEFAULT: usize = 4;
/// Most threads that read.
pub const READERS_MAX: usize = 64;

/// Where a store lives.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// SQLite, in this folder.
    Folder(PathBuf),
    /// PostgreSQL, at this URL; `postgresql:///name?host=/folder` for a socket.
    Url(String),
}

impl Location {
    /// The folder, or the URL without user and password.
    fn described(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Url(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgresql", ""));
                let rest = rest.split(['?', '#']).next().unwrap_or_default();
                format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default())
            }
        }
    }
}

/// Shows no password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Location").field(&self.described()).finish()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.described())
    }
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it lives.
    pub location: Location,
    /// The key that signs the log's checkpoints.
    pub signing_key: Arc<SigningKey>,
    /// Keys that signed earlier checkpoints.
    pub retired_keys: Vec<VerifyingKey>,
    /// Number of threads that read, 1 to [`READERS_MAX`].
    pub readers: usize,
}

impl Config {
    /// The usual settings.
    pub fn new(location: Location, signing_key: Arc<SigningKey>) -> Self {
        Self { location, signing_key, retired_keys: Vec::new(), readers: READERS_DEFAULT }
    }

    /// Every key whose checkpoints are trusted.
    pub(crate) fn trusted_keys(&self) -> Vec<VerifyingKey> {
        let mut keys = vec![self.signing_key.verifying_key().clone()];
        keys.extend(self.retired_keys.iter().cloned());
        keys
    }
}

/// A store that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("`{}` cannot be used: check that it exists and that this user may write to it", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The URL is not one of PostgreSQL.
    #[error("database URL cannot be read: expected a form like `postgresql://user:password@host/database`")]
    Url {
        /// What is wrong with it.
        #[source]
        source: postgres::Error,
    },
    /// Another process has it open.
    #[error("`{}` is in use by another process: stop that one, or choose another folder", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The database belongs to something else.
    #[error(
        "database is not one of cortex-change (it has {tables} tables of something else): choose an empty one"
    )]
    Foreign {
        /// Number of tables found.
        tables: u64,
    },
    /// The file is not a database, or a damaged one.
    #[error(
        "`{location}` is not a readable database of cortex-change: restore a backup, or choose an empty place"
    )]
    Damaged {
        /// Where it is.
        location: String,
        /// What is wrong with it.
        #[source]
        source: StoreError,
    },
    /// A newer release wrote it.
    #[error(
        "database has schema version {found}, this release knows up to {known}: use the newer release, or restore a backup"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The highest version known.
        known: u32,
    },
    /// It is empty or of an older release, and may not be changed.
    #[error(
        "database has schema version {found} instead of {expected}: start a server on it once to set it up"
    )]
    OldSchema {
        /// The version found; 0 for an empty database.
        found: u32,
        /// The version of this release.
        expected: u32,
    },
    /// The last checkpoint was signed by an unknown key.
    #[error(
        "log's last checkpoint, of {size} entries, is not signed by the configured key: use the key it was started with"
    )]
    OtherKey {
        /// The checkpoint's size.
        size: u64,
    },
    /// Fewer readers than one or more than the limit.
    #[error("{readers} reader threads are not possible: expected 1 to {READERS_MAX}")]
    Readers {
        /// The number given.
        readers: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A database that is ready for a server: the connection that writes, and what keeps others out.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) db: Database,
    pub(crate) lock: Option<FolderLock>,
    pub(crate) log_size: u64,
}

/// A folder that nobody else may open. Closing the file would not be enough to let go of it: a child process that is
/// just being started has it open as well.
#[derive(Debug)]
pub(crate) struct FolderLock(File);

impl Drop for FolderLock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "lock of the data folder could not be released");
        }
    }
}

/// Opens the database for a server; sets it up when it is new.
pub(crate) fn open_writer(location: &Location, trusted_keys: &[VerifyingKey]) -> Result<Opened, OpenError> {
    let mut lock = None;
    let mut db = match location {
        Location::Folder(folder) => {
            fs::create_dir_all(folder).map_err(|source| OpenError::Path { path: folder.clone(), source })?;
            lock = Some(lock_folder(folder)?);
            let db = Sqlite::open(&folder.join(DATABASE_FILE), Access::Write);
            Database::Sqlite(db.map_err(|error| at(location, error.into()))?)
        }
        Location::Url(url) => Database::Postgres(Box::new(Postgres::connect(url)?)),
    };
    migrate::prepare(&mut db, Missing::Create).map_err(|error| at(location, error))?;
    if let Database::Sqlite(db) = &mut db {
        db.use_write_ahead_log()?;
    }
    // On one state of the database: another server may be writing.
    let log_size = db.snapshot(|db| check_log(db, trusted_keys)).map_err(|error| at(location, error))?;
    Ok(Opened { db, lock, log_size })
}

/// Opens another connection to a database that is set up already. Takes no lock: a server may be running.
pub(crate) fn open_reader(location: &Location) -> Result<Database, OpenError> {
    let mut db = match location {
        Location::Folder(folder) => {
            let file = folder.join(DATABASE_FILE);
            fs::metadata(&file).map_err(|source| OpenError::Path { path: file.clone(), source })?;
            let db = Sqlite::open(&file, Access::Read);
            Database::Sqlite(db.map_err(|error| at(location, error.into()))?)
        }
        Location::Url(url) => Database::Postgres(Box::new(Postgres::connect(url)?)),
    };
    migrate::prepare(&mut db, Missing::Refuse).map_err(|error| at(location, error))?;
    Ok(db)
}

/// Says where the damage is.
fn at(location: &Location, error: OpenError) -> OpenError {
    match error {
        OpenError::Store(source @ StoreError::Damaged { .. }) => {
            OpenError::Damaged { location: location.described(), source }
        }
        other => other,
    }
}

fn lock_folder(folder: &Path) -> Result<FolderLock, OpenError> {
    let path = folder.join(LOCK_FILE);
    let unusable = |source| OpenError::Path { path: path.clone(), source };
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Looks at both ends of the log: a start must be quick, so the middle is left to `verify`.
fn check_log(db: &mut Database, trusted_keys: &[VerifyingKey]) -> Result<u64, OpenError> {
    const LAST: &str = "SELECT COALESCE(MAX(log_index) + 1, 0) FROM event";
    let head = LogHead::read(db)?.head();
    let events = db.query_one(LAST, &[], |row| row.count(0))?;
    if events != head.size {
        let what = format!("log_head states {} entries, the last one stored is number {events}", head.size);
        return Err(StoreError::damaged(what).into());
    }
    if let Some(last) = log::latest_checkpoint(db)? {
        let size = last.head.size;
        let verified = trusted_keys.iter().find_map(|key| key.verify(&last.note).ok());
        let signed = verified.ok_or(OpenError::OtherKey { size })?;
        if *signed.head() != head {
            let what = format!(
                "log_head has root {} at {}, signed is {} at {size}",
                head.root,
                head.size,
                signed.head().root
            );
            return Err(StoreError::damaged(what).into());
        }
    }
    Ok(head.size)
}
