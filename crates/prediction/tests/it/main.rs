//! Tests of the crate from outside.

mod calibration;
mod features;
mod learners;
mod metrics;
mod model;
mod replacement;
mod table;
mod world;
