//! The store as a whole: erasure, rebuild, comparison, verification, backup.

use std::path::Path;

use super::Store;
use crate::backup::{self, BackupError, BackupReport};
use crate::compare::{self, Comparison};
use crate::error::StoreError;
use crate::event::{self, StoredEvent};
use crate::name::StreamName;
use crate::open::open_reader;
use crate::projection::ProjectionRow;
use crate::rebuild::{self, ProjectError, RebuildError, RebuildReport};
use crate::thread;
use crate::verify::{self, VerifyError, VerifyProgress, VerifyReport};

impl Store {
    /// Erases the free texts of an event: the one at an RFC 6901 pointer, or all. Rows of views that showed them are
    /// replaced in the same transaction by those given. Tells how many texts were erased, or nothing when there is no
    /// such event. The log stays verifiable; backups made before still contain the texts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(
        &self,
        stream: &StreamName,
        version: u64,
        pointer: Option<&str>,
        rows: Vec<ProjectionRow>,
    ) -> Result<Option<usize>, StoreError> {
        let (stream, pointer) = (stream.clone(), pointer.map(str::to_owned));
        self.write(move |db, _| {
            let erased = event::erase(db, &stream, version, pointer.as_deref())?;
            rebuild::write_rows(db, &rows)?;
            Ok(erased)
        })
        .await
    }

    /// Replaces all rows of views by those that `project` makes of the streams' events. Nobody else writes meanwhile.
    ///
    /// # Errors
    /// When `project` fails for a stream, which leaves everything as it was, or the database fails.
    pub async fn rebuild(
        &self,
        project: impl Fn(&StreamName, Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError>
        + Send
        + 'static,
    ) -> Result<RebuildReport, RebuildError> {
        self.write(move |db, _| rebuild::rebuild(db, &project)).await?
    }

    /// Compares the stored rows of views with those that `project` makes of the streams' events. Writes nothing.
    ///
    /// # Errors
    /// When `project` fails for a stream, or the database fails.
    pub async fn compare(
        &self,
        project: impl Fn(&StreamName, Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError>
        + Send
        + 'static,
    ) -> Result<Comparison, RebuildError> {
        let location = self.inner.config.location.clone();
        thread::run("store-compare", move || {
            let mut db = open_reader(&location).map_err(Box::new)?;
            db.snapshot(|db| compare::compare(db, &project))
        })
        .await
    }

    /// Verifies the whole log as it is now: entries, texts, tree, tiles, checkpoints and head.
    ///
    /// # Errors
    /// With the first thing that is not as it was signed, or when the database fails.
    pub async fn verify(
        &self,
        progress: impl FnMut(VerifyProgress) + Send + 'static,
    ) -> Result<VerifyReport, VerifyError> {
        let config = self.inner.config.clone();
        verify::verify(&config.location, config.trusted_keys(), progress).await
    }

    /// Writes a backup of everything as it is now to a new file, while the store is in use.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the database fails.
    pub async fn backup(&self, file: &Path) -> Result<BackupReport, BackupError> {
        backup::backup(&self.inner.config.location, file).await
    }
}
