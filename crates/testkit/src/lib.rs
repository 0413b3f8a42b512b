//! What tests and benchmarks of several crates need: a real PostgreSQL or Prometheus of their own.
//!
//! Knows: how to start, ask and end such servers. Never does: anything in the product; it is a dependency of tests
//! and benchmarks only.
//!
//! Invariant: whatever is started here ends with the process that started it, also when that is killed.

mod postgres;
mod prometheus;

pub use postgres::PrivatePostgres;
pub use prometheus::PrivatePrometheus;
