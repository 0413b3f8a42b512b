//! Makes the rows of all views anew from the log, stream by stream, with one stream in memory at a time.

use std::error::Error;

use crate::database::{Database, Inserts};
use crate::error::StoreError;
use crate::event::{self, STREAMS_PAGE_MAX, StoredEvent};
use crate::name::StreamName;
use crate::open::OpenError;
use crate::projection::ProjectionRow;
use crate::table::VIEWS;
use crate::writer::Projections;

/// What a projection has to say about a stream it cannot read.
pub type ProjectError = Box<dyn Error + Send + Sync>;

/// Rows that could not be made anew or compared.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The projection failed.
    #[error("events of `{stream}` cannot be projected: verify the log with `cortex-change audit verify`")]
    Project {
        /// The stream.
        stream: StreamName,
        /// What the projection says.
        #[source]
        source: ProjectError,
    },
    /// The database could not be opened once more.
    #[error(transparent)]
    Open(#[from] Box<OpenError>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RebuildReport {
    /// Number of streams read.
    pub streams: u64,
    /// Number of events read.
    pub events: u64,
    /// Number of rows written.
    pub rows: u64,
}

/// Replaces all rows. A projection that fails undoes what was written, but not what others wrote in the transaction.
pub(crate) fn rebuild(
    db: &mut Database,
    project: &impl Fn(&StreamName, Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError>,
) -> Result<Result<RebuildReport, RebuildError>, StoreError> {
    db.script("SAVEPOINT rebuild")?;
    match replace_all(db, project) {
        Ok(report) => {
            db.script("RELEASE SAVEPOINT rebuild")?;
            Ok(Ok(report))
        }
        Err(RebuildError::Store(error)) => Err(error),
        Err(error) => {
            db.script("ROLLBACK TO SAVEPOINT rebuild; RELEASE SAVEPOINT rebuild")?;
            Ok(Err(error))
        }
    }
}

fn replace_all(
    db: &mut Database,
    project: &impl Fn(&StreamName, Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError>,
) -> Result<RebuildReport, RebuildError> {
    for table in VIEWS {
        db.script(&format!("DELETE FROM {}", table.name))?;
    }
    let mut rows_written = 0;
    let mut report = each_stream(db, project, |db, rows| {
        rows_written += rows.len() as u64;
        write_rows(db, &rows)
    })?;
    report.rows = rows_written;
    Ok(report)
}

/// Writes rows of views.
pub(crate) fn write_rows(db: &mut Database, rows: &[ProjectionRow]) -> Result<(), StoreError> {
    let mut projections = Projections::default();
    projections.add(rows, |_| false);
    let mut inserts = Inserts::default();
    projections.add_to(&mut inserts, db)?;
    db.insert_all(&inserts)
}

/// Projects every stream and hands its rows to `take`.
pub(crate) fn each_stream(
    db: &mut Database,
    project: &impl Fn(&StreamName, Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError>,
    mut take: impl FnMut(&mut Database, Vec<ProjectionRow>) -> Result<(), StoreError>,
) -> Result<RebuildReport, RebuildError> {
    let mut report = RebuildReport::default();
    let mut after = None;
    loop {
        let page = event::streams(db, "", after.as_ref(), STREAMS_PAGE_MAX)?;
        let Some(last) = page.last() else { return Ok(report) };
        after = Some(last.stream.clone());
        for stream in page {
            let events = event::read_stream(db, &stream.stream, 0)?;
            report.streams += 1;
            report.events += events.len() as u64;
            let rows = project(&stream.stream, events)
                .map_err(|source| RebuildError::Project { stream: stream.stream, source })?;
            take(db, rows)?;
        }
    }
}
