//! Where databases of a benchmark lie: on the same disk, in folders that go when the benchmark ends.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use store::{Location, Store};
use tempfile::TempDir;
use testkit::PrivatePostgres;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The embedded one.
    Sqlite,
    /// A private server.
    Postgres,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// Databases of one kind.
#[derive(Debug)]
pub struct Places {
    folder: TempDir,
    postgres: Option<PrivatePostgres>,
}

impl Places {
    /// Makes room for them; starts a server where the kind needs one.
    ///
    /// # Errors
    /// When there is no folder to be had, or PostgreSQL does not start.
    pub fn new(kind: Kind) -> Result<Self> {
        let folder = TempDir::with_prefix("cortex-change-bench-").context("create a temporary folder")?;
        let postgres = (kind == Kind::Postgres).then(PrivatePostgres::start).transpose()?;
        Ok(Self { folder, postgres })
    }

    /// An empty database.
    ///
    /// # Errors
    /// When the name is taken or the server does not answer.
    pub fn place(&self, name: &str) -> Result<Place> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).with_context(|| format!("create a folder `{name}`"))?;
        let url = self.postgres.as_ref().map(|server| server.database(name)).transpose()?;
        Ok(Place { folder, url })
    }
}

/// A database, and the folder of what belongs to it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The data folder of a server.
    pub folder: PathBuf,
    /// PostgreSQL, where it is not the embedded database.
    pub url: Option<String>,
}

impl Place {
    /// How a server there is configured.
    pub fn config(&self) -> server::Config {
        let Self { folder, url } = self.clone();
        server::Config { data: folder, database_url: url, ..server::Config::default() }
    }

    /// Opens it as a server does, which must not be running.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub async fn open(&self) -> Result<Store> {
        Ok(Store::open(server::store_config(&self.config())?).await?)
    }

    /// Folder or URL.
    pub(crate) fn target(&self) -> String {
        match self.location() {
            Location::Folder(folder) => folder.display().to_string(),
            Location::Url(url) => url,
        }
    }

    fn location(&self) -> Location {
        match &self.url {
            Some(url) => Location::Url(url.clone()),
            None => Location::Folder(self.folder.clone()),
        }
    }

    /// Counts the changes of a database that no server has open, and verifies its log.
    ///
    /// # Errors
    /// When the log does not verify.
    pub async fn count_verified(&self) -> Result<u64> {
        let store = self.open().await?;
        let report = store.verify(|_| {}).await.context("the log does not verify")?;
        let counted: u64 = store.count_changes_by_state().await?.values().sum();
        store.close().await;
        eprintln!("    {counted} changes, {} entries verified", report.head.size);
        Ok(counted)
    }
}
