//! What policies decide and which are refused, all by asking the real engine.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests stop the test that calls them"
)]

mod added;
mod asked;
mod attributes;
mod broken;
mod controls;
mod docs;
mod matrix;
mod rules;
mod vocabulary;
