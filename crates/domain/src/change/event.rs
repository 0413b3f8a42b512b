//! What has happened to a change. Events are past-tense and append-only; each has a fixture per version.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::command::ReviewKind;
use super::content::Content;
use super::review::ReviewFinding;
use super::state::{Outcome, RejectionReason, Validation};
use crate::actor::Role;
use crate::approval::{Approval, Proof, Requirements};
use crate::canonical::Digest;
use crate::id::{ChangeId, IncidentId, StepName};
use crate::plan::{Cause, Observation, Rehearsal};
use crate::risk::{Assessment, Level};
use crate::text::FreeText;

/// Something that happened to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum ChangeEvent {
    /// The change was created.
    #[serde(rename = "change.created")]
    Created {
        /// What is asked for.
        content: Box<Content>,
        /// Digest of the part that approvals bind to.
        digest: Digest,
        /// Whether it is still being written.
        draft: bool,
    },
    /// A draft was submitted.
    #[serde(rename = "change.submitted")]
    Submitted,
    /// The content was replaced; approvals became void.
    #[serde(rename = "change.amended")]
    Amended {
        /// The new content.
        content: Box<Content>,
        /// Its digest.
        digest: Digest,
    },
    /// A remark was added.
    #[serde(rename = "change.commented")]
    Commented {
        /// The remark.
        text: FreeText,
    },
    /// The risk was assessed.
    #[serde(rename = "change.risk_assessed")]
    RiskAssessed {
        /// The assessment.
        assessment: Box<Assessment>,
        /// What it requires.
        requirements: Requirements,
    },
    /// The authorities were asked.
    #[serde(rename = "change.approval_requested")]
    ApprovalRequested {
        /// Approvals at or after this instant are refused.
        deadline: Timestamp,
    },
    /// An approval was given.
    #[serde(rename = "change.approved")]
    Approved {
        /// On what grounds.
        grounds: Grounds,
        /// Digest of what was approved.
        digest: Digest,
        /// Whether nothing more is outstanding.
        complete: bool,
        /// Until when an emergency change must be reviewed; only with a complete approval of one.
        retrospective_due: Option<Timestamp>,
    },
    /// The next stage of approval was opened.
    #[serde(rename = "change.stage_opened")]
    StageOpened {
        /// Which, from 0.
        stage: u8,
        /// Approvals at or after this instant are refused.
        deadline: Timestamp,
    },
    /// The time of the authorities is nearly over: those above may decide too.
    #[serde(rename = "change.approval_escalated")]
    ApprovalEscalated {
        /// Those above.
        to: Vec<Role>,
    },
    /// An authority overrode what was decided automatically.
    #[serde(rename = "change.decision_overridden")]
    DecisionOverridden {
        /// The role exercised.
        role: Role,
        /// Which decision, and what holds instead.
        overridden: Overridden,
        /// Why.
        reason: FreeText,
    },
    /// The change was refused before its start.
    #[serde(rename = "change.rejected")]
    Rejected {
        /// Who or what refused.
        reason: RejectionReason,
        /// Why, in words.
        text: FreeText,
    },
    /// An approver took an approval back.
    #[serde(rename = "change.approval_withdrawn")]
    ApprovalWithdrawn {
        /// Why.
        reason: FreeText,
        /// The new deadline for the authorities.
        deadline: Timestamp,
    },
    /// A condition was met.
    #[serde(rename = "change.condition_satisfied")]
    ConditionSatisfied {
        /// Position of the condition, from 0.
        index: u32,
        /// What shows that it is met.
        evidence: FreeText,
        /// Where that can be looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<Proof>,
    },
    /// The change was given up before its start.
    #[serde(rename = "change.cancelled")]
    Cancelled {
        /// Why.
        reason: FreeText,
    },
    /// The plan and its way back were carried out somewhere else.
    #[serde(rename = "change.rehearsed")]
    Rehearsed {
        /// What came of it.
        rehearsal: Box<Rehearsal>,
    },
    /// A runner began to work through the plan.
    #[serde(rename = "change.implementation_started")]
    ImplementationStarted {
        /// Digest of the plan and scope that runs.
        digest: Digest,
        /// Token of the runner's lease.
        fencing_token: u64,
        /// Whether a failure is undone without asking.
        auto_rollback: bool,
        /// Whether the plan's holds on demand hold.
        #[serde(default, skip_serializing_if = "is_not")]
        holds: bool,
    },
    /// Another runner took over.
    #[serde(rename = "change.taken_over")]
    TakenOver {
        /// Token of the new runner's lease.
        fencing_token: u64,
    },
    /// The plan moved on.
    #[serde(rename = "change.progressed")]
    Progressed {
        /// What was observed.
        observation: Box<Observation>,
    },
    /// The runner is gone.
    #[serde(rename = "change.interrupted")]
    Interrupted {
        /// When the change is rolled back if nobody has taken over.
        deadline: Timestamp,
    },
    /// The plan is done; validation follows.
    #[serde(rename = "change.implemented")]
    Implemented {
        /// Until when it must be validated.
        deadline: Timestamp,
    },
    /// A person accepted the result.
    #[serde(rename = "change.result_accepted")]
    ResultAccepted {
        /// What was said.
        text: FreeText,
    },
    /// Validation passed.
    #[serde(rename = "change.validated")]
    Validated {
        /// The checks.
        validation: Validation,
        /// When the system closes the change if nobody has.
        deadline: Timestamp,
    },
    /// Validation failed.
    #[serde(rename = "change.validation_failed")]
    ValidationFailed {
        /// The checks; at least one did not pass.
        validation: Validation,
    },
    /// Rolling back began.
    #[serde(rename = "change.rollback_started")]
    RollbackStarted {
        /// Why.
        cause: Cause,
        /// When it counts as failed if it has not ended.
        deadline: Timestamp,
    },
    /// Everything was undone.
    #[serde(rename = "change.rolled_back")]
    RolledBack,
    /// Not everything could be undone.
    #[serde(rename = "change.rollback_failed")]
    RollbackFailed {
        /// The steps that are not undone.
        not_undone: Vec<StepName>,
        /// Why, in words.
        reason: FreeText,
    },
    /// The change was ended and documented.
    #[serde(rename = "change.closed")]
    Closed {
        /// How it ended.
        outcome: Outcome,
        /// The change that completes a partial one.
        follow_up: Option<ChangeId>,
        /// A closing remark.
        comment: Option<FreeText>,
        /// Where what was done is documented.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        documentation: Option<Proof>,
        /// Whether the system closed it because nobody did in time.
        by_deadline: bool,
    },
    /// A review was added.
    #[serde(rename = "change.reviewed")]
    Reviewed {
        /// What kind of review.
        kind: ReviewKind,
        /// What is said.
        text: FreeText,
        /// What the outcome truly was, where the review says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        finding: Option<ReviewFinding>,
    },
    /// The retrospective review of an emergency change was not done in time.
    #[serde(rename = "change.retrospective_overdue")]
    RetrospectiveOverdue,
    /// The window passed before the start; a new one must be approved.
    #[serde(rename = "change.window_missed")]
    WindowMissed {
        /// Until when the authorities may decide about a new window.
        deadline: Timestamp,
    },
    /// A deadline passed that a person must look at.
    #[serde(rename = "change.attention_needed")]
    AttentionNeeded {
        /// What to look at.
        text: FreeText,
    },
    /// An incident was linked.
    #[serde(rename = "change.incident_linked")]
    IncidentLinked {
        /// The incident.
        incident: IncidentId,
    },
}

/// An automated decision that was overridden, with what holds instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub enum Overridden {
    /// That a low risk is not approved without the usual authority: the one above may decide at once.
    PreApproval,
    /// The rejection: the authorities are asked again.
    Rejection {
        /// Why it was rejected.
        was: RejectionReason,
        /// Approvals at or after this instant are refused.
        deadline: Timestamp,
    },
    /// The level.
    Level {
        /// The level before.
        from: Level,
        /// The level from now on.
        to: Level,
        /// What it requires.
        requirements: Requirements,
        /// Approvals at or after this instant are refused.
        deadline: Timestamp,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_not(flag: &bool) -> bool {
    !flag
}

/// On what grounds an approval was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "grounds", rename_all = "snake_case", deny_unknown_fields)]
pub enum Grounds {
    /// Policy allows it without a person.
    Automated,
    /// An authority approved.
    Authority {
        /// The approval.
        approval: Approval,
        /// Conditions to be met before the start.
        conditions: Vec<FreeText>,
        /// Why.
        comment: Option<FreeText>,
    },
}
