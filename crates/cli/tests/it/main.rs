//! The program as its users meet it: command lines in, output, files and exit status out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test that calls them"
)]

mod administration;
mod api;
mod approvals;
mod approve;
mod boards;
mod canary;
mod cmdb;
mod cmdb_sources;
mod create;
mod daemon;
mod demo;
mod evaluate;
mod failures;
mod files;
mod help;
mod history;
mod models;
mod monitored;
mod pipeline;
mod policy;
mod program;
mod reading;
mod rehearsal;
mod risk;
mod rollouts;
mod running;
mod stops;
mod usage;
mod wait;
mod watch;
mod workspaces;
mod world;
