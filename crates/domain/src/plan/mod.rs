//! How a change is implemented and taken back: the plan's definition and its execution as a pure state machine.

pub mod definition;

pub use definition::{
    Capture, Check, Command, HttpRequest, Monitor, Plan, Probe, RollbackPlan, Step, StepKind, Strategy,
};
