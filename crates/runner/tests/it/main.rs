//! The runner with real processes against a server that keeps a real run, enforces leases, and can be disturbed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests stop the test that calls them"
)]

mod bakes;
mod bench;
mod comparisons;
mod disturbances;
mod faults;
mod leases;
mod monitors;
mod people;
mod plans;
mod server;
mod snapshots;
mod soaks;
mod stops;
mod strategies;
mod takeovers;
mod workspaces;
