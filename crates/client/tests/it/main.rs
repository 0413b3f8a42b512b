//! The client against servers that answer well, badly or not at all.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stop the test that calls them"
)]

mod calls;
mod events;
mod faults;
mod scripted;
