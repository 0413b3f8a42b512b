//! The adapters against real programs and files.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stop the test that calls them")]

mod git;
mod scan;
