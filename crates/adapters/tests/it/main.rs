//! The adapters against real programs and files.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stop the test that calls them")]

mod cmdb;
mod execute;
mod execute_contract;
mod execute_guardian;
mod execute_repeat;
mod execute_workbench;
mod flag;
mod git;
mod history;
mod kubernetes;
mod kubernetes_server;
mod metrics;
mod metrics_silence;
mod metrics_sources;
mod outgoing;
mod outgoing_listener;
mod scan;
mod snapshot;
mod sql;
mod traffic;
