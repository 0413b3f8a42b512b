//! The store's suite. Every check runs on an SQLite file and on a real PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stop the test that calls them"
)]

mod append;
mod backup;
mod cis;
mod concurrency;
mod durability;
mod effects;
mod faults;
mod harness;
mod leases;
mod lists;
mod open;
mod presence;
mod rebuild;
mod samples;
mod verify;
