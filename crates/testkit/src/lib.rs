//! What tests and benchmarks of several crates need: a real PostgreSQL, Prometheus, Alertmanager or HAProxy of their own.
//!
//! Knows: how to start, ask and end such servers. Never does: anything in the product; it is a dependency of tests
//! and benchmarks only.
//!
//! Invariant: whatever is started here ends with the process that started it, also when that is killed.

mod alertmanager;
mod haproxy;
mod postgres;
mod prometheus;
mod watchdog;

pub use alertmanager::PrivateAlertmanager;
pub use haproxy::PrivateHaproxy;
pub use postgres::PrivatePostgres;
pub use prometheus::PrivatePrometheus;
