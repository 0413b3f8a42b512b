//! The outside world: programs, services and files that other people's tools write, one file or folder each.
//!
//! An adapter knows one foreign format or protocol and turns it into plain values of ours. It decides nothing: whether a
//! number is good enough, a finding too severe or a step allowed is for `domain` and `policy` to say.
//!
//! Invariant: an adapter reports what the outside said, or an error that names what was wrong. Missing, unreadable and
//! unfinished input is never turned into an answer, least of all into a good one. Everything read, waited for or started
//! is bounded by a named constant.

mod clock;
pub mod cmdb;
pub mod execute;
pub mod git;
pub mod history;
pub mod mask;
pub mod metrics;
pub mod notify;
pub mod outgoing;
pub mod scan;
pub mod snapshot;
mod text;
