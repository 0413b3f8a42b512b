//! Predictions as their users meet them: against other implementations, by hand, and by property.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test that calls them"
)]

mod calibration;
mod features;
mod learners;
mod metrics;
mod model;
mod profile;
mod replacement;
mod table;
mod world;
