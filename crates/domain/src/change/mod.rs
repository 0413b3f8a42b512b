//! A change: its content, its life and what may happen to it.

pub mod action;
pub mod cause;
pub mod command;
pub mod content;
pub mod deadlines;
pub mod decide;
pub mod event;
pub mod evidence;
pub mod evolve;
pub mod files;
pub mod kind;
pub mod on_close;
pub mod refusal;
pub mod reported;
pub mod review;
pub mod state;
pub mod trail;
pub mod transition;

pub use action::{Action, Notice};
pub use command::{ActingActor, Command, Deadline, Facts, Override, ReviewKind};
pub use content::{Content, Source, Window};
pub use decide::{Decision, create, decide};
pub use event::{ChangeEvent, Grounds, Overridden};
pub use evidence::{AuthorFacts, Churn, Coverage, CoverageBasis, Evidence, TestResults};
pub use evolve::{CorruptChange, evolve, follow};
pub use files::{ChangedFile, ChangedFiles};
pub use kind::{Category, ChangeType};
pub use on_close::OnClose;
pub use refusal::Refusal;
pub use reported::{FindingSeverity, Line, PolicyFinding, ReportedFinding};
pub use review::{Found, ReviewFinding};
pub use state::{
    Assessing, Authorization, Awaiting, Change, Closed, Execution, Outcome, OverriddenDecision, Rehearsed,
    Rejected, RejectionReason, Retrospective, Runner, State, Validation, ValidationCheck,
};
pub use transition::{CommandName, StateName};
