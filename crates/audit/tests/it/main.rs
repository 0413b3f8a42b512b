//! The audit log as its users meet it: against known answers, against other implementations, and against damage.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stop the test that calls them"
)]

mod bundles;
mod commitments;
mod harness;
mod logs;
mod notes;
mod proofs;
mod tiles;
mod trees;
