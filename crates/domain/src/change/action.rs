//! Effects as values: what the shell must do in the same transaction as the events.

use jiff::Timestamp;

use super::command::Deadline;
use crate::incident::Severity;
use crate::text::FreeText;

/// Something to be done because of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Set the timer of a deadline; an earlier one of the same kind is replaced.
    SetTimer {
        /// Which deadline.
        deadline: Deadline,
        /// When it passes.
        due_at: Timestamp,
    },
    /// Cancel the timer of a deadline, if it is set.
    CancelTimer {
        /// Which deadline.
        deadline: Deadline,
    },
    /// Tell the stakeholders.
    Notify {
        /// What about.
        notice: Notice,
    },
    /// Open an incident linked to the change.
    OpenIncident {
        /// How bad.
        severity: Severity,
        /// What led to it, in a sentence.
        cause: FreeText,
    },
}

/// What stakeholders are told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Authorities are asked to decide.
    ApprovalRequested,
    /// Decided.
    Approved,
    /// Refused.
    Rejected,
    /// Implementation begins.
    Started,
    /// The runner is gone.
    Interrupted,
    /// Rolling back.
    RollbackStarted,
    /// Undone.
    RolledBack,
    /// Could not be undone: page somebody.
    RollbackFailed,
    /// Ended.
    Closed,
    /// A person must look.
    AttentionNeeded,
}

impl Notice {
    /// The topic under which the notice is sent.
    pub fn topic(self) -> &'static str {
        match self {
            Self::ApprovalRequested => "change.approval_requested",
            Self::Approved => "change.approved",
            Self::Rejected => "change.rejected",
            Self::Started => "change.implementation_started",
            Self::Interrupted => "change.interrupted",
            Self::RollbackStarted => "change.rollback_started",
            Self::RolledBack => "change.rolled_back",
            Self::RollbackFailed => "change.rollback_failed",
            Self::Closed => "change.closed",
            Self::AttentionNeeded => "change.attention_needed",
        }
    }
}
