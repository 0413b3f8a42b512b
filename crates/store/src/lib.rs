//! Where everything is kept: the log of events, what is written with it, and the views that are read from it.
//!
//! Knows: SQL, both databases, transactions, threads, the order of the log. Never does: decide whether a change may
//! happen, interpret an event, send a message or wake a timer; it keeps rows that others act on.
//!
//! [`Store`] is the handle. One [`append`](Store::append) is one transaction over several streams, their timers,
//! messages, idempotency key and projection rows. Inside, one thread writes and commits in groups, a few threads read,
//! and callers wait without blocking.
//!
//! Invariant: what a caller was told is written has been synced to disk; an append takes effect as a whole or not at
//! all; log indexes are dense and given in commit order, also by several servers on one PostgreSQL; no row of a view
//! says anything that does not follow from the log.
//!
//! Rejected: an asynchronous database driver (its thread hops cost more than SQLite's statements) and a storage trait
//! (there are two databases, and an enum leads the compiler to every place where they differ).

mod append;
mod artifact;
mod backup;
mod compare;
mod database;
mod dialect;
mod error;
mod event;
mod idempotency;
mod lease;
mod listener;
mod log;
mod migrate;
mod name;
mod new_event;
mod open;
mod outbox;
mod own;
mod prepare;
mod presence;
mod projection;
mod query;
mod rebuild;
mod restore;
mod sample;
mod sql;
mod store;
mod streams;
mod table;
mod thread;
mod timer;
mod verify;
mod writer;

pub use append::{
    Append, AppendError, Appended, EVENT_BYTES_MAX, EVENT_TEXT_BYTES_MAX, EVENTS_MAX, EventError, Guard,
    GuardClock, NewIdempotency, OutboxMessage, PARTS_MAX, PAYLOAD_BYTES_MAX, RESPONSE_BYTES_MAX,
    StoredResponse, StreamAppend, Timer, TimerOp,
};
pub use artifact::ARTIFACT_BYTES_MAX;
pub use backup::{BackupError, BackupReport, backup};
pub use compare::{Comparison, DIFFERENCES_MAX, Difference, Listing};
pub use error::{Cause, StoreError};
pub use event::{
    LOG_PAGE_EVENTS_MAX, STREAM_EVENTS_MAX, STREAMS_PAGE_MAX, StoredEvent, StoredLeaf, StreamVersion,
};
pub use lease::{LEASE_TIME_MAX, LEASE_TIME_MIN, LeaseError, LeaseGranted, LeaseState};
pub use log::{CHECKPOINTS_PAGE_MAX, ProveError, StoredCheckpoint};
pub use migrate::SCHEMA_VERSION;
pub use name::{
    HolderName, IdempotencyKey, InvalidName, MessageId, NAME_BYTES_MAX, ResourceName, STREAM_NAME_BYTES_MAX,
    StreamName, TimerId,
};
pub use new_event::NewEvent;
pub use open::{Config, DATABASE_FILE, LOCK_FILE, Location, OpenError, READERS_DEFAULT, READERS_MAX};
pub use outbox::{DELIVERY_ATTEMPTS_MAX, OUTBOX_PAGE_MAX, OutboxEntry};
pub use presence::{RUNNERS_MAX, RUNNERS_PER_ACTOR_MAX, RunnerSeen};
pub use projection::{
    ChangeRow, CiFacts, CiRow, ClosedChange, EndingRow, IncidentRow, ProjectionRow, RiskRow,
};
pub use query::{
    ChangeFilter, ChangeOrder, ChangePage, ChangeQuery, ChangeSort, CiCursor, CiFilter, CiOrder, CiPage,
    CiQuery, CiSort, Cursor, FILTER_VALUES_MAX, IncidentFilter, IncidentPage, IncidentQuery, PAGE_ROWS_MAX,
    RequesterLoad,
};
pub use rebuild::{ProjectError, RebuildError, RebuildReport};
pub use restore::{RestoreError, RestoreReport, restore};
pub use sample::{SAMPLES_PAGE_MAX, SAMPLES_PER_SERIES_MAX, Sample};
pub use store::Store;
pub use streams::{EventPlace, StreamSet};
pub use timer::TIMERS_PAGE_MAX;
pub use verify::{VerifyError, VerifyProgress, VerifyReport, verify};
