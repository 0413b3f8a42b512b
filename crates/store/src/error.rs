//! What can go wrong with a database, as a caller needs to tell it apart.

use std::error::Error;
use std::sync::Arc;

/// The cause of a failure, as the database driver or the operating system told it. Shared, because one failed commit
/// fails everybody who was in it.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// A failure that any operation of the store can meet.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or does not answer. Nothing was written; trying again later may work.
    #[error("database is not available: check that it runs and can be reached, then try again")]
    Unavailable(#[source] Cause),
    /// The connection was lost while a commit was under way and could not be restored in time to find out how it ended.
    #[error(
        "database was lost during a commit, whose outcome is not known: read what was written, then decide again"
    )]
    OutcomeUnknown(#[source] Cause),
    /// The disk is full or a quota is used up. Nothing was written.
    #[error("storage is full: nothing was written; free space on the database's disk, then try again")]
    StorageFull(#[source] Cause),
    /// Stored data cannot be read back.
    #[error("stored data is damaged ({what}): run `cortex-change audit verify` and restore a backup")]
    Damaged {
        /// Which data, and what is wrong with it.
        what: String,
    },
    /// The database refused a statement for a reason that is our mistake, not the caller's.
    #[error("database refused an operation")]
    Refused(#[source] Cause),
    /// A list was continued with a cursor that does not belong to it.
    #[error(
        "cursor does not continue this list: leave it out to start at the beginning, or repeat the same filter and order"
    )]
    InvalidCursor,
    /// A stream or request is larger than the store handles at once.
    #[error("{what} is more than {limit}: split it")]
    TooMuch {
        /// What was counted.
        what: &'static str,
        /// The most that is accepted.
        limit: usize,
    },
    /// The store was closed, or its threads have ended.
    #[error("store is closed: the process is shutting down")]
    Closed,
}

impl StoreError {
    pub(crate) fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }

    pub(crate) fn storage_full(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::StorageFull(Arc::from(cause.into()))
    }

    pub(crate) fn refused(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(Arc::from(cause.into()))
    }

    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    /// Whether it says something about the connection, not about what was asked for.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::OutcomeUnknown(_) | Self::Closed)
    }

    /// Whether the connection is gone and a new one may do better.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
