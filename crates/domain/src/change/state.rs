//! The state of a change: the fold of its events. Each state carries exactly the data valid in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::command::Deadline;
use super::content::Content;
use super::deadlines;
use super::event::Overridden;
use super::kind::words;
use super::review::Found;
use super::transition::StateName;
use crate::actor::Role;
use crate::approval::{Approval, Condition, Outstanding, Requirements, in_turn, outstanding};
use crate::canonical::Digest;
use crate::id::{ActorId, ChangeId, IncidentId, StepName};
use crate::plan::{Rehearsal, Run};
use crate::risk::Assessment;
use crate::text::FreeText;

/// One change, as its events up to `version` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its identifier.
    pub id: ChangeId,
    /// Number of events folded.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub created_by: ActorId,
    /// For whom it was created, when not for the creator.
    pub on_behalf_of: Option<ActorId>,
    /// When the last event happened.
    pub updated_at: Timestamp,
    /// What is asked for.
    pub content: Content,
    /// Digest of the approved part of the content.
    pub digest: Digest,
    /// How often the content was replaced.
    pub amendments: u32,
    /// Who replaced the content, and for whom. They count as having asked for the change.
    pub amended_by: BTreeSet<ActorId>,
    /// Where it is in its life.
    pub state: State,
    /// When its risk was assessed last.
    pub assessed_at: Option<Timestamp>,
    /// The duty to review an emergency change afterwards.
    pub retrospective: Retrospective,
    /// The newest rehearsal; evidence of nothing once the digest is another one.
    pub rehearsed: Option<Box<Rehearsed>>,
    /// Incidents that this change led to, in order.
    pub incidents: Vec<IncidentId>,
    /// Reviews added so far.
    pub reviews: u32,
    /// What reviews have found that the outcome of the closed change truly was, in order; the last one holds.
    pub findings: Vec<Found>,
    /// Automated decisions about the present content that an authority overrode, in order.
    pub overrides: Vec<OverriddenDecision>,
}

/// A rehearsal that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// Who rehearsed.
    pub by: ActorId,
    /// When it was recorded.
    pub at: Timestamp,
    /// What came of it.
    pub rehearsal: Rehearsal,
}

/// An automated decision that an authority overrode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverriddenDecision {
    /// Who.
    pub by: ActorId,
    /// The role exercised.
    pub role: Role,
    /// When.
    pub at: Timestamp,
    /// Which decision, and what holds instead.
    pub overridden: Overridden,
    /// Why.
    pub reason: FreeText,
}

/// Where a change is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Being written.
    Draft,
    /// Submitted, not yet assessed.
    Assessing(Assessing),
    /// Waiting for authorities.
    AwaitingApproval(Awaiting),
    /// May be implemented.
    Approved(Authorization),
    /// Being implemented.
    Implementing(Execution),
    /// The runner is gone.
    Interrupted(Execution),
    /// Done, being validated.
    Validating(Execution),
    /// Validated.
    Implemented(Execution),
    /// Being undone.
    RollingBack(Execution),
    /// Undone.
    RolledBack(Execution),
    /// Could not be undone.
    Failed(Execution),
    /// Ended and documented.
    Closed(Closed),
    /// Refused before it started.
    Rejected(Rejected),
    /// Given up before it started.
    Cancelled,
}

/// Data of `assessing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assessing {
    /// Facts are being gathered.
    Gathering,
    /// The assessment is recorded, the route is not yet chosen.
    Assessed {
        /// The assessment.
        assessment: Box<Assessment>,
        /// What it requires.
        requirements: Requirements,
    },
}

/// Data of `awaiting_approval`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaiting {
    /// The assessment.
    pub assessment: Box<Assessment>,
    /// What must be approved, and by whom.
    pub requirements: Requirements,
    /// Approvals given so far, bound to their digests.
    pub approvals: Vec<Approval>,
    /// Conditions that approvers have set so far.
    pub conditions: Vec<Condition>,
    /// Approvals at or after this instant are refused. Each stage has its own.
    pub deadline: Timestamp,
    /// The last stage that was opened, from 0.
    pub stage: u8,
    /// Whether the authorities above those who are asked may decide too.
    pub escalated: bool,
}

impl Awaiting {
    /// The gates whose turn it is.
    pub fn in_turn(&self, digest: Digest) -> Vec<Outstanding> {
        let open = outstanding(&self.requirements, &self.approvals, digest);
        in_turn(&open).copied().collect()
    }

    /// The gate that an approval in `role` would pass: its own, or one below that was escalated to it.
    pub fn gate_for(&self, role: Role, digest: Digest) -> Option<Outstanding> {
        let open = self.in_turn(digest);
        let own = open.iter().find(|gate| gate.role == role);
        let below = || open.iter().find(|gate| gate.role.authority_above() == Some(role));
        own.or_else(|| self.escalated.then(below).flatten()).copied()
    }

    /// The roles in which somebody may approve now.
    pub fn asked(&self, digest: Digest) -> Vec<Role> {
        let open = self.in_turn(digest);
        let above = open.iter().filter(|_| self.escalated).filter_map(|gate| gate.role.authority_above());
        let mut roles: Vec<_> = open.iter().map(|gate| gate.role).collect();
        for role in above {
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        roles
    }
}

/// An approved change: on what grounds, and what must be met before the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The assessment.
    pub assessment: Box<Assessment>,
    /// What had to be approved.
    pub requirements: Requirements,
    /// The approvals; empty when approved automatically.
    pub approvals: Vec<Approval>,
    /// Conditions to be met before the start.
    pub conditions: Vec<Condition>,
    /// The digest of what was approved.
    pub digest: Digest,
    /// When the approval became complete.
    pub approved_at: Timestamp,
}

impl Authorization {
    /// Conditions that are not met yet.
    pub fn unmet_conditions(&self) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(|condition| condition.met.is_none())
    }
}

/// A change whose plan has been started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// On what grounds it runs.
    pub authorization: Box<Authorization>,
    /// Who runs it at the moment.
    pub runner: Runner,
    /// How far the plan has come.
    pub run: Run,
    /// When it was started.
    pub started_at: Timestamp,
    /// When the plan was done; the time to implement ends here.
    pub finished_at: Option<Timestamp>,
    /// Who has run it, one after the other.
    pub run_by: BTreeSet<ActorId>,
    /// That a person has accepted its result.
    pub accepted: Option<Accepted>,
    /// Results of validation, newest last.
    pub validations: Vec<Validation>,
    /// The deadlines that run: of an interruption, a validation, a rollback, the closing.
    pub deadlines: BTreeMap<Deadline, Timestamp>,
}

/// That a person has accepted a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Who.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
    /// What was said.
    pub text: FreeText,
}

/// Who works on a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// The holder of the lease.
    Held {
        /// The actor.
        by: ActorId,
        /// The lease's fencing token; reports with a smaller one are refused.
        fencing_token: u64,
    },
    /// Nobody; the last token is kept, because only a greater one may take over.
    Free {
        /// The last fencing token.
        last_fencing_token: u64,
    },
}

impl Runner {
    /// The last fencing token that was granted.
    pub fn fencing_token(&self) -> u64 {
        match self {
            Self::Held { fencing_token, .. } => *fencing_token,
            Self::Free { last_fencing_token } => *last_fencing_token,
        }
    }
}

/// Result of one validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Each check and how it ended. Never empty: nothing checked is nothing validated.
    pub checks: Vec<ValidationCheck>,
}

impl Validation {
    /// Whether at least one check was made and all passed.
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.passed)
    }
}

/// One check of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationCheck {
    /// What was checked.
    pub name: StepName,
    /// Whether it passed.
    pub passed: bool,
    /// What was seen, with numbers and units.
    pub detail: FreeText,
}

/// Data of `closed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// When; reviews and remarks may follow.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// The change that completes a partial one.
    pub follow_up: Option<ChangeId>,
    /// What had been done.
    pub execution: Execution,
}

/// Data of `rejected`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Who or what refused.
    pub reason: RejectionReason,
    /// The assessment it was refused on.
    pub assessment: Box<Assessment>,
    /// What would have been required.
    pub requirements: Requirements,
    /// Conditions that approvers had set.
    pub conditions: Vec<Condition>,
    /// When.
    pub at: Timestamp,
}

words!(
    /// How a change ended.
    Outcome, "outcome", {
        /// Done and validated.
        Successful = "successful",
        /// Partly done and kept; a follow-up change completes it.
        Partial = "partial",
        /// Neither done nor undone.
        Failed = "failed",
        /// Undone.
        RolledBack = "rolled_back",
        /// Given up before the start.
        Cancelled = "cancelled",
    }
);

words!(
    /// Who or what refused a change before its start.
    RejectionReason, "rejection reason", {
        /// An authority said no.
        Authority = "authority",
        /// Nobody decided in time.
        Expired = "expired",
        /// A policy refused.
        Policy = "policy",
    }
);

/// The duty to review an emergency change within a day of its authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retrospective {
    /// Not an authorised emergency change.
    NotRequired,
    /// To be done.
    Due {
        /// Until when.
        by: Timestamp,
        /// Whether that instant has passed and was recorded.
        overdue: bool,
    },
    /// Done.
    Done {
        /// When.
        at: Timestamp,
        /// By whom.
        by: ActorId,
        /// Whether it was late.
        late: bool,
    },
}

impl State {
    /// The name of the state.
    pub fn name(&self) -> StateName {
        match self {
            Self::Draft => StateName::Draft,
            Self::Assessing(_) => StateName::Assessing,
            Self::AwaitingApproval(_) => StateName::AwaitingApproval,
            Self::Approved(_) => StateName::Approved,
            Self::Implementing(_) => StateName::Implementing,
            Self::Interrupted(_) => StateName::Interrupted,
            Self::Validating(_) => StateName::Validating,
            Self::Implemented(_) => StateName::Implemented,
            Self::RollingBack(_) => StateName::RollingBack,
            Self::RolledBack(_) => StateName::RolledBack,
            Self::Failed(_) => StateName::Failed,
            Self::Closed(_) => StateName::Closed,
            Self::Rejected(_) => StateName::Rejected,
            Self::Cancelled => StateName::Cancelled,
        }
    }
}

impl Change {
    /// The name of the current state.
    pub fn state_name(&self) -> StateName {
        self.state.name()
    }

    /// Whether the newest rehearsal is of what would be carried out now, and succeeded.
    pub fn is_rehearsed(&self) -> bool {
        let rehearsed = self.rehearsed.as_deref();
        rehearsed.is_some_and(|it| it.rehearsal.digest == self.digest && it.rehearsal.passed())
    }

    /// Everybody who counts as having asked for the change: who created or amended it, and for whom.
    pub fn asked_by(&self) -> impl Iterator<Item = &ActorId> {
        self.amended_by.iter().chain(&self.on_behalf_of).chain([&self.created_by])
    }

    /// When a deadline passes, where it runs. The assessment's is not recorded: all it does is call a person. Nor is
    /// whether somebody was reminded already.
    pub fn due_at(&self, deadline: Deadline) -> Option<Timestamp> {
        match deadline {
            Deadline::Assessment => None,
            Deadline::Approval => {
                let State::AwaitingApproval(awaiting) = &self.state else { return None };
                Some(awaiting.deadline)
            }
            Deadline::ApprovalReminder | Deadline::ApprovalEscalation => {
                let State::AwaitingApproval(awaiting) = &self.state else { return None };
                if awaiting.escalated && deadline == Deadline::ApprovalEscalation {
                    return None;
                }
                let seconds = awaiting.requirements.stage_seconds(awaiting.stage);
                let [reminder, escalation] = deadlines::reminders(awaiting.deadline, seconds);
                Some(if deadline == Deadline::ApprovalReminder { reminder } else { escalation })
            }
            Deadline::Window => {
                let State::Approved(_) = self.state else { return None };
                self.content.window.map(|window| window.end)
            }
            Deadline::Retrospective => {
                let Retrospective::Due { by, overdue: false } = self.retrospective else { return None };
                Some(by)
            }
            Deadline::Interruption | Deadline::Validation | Deadline::Rollback | Deadline::Closing => {
                self.execution().and_then(|execution| execution.deadlines.get(&deadline).copied())
            }
        }
    }

    /// The current assessment, where there is one.
    pub fn assessment(&self) -> Option<&Assessment> {
        match &self.state {
            State::Draft | State::Assessing(Assessing::Gathering) | State::Cancelled => None,
            State::Assessing(Assessing::Assessed { assessment, .. }) => Some(assessment),
            State::AwaitingApproval(awaiting) => Some(&awaiting.assessment),
            State::Rejected(rejected) => Some(&rejected.assessment),
            State::Approved(_)
            | State::Implementing(_)
            | State::Interrupted(_)
            | State::Validating(_)
            | State::Implemented(_)
            | State::RollingBack(_)
            | State::RolledBack(_)
            | State::Failed(_)
            | State::Closed(_) => self.authorization().map(|authorization| authorization.assessment.as_ref()),
        }
    }

    /// What must be approved, where that is decided or was before the change was rejected.
    pub fn requirements(&self) -> Option<&Requirements> {
        match &self.state {
            State::Draft | State::Assessing(Assessing::Gathering) | State::Cancelled => None,
            State::Assessing(Assessing::Assessed { requirements, .. }) => Some(requirements),
            State::AwaitingApproval(awaiting) => Some(&awaiting.requirements),
            State::Rejected(rejected) => Some(&rejected.requirements),
            State::Approved(_)
            | State::Implementing(_)
            | State::Interrupted(_)
            | State::Validating(_)
            | State::Implemented(_)
            | State::RollingBack(_)
            | State::RolledBack(_)
            | State::Failed(_)
            | State::Closed(_) => self.authorization().map(|authorization| &authorization.requirements),
        }
    }

    /// The grounds on which the change may be or was implemented, where it is or was approved.
    pub fn authorization(&self) -> Option<&Authorization> {
        match &self.state {
            State::Approved(authorization) => Some(authorization),
            State::Draft
            | State::Assessing(_)
            | State::AwaitingApproval(_)
            | State::Implementing(_)
            | State::Interrupted(_)
            | State::Validating(_)
            | State::Implemented(_)
            | State::RollingBack(_)
            | State::RolledBack(_)
            | State::Failed(_)
            | State::Closed(_)
            | State::Rejected(_)
            | State::Cancelled => self.execution().map(|execution| execution.authorization.as_ref()),
        }
    }

    /// The execution of the plan, where it has been started.
    pub fn execution(&self) -> Option<&Execution> {
        match &self.state {
            State::Implementing(execution)
            | State::Interrupted(execution)
            | State::Validating(execution)
            | State::Implemented(execution)
            | State::RollingBack(execution)
            | State::RolledBack(execution)
            | State::Failed(execution) => Some(execution),
            State::Closed(closed) => Some(&closed.execution),
            State::Draft
            | State::Assessing(_)
            | State::AwaitingApproval(_)
            | State::Approved(_)
            | State::Rejected(_)
            | State::Cancelled => None,
        }
    }

    /// What the last review that said so found that the outcome truly was.
    pub fn found(&self) -> Option<&Found> {
        self.findings.last()
    }

    /// How the change ended, where it has.
    pub fn outcome(&self) -> Option<Outcome> {
        match &self.state {
            State::Closed(closed) => Some(closed.outcome),
            State::Cancelled => Some(Outcome::Cancelled),
            State::Draft
            | State::Assessing(_)
            | State::AwaitingApproval(_)
            | State::Approved(_)
            | State::Implementing(_)
            | State::Interrupted(_)
            | State::Validating(_)
            | State::Implemented(_)
            | State::RollingBack(_)
            | State::RolledBack(_)
            | State::Failed(_)
            | State::Rejected(_) => None,
        }
    }
}
