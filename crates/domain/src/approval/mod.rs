//! Who must approve a change, and whose approvals count.
//!
//! Invariant: only a human's approval of the current digest satisfies a gate, and one person satisfies one gate only.
//! Requirements without gates are always automated ones, and only policy can make them so.

mod condition;
mod given;
mod required;
pub mod rules;
mod settings;

pub use condition::{Condition, Met};
pub use given::{Approval, Outstanding, outstanding};
pub use required::{Case, Gate, Requirements, StandingApproval};
pub use rules::requirements;
pub use settings::{
    ApprovalSettings, InvalidSetting, PERIOD_SECONDS_MAX, PERIOD_SECONDS_MIN, Period, QUORUM_MAX, Quorum,
};
