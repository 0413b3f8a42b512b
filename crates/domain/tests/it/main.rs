//! What the domain promises to the rest of the product.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test that calls them"
)]

mod actor;
mod approval;
mod board;
mod calendar;
mod calibrations;
mod canary;
mod canary_ranks;
mod change;
mod cmdb;
mod conflicts;
mod ecab;
mod history;
mod plan;
mod risk;
mod rollback;
mod stop;
