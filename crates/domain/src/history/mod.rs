//! Changes that another system carried out, imported so that assessments can learn from how they ended.
//!
//! Each has a stream of its own, `imported/<system>/<id there>`. Importing the same record again changes nothing; an
//! altered one is a further event. [`PastChange::check`] says what may be imported, [`RecordDigest`] what is the same.
//!
//! Invariant: an imported change is never one of ours. It has no number, no approvals and no trail, stands in no list
//! and counts in no figure about our own changes; whoever uses it says that it was imported.

mod change;
mod event;
mod name;

pub use change::{ChangedBy, Churn, InvalidPastChange, PastChange, RecordDigest};
pub use event::HistoryEvent;
pub use name::{ExternalId, FilePath, InvalidName, RequesterKey, SourceSystem};

/// Most services of an imported change.
pub const SERVICES_MAX: usize = 100;
/// Most configuration items that an imported change names; [`Churn::cis`] counts them all.
pub const CIS_MAX: usize = 200;
/// Most files that an imported change names; [`Churn::files`] counts them all.
pub const FILES_MAX: usize = 200;
/// Most bytes of the names of services, configuration items and files together: an event has to fit an entry of the log.
pub const NAMES_BYTES_MAX: usize = 24 * 1024;
/// Longest description of an imported change, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 4 * 1024;
/// Longest name of a requester in another system, in bytes.
pub const REQUESTER_BYTES_MAX: usize = 256;
/// Largest accepted count of lines, files, folders or items.
pub const COUNT_MAX: u64 = 1_000_000_000;
