//! The HTTP client of our own API: one method for each operation, the wire types of `api` in and out.
//!
//! Knows: paths, headers, time limits, and which calls may be repeated when no answer came. Never does: decide
//! anything about a change, read settings, or keep anything on disk.
//!
//! Invariant: the token leaves the process only towards the configured server, over TLS or the loopback interface
//! unless insecure connections are allowed, and appears in no error and no debug output. Every wait, every answer and
//! every number of attempts is bounded.

mod actors;
mod address;
mod approvals;
mod audit;
mod cab;
mod calendar;
mod calibrations;
mod call;
mod catalog;
mod changes;
mod cmdb;
mod ecab;
mod error;
mod events;
mod history;
mod incidents;
mod models;
mod notifications;
mod policies;
mod problems;
mod risk;
mod runners;
mod runs;
mod sse;
mod stops;
mod token;

pub use address::Security;
pub use calendar::SlotFilter;
pub use call::{
    ATTEMPTS_MAX, Client, EVIDENCE_BYTES_MAX, REQUEST_TIMEOUT, RESPONSE_BYTES_MAX, RUN_TIMEOUT,
    VERIFY_TIMEOUT,
};
pub use changes::ChangeFilter;
pub use cmdb::CiFilter;
pub use error::ClientError;
pub use events::{EVENTS_IDLE_MAX, Event, EventFilter};
pub use incidents::IncidentFilter;
pub use problems::ProblemFilter;
pub use risk::KpiFilter;
