//! What may be asked of a change, and the facts that a decision needs.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::content::Content;
use super::kind::words;
use super::review::ReviewFinding;
use super::state::{Outcome, Validation};
use super::transition::CommandName;
use crate::actor::{Actor, ActorKind, Role};
use crate::approval::{Proof, Requirements};
use crate::authorization::Answer;
use crate::canonical::Digest;
use crate::id::{ActorId, ChangeId, IncidentId, StepName, TeamName};
use crate::plan::{Cause, Decision as StepDecision, Observation, Rehearsal};
use crate::risk::{Assessment, Level};
use crate::text::FreeText;

/// Something that is asked of an existing change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Submit a draft.
    Submit,
    /// Replace the content; approvals become void.
    Amend {
        /// The new content.
        content: Box<Content>,
    },
    /// Add a remark.
    Comment {
        /// The remark.
        text: FreeText,
    },
    /// Record the assessment and what it requires.
    RecordAssessment {
        /// The assessment.
        assessment: Box<Assessment>,
        /// What it requires.
        requirements: Requirements,
    },
    /// Approve automatically; the policy answer decides.
    PreApprove,
    /// Ask the authorities.
    RequestApproval,
    /// Give an authority's approval.
    Approve {
        /// The role exercised.
        role: Role,
        /// The digest of what the approver saw.
        digest: Digest,
        /// Conditions to be met before the start.
        conditions: Vec<FreeText>,
        /// Why.
        comment: Option<FreeText>,
    },
    /// Refuse as an authority.
    Reject {
        /// The role exercised.
        role: Role,
        /// Why.
        reason: FreeText,
    },
    /// Take back one's own approval.
    WithdrawApproval {
        /// Why.
        reason: FreeText,
    },
    /// Record the evidence that a condition is met.
    SatisfyCondition {
        /// Position of the condition, from 0.
        index: usize,
        /// What shows that it is met.
        evidence: FreeText,
        /// Where that can be looked at.
        proof: Option<Proof>,
    },
    /// Override what was decided automatically, as the authority above those who would decide.
    Override {
        /// What is decided instead.
        instead: Override,
        /// The digest of what was seen.
        digest: Digest,
        /// Why.
        reason: FreeText,
    },
    /// Give up before the start.
    Cancel {
        /// Why.
        reason: FreeText,
    },
    /// Record what came of a rehearsal.
    Rehearse {
        /// The evidence.
        rehearsal: Box<Rehearsal>,
    },
    /// Begin to implement.
    Start {
        /// Digest of the plan and scope that the runner is about to run.
        digest: Digest,
        /// The commit of the runner's working tree, where it has one.
        commit: Option<String>,
        /// Token of the lease the runner holds.
        fencing_token: u64,
        /// Whether a failure is undone without asking.
        auto_rollback: bool,
        /// Whether the plan's holds on demand hold.
        holds: bool,
    },
    /// Take over from a runner that is gone, or begin to roll back without one.
    TakeOver {
        /// Digest of the plan and scope that the runner is about to run.
        digest: Digest,
        /// The commit of the runner's working tree, where it has one.
        commit: Option<String>,
        /// Token of the lease the runner holds.
        fencing_token: u64,
    },
    /// Report what the runner observed.
    Observe {
        /// The observation.
        observation: Box<Observation>,
        /// Token of the lease the runner holds.
        fencing_token: u64,
    },
    /// Ask the runner to pause.
    Pause,
    /// Ask the runner to go on.
    Resume,
    /// Decide about a step that waits for a person.
    DecideStep {
        /// The step.
        step: StepName,
        /// The decision.
        decision: StepDecision,
        /// What is said with it.
        comment: Option<FreeText>,
    },
    /// Report that the plan is done.
    Finish {
        /// Token of the lease the runner holds.
        fencing_token: u64,
    },
    /// Report that the runner is gone.
    Interrupt,
    /// Record the result of validation.
    Validate {
        /// The checks and how they ended.
        validation: Validation,
    },
    /// Take the change back.
    RollBack {
        /// Why.
        cause: Cause,
    },
    /// End and document.
    Close {
        /// How it ended.
        outcome: Outcome,
        /// The change that completes a partial one.
        follow_up: Option<ChangeId>,
        /// A closing remark.
        comment: Option<FreeText>,
        /// Where what was done is documented.
        documentation: Option<Proof>,
    },
    /// Add a review.
    Review {
        /// What kind of review.
        kind: ReviewKind,
        /// What is said.
        text: FreeText,
        /// What the outcome truly was, where the review says.
        finding: Option<ReviewFinding>,
    },
    /// Link an incident that the change led to.
    LinkIncident {
        /// The incident.
        incident: IncidentId,
    },
    /// A deadline has passed.
    Expire {
        /// Which.
        deadline: Deadline,
    },
}

/// What is decided instead of an automated decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Override {
    /// A low risk that policy did not approve without a person: the authority above may decide at once.
    PreApproval,
    /// A change that a deadline or a policy rejected is put to the authorities again.
    Rejection,
    /// Another level than the assessed one, with what it requires.
    Level {
        /// The level.
        level: Level,
        /// What the approval rules require then. They always ask for a person.
        requirements: Requirements,
    },
}

words!(
    /// What kind of review.
    ReviewKind, "review kind", {
        /// Post-implementation review.
        PostImplementation = "post_implementation",
        /// Retrospective review of an emergency change by the e-CAB.
        Retrospective = "retrospective",
    }
);

words!(
    /// A deadline in the life of a change; each is one timer.
    Deadline, "deadline", {
        /// The assessment has not ended.
        Assessment = "assessment",
        /// Authorities have not decided.
        Approval = "approval",
        /// Authorities have not decided when half of their time is over.
        ApprovalReminder = "approval_reminder",
        /// Authorities have not decided when nine tenths of their time are over: the authority above may, too.
        ApprovalEscalation = "approval_escalation",
        /// The window to implement has passed.
        Window = "window",
        /// Nobody has taken over an interrupted change.
        Interruption = "interruption",
        /// Validation has not ended.
        Validation = "validation",
        /// The rollback has not ended.
        Rollback = "rollback",
        /// The change has not been closed.
        Closing = "closing",
        /// The retrospective review of an emergency change has not been done.
        Retrospective = "retrospective",
    }
);

/// Facts that a decision needs: who acts, when, and what policy says.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The current time.
    pub now: Timestamp,
    /// Who acts.
    pub actor: &'a ActingActor,
    /// Everyone who counts as the requester's side: requester, aliases, owner of a requesting agent, its agents.
    /// The creator and the one it acts for count in any case.
    pub parties: &'a BTreeSet<ActorId>,
    /// The one for whom the actor acts, where that one has lent it authority.
    pub delegator: Option<&'a Actor>,
    /// Every record of whoever acts and of the one in whose place, as far as the directory knows others.
    pub people: &'a BTreeSet<ActorId>,
    /// What policy answered to exactly this request.
    pub answer: &'a Answer,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActingActor {
    /// A registered actor.
    Registered {
        /// Its identifier.
        id: ActorId,
        /// Human, agent or service.
        kind: ActorKind,
        /// For whom it acts, when not for itself.
        on_behalf_of: Option<ActorId>,
        /// Roles it holds.
        roles: BTreeSet<Role>,
        /// Teams it belongs to.
        teams: BTreeSet<TeamName>,
    },
    /// The product itself.
    System,
}

impl ActingActor {
    /// The identifier under which the event is recorded.
    pub fn id(&self) -> ActorId {
        match self {
            Self::Registered { id, .. } => id.clone(),
            Self::System => ActorId::system(),
        }
    }

    /// For whom it acts, when not for itself.
    pub fn on_behalf_of(&self) -> Option<&ActorId> {
        match self {
            Self::Registered { on_behalf_of, .. } => on_behalf_of.as_ref(),
            Self::System => None,
        }
    }
}

impl Command {
    /// The command's name in the transition table.
    pub fn name(&self) -> CommandName {
        match self {
            Self::Submit => CommandName::Submit,
            Self::Amend { .. } => CommandName::Amend,
            Self::Comment { .. } => CommandName::Comment,
            Self::RecordAssessment { .. } => CommandName::RecordAssessment,
            Self::PreApprove => CommandName::PreApprove,
            Self::RequestApproval => CommandName::RequestApproval,
            Self::Approve { .. } => CommandName::Approve,
            Self::Reject { .. } => CommandName::Reject,
            Self::WithdrawApproval { .. } => CommandName::WithdrawApproval,
            Self::SatisfyCondition { .. } => CommandName::SatisfyCondition,
            Self::Override { .. } => CommandName::Override,
            Self::Cancel { .. } => CommandName::Cancel,
            Self::Rehearse { .. } => CommandName::Rehearse,
            Self::Start { .. } => CommandName::Start,
            Self::TakeOver { .. } => CommandName::TakeOver,
            Self::Observe { .. } => CommandName::Observe,
            Self::Pause => CommandName::Pause,
            Self::Resume => CommandName::Resume,
            Self::DecideStep { .. } => CommandName::DecideStep,
            Self::Finish { .. } => CommandName::Finish,
            Self::Interrupt => CommandName::Interrupt,
            Self::Validate { .. } => CommandName::Validate,
            Self::RollBack { .. } => CommandName::RollBack,
            Self::Close { .. } => CommandName::Close,
            Self::Review { .. } => CommandName::Review,
            Self::LinkIncident { .. } => CommandName::LinkIncident,
            Self::Expire { .. } => CommandName::Expire,
        }
    }
}
