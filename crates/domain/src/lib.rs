//! What a change is and what may happen to it.
//!
//! Knows: the life of a change, approvals, risk, plans, rollback conditions, the CMDB, actors, incidents and which policies
//! were in force, all as
//! plain values and plain functions. Never does: input or output, reading a clock, choosing a random number.
//! The current time, new identifiers and looked-up facts arrive as data.
//!
//! Invariant: `domain` performs no I/O, reads no clock and draws no randomness; the same inputs give the same result.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod actor;
pub mod alert;
pub mod approval;
pub mod authorization;
pub mod board;
pub mod calendar;
pub mod canary;
pub mod canonical;
pub mod catalog;
pub mod change;
pub mod cmdb;
pub mod duration;
pub mod ecab;
pub mod governance;
pub mod history;
pub mod id;
pub mod incident;
pub mod learning;
pub mod notification;
pub mod number;
pub mod plan;
pub mod priority;
pub mod problem;
pub mod risk;
pub mod rollback;
pub mod security;
pub mod stop;
pub mod text;

/// An instant in UTC. Stored with microsecond precision.
pub use jiff::Timestamp;
