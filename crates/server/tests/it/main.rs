//! The server as its users meet it: a real one on a free port, with its own database and a clock that tests move.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stop the test that calls them"
)]

mod actors;
mod approvals;
mod audit;
mod authorization;
mod bad_acts;
mod bad_input;
mod boards;
mod budgets;
mod calendar;
mod chains;
mod circumstances;
mod closing;
mod cmdb;
mod conflicts;
mod contract;
mod events;
mod faults;
mod feed;
mod harness;
mod health_information;
mod history;
mod http;
mod incidents;
mod life;
mod lists;
mod mail;
mod metrics;
mod models;
mod notifications;
mod openapi;
mod peers;
mod performance;
mod policies;
mod portal;
mod presence;
mod red_team;
mod repeated;
mod reviews;
mod rollouts;
mod runner;
mod sink;
mod slack;
mod spec;
mod stops;
mod story;
mod team;
mod watching;
mod what_if;
