//! Effects as values: what the shell must do in the same transaction as the events.

use jiff::Timestamp;

use super::command::Deadline;
use super::kind::words;
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

words!(
    /// What people are told about.
    Notice, "kind of notification", {
        /// Authorities are asked to decide.
        ApprovalRequested = "change.approval_requested",
        /// Half of the time to decide is over.
        ApprovalReminder = "change.approval_reminder",
        /// Nine tenths of the time to decide are over.
        ApprovalEscalated = "change.approval_escalated",
        /// Decided.
        Approved = "change.approved",
        /// Refused.
        Rejected = "change.rejected",
        /// Given up before its start.
        Cancelled = "change.cancelled",
        /// Implementation begins.
        Started = "change.implementation_started",
        /// The runner is gone.
        Interrupted = "change.interrupted",
        /// Rolling back.
        RollbackStarted = "change.rollback_started",
        /// Undone.
        RolledBack = "change.rolled_back",
        /// Could not be undone: page somebody.
        RollbackFailed = "change.rollback_failed",
        /// Ended.
        Closed = "change.closed",
        /// A person must look.
        AttentionNeeded = "change.attention_needed",
        /// A change led to an incident.
        IncidentOpened = "incident.opened",
        /// An incident became worse.
        IncidentWorsened = "incident.worsened",
        /// The effect of an incident is gone.
        IncidentResolved = "incident.resolved",
        /// An administrator tries a channel out.
        Test = "notification.test",
    }
);
