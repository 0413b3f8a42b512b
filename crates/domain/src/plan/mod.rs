//! How a change is implemented and taken back: the plan's definition and its execution as a pure state machine.
//!
//! A [`Run`] is folded from [`Observation`]s and says what to do next as an [`Action`]; it does nothing itself. The one
//! rule that everything else rests on: a task may be recorded as started only when starting it is the next action, and
//! it is recorded before it is executed. So two tasks never run at once, a paused run starts nothing, a run that rolls
//! back never goes forward again, and whatever may have been done is on record.

pub mod acceptance;
pub mod definition;
pub mod kinds;
pub mod observation;
pub mod rehearsal;
pub mod reversibility;
pub mod run;
pub mod source;
pub mod strategy;
pub mod task;
pub mod tolerance;
pub mod validate;
pub mod view;

mod next;
mod script;
mod unwind;

pub use acceptance::{Acceptor, UserAcceptance};
pub use definition::{
    Capture, Check, Command, HttpRequest, Monitor, Plan, Probe, RollbackPlan, Step, StepKind,
};
pub use kinds::{
    Cluster, Flag, Kubernetes, KubernetesAction, Objects, ReadBack, Router, Script, Sql, Traffic, Workload,
    WorkloadKind,
};
pub use next::Action;
pub use observation::{CaptureId, Captured, Cause, InvalidObservation, MonitorAnswer, Observation};
pub use rehearsal::{Rehearsable, Rehearsal, RehearsedTask, Target};
pub use reversibility::{Reversibility, WayBack};
pub use run::{IllegalObservation, Observed, Run};
pub use source::{AlertQuestion, FindingsQuestion, MetricQuery, PrometheusQuestion};
pub use strategy::{Analysis, Bake, Hold, HoldWhen, Stage, Strategy, Undecided};
pub use task::{Decision, Failure, Finding, Outcome, Part, Remedy, Task, TaskState};
pub use tolerance::{Member, Tolerance};
pub use validate::PlanError;
pub use view::{Phase, Progress, Question, QuestionKind, RunOutcome, StageStatus, StepStatus};
