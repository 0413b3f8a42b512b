//! Who must approve a change, and whose approvals count.
//!
//! Invariant: only a human's approval of the current digest satisfies a gate, and one person satisfies one gate only, be
//! it by an own role or by lent authority.
//! Requirements without gates are always automated ones, and only policy can make them so.

mod condition;
mod given;
mod required;
pub mod rules;
mod settings;

pub use condition::{Condition, InvalidLink, Met, Proof};
pub use given::{Approval, Outstanding, in_turn, outstanding};
pub use required::{Case, Gate, Requirements, STAGES_MAX, StandingApproval};
pub use rules::requirements;
pub use settings::{
    ApprovalSettings, InvalidSetting, PERIOD_SECONDS_MAX, PERIOD_SECONDS_MIN, Period, QUORUM_MAX, Quorum,
};
