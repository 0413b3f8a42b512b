//! Why a command is refused: the rule, the rule in a sentence, and the next step.

use jiff::Timestamp;

use super::state::Outcome;
use super::transition::{CommandName, StateName};
use crate::actor::Role;
use crate::approval::Outstanding;
use crate::authorization::Violation;
use crate::canonical::Digest;
use crate::id::StepName;
use crate::plan::Acceptor;

const SEE_DELEGATIONS: &str =
    "decide by a role of your own, or see with `cortex-change approvals delegations` what was lent to you";
const SEE_DECISIONS: &str = "see with `cortex-change approvals show` what was decided automatically";

/// Why a command is refused. Nothing has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state does not admit the command.
    #[error("a change that is {state} does not admit `{command}`")]
    IllegalTransition {
        /// Where the change is.
        state: StateName,
        /// What was asked.
        command: CommandName,
    },
    /// Policy refuses.
    #[error("{}", violations.first().map_or("refused by policy", |violation| violation.sentence.as_str()))]
    Policy {
        /// Every control that refuses.
        violations: Vec<Violation>,
    },
    /// The requester's side decides about its own change.
    #[error("the requester's side may not decide about its own change")]
    SegregationOfDuties,
    /// Something other than a human passes a human gate.
    #[error("only a human may pass a human gate")]
    HumanGate,
    /// The actor does not hold the role it exercises.
    #[error("the role `{role}` is not held by the actor")]
    RoleNotHeld {
        /// The role.
        role: Role,
    },
    /// The authority was not lent, or not for this.
    #[error("nobody has lent the actor the authority of `{role}` for this change at this time")]
    NotDelegated {
        /// The role exercised.
        role: Role,
    },
    /// The approval belongs to a stage that is not open yet.
    #[error("an approval as `{role}` belongs to a later stage, which opens once the earlier one is complete")]
    StageNotOpen {
        /// The role exercised.
        role: Role,
        /// What is outstanding before.
        outstanding: Vec<Outstanding>,
    },
    /// There is no automated decision of this kind.
    #[error("{0}")]
    NothingToOverride(String),
    /// The approval is not among those outstanding.
    #[error("an approval as `{role}` is not outstanding")]
    NotOutstanding {
        /// The role exercised.
        role: Role,
        /// What is outstanding.
        outstanding: Vec<Outstanding>,
    },
    /// The actor has already approved.
    #[error("the actor has already approved this change")]
    AlreadyApproved,
    /// The actor has not approved.
    #[error("the actor has not approved this change")]
    NotApproved,
    /// The digest is not the one of the current content.
    #[error("the digest `{given}` is not the digest `{current}` of what is approved")]
    DigestMismatch {
        /// What the caller named.
        given: Digest,
        /// What is current.
        current: Digest,
    },
    /// The working tree is not the approved commit.
    #[error("the working tree is at commit `{given}`, approved is `{approved}`")]
    CommitMismatch {
        /// The commit of the runner's working tree, or `none`.
        given: String,
        /// The approved commit.
        approved: String,
    },
    /// Approvals are missing.
    #[error("approvals are outstanding")]
    ApprovalsOutstanding {
        /// Which.
        outstanding: Vec<Outstanding>,
    },
    /// Conditions are not met.
    #[error("conditions that are not met: {}", unmet.len())]
    ConditionsUnmet {
        /// The conditions, in words.
        unmet: Vec<String>,
    },
    /// No such condition, or it is met already.
    #[error(
        "condition {index} does not exist or is met already: the change has {count} conditions, counted from 0"
    )]
    NoSuchCondition {
        /// What the caller named.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The window is not open.
    #[error("the window is open from {start} to {end}; it is now {now}")]
    OutsideWindow {
        /// First instant.
        start: Timestamp,
        /// First instant after it.
        end: Timestamp,
        /// The current time.
        now: Timestamp,
    },
    /// The deadline has passed.
    #[error("the deadline {deadline} has passed")]
    DeadlinePassed {
        /// The deadline.
        deadline: Timestamp,
    },
    /// The deadline has not passed yet.
    #[error("the deadline has not passed")]
    DeadlineNotPassed,
    /// The change has no plan.
    #[error("the change has no implementation plan")]
    NoPlan,
    /// The lease is not the current one.
    #[error("the lease token {given} is not current: {current} is")]
    StaleLease {
        /// What the caller named.
        given: u64,
        /// What is current.
        current: u64,
    },
    /// The plan cannot take the observation.
    #[error("{0}")]
    IllegalObservation(String),
    /// No step waits for this person's decision.
    #[error("step `{step}` does not wait for such a decision")]
    NoDecisionAwaited {
        /// The step.
        step: StepName,
    },
    /// The plan is not done.
    #[error("the plan is not done: {0}")]
    PlanNotDone(String),
    /// The plan asks for a person to accept the result, and nobody has.
    #[error("the result waits to be accepted by {by}")]
    AcceptanceMissing {
        /// Who is asked.
        by: Acceptor,
    },
    /// The plan names somebody else.
    #[error("the plan asks for the result to be accepted by {by}")]
    NotAcceptor {
        /// Who is asked.
        by: Acceptor,
    },
    /// Nobody accepts their own work.
    #[error("nobody accepts a result that they have run themselves")]
    AcceptedByRunner,
    /// Whoever accepts or refuses says why.
    #[error("accepting or refusing a result needs a word about it")]
    AcceptanceWithoutWords,
    /// Nothing was checked.
    #[error("a validation without a single check validates nothing")]
    NothingValidated,
    /// The outcome does not describe what happened.
    #[error("a change that is {state} cannot close as {outcome}")]
    OutcomeMismatch {
        /// Where the change is.
        state: StateName,
        /// What the caller named.
        outcome: Outcome,
        /// Which outcomes are accepted.
        accepted: &'static [Outcome],
    },
    /// A partial outcome needs a change that completes it.
    #[error("a partial change needs a follow-up change")]
    FollowUpMissing,
    /// The request says what is documented, and nobody said where.
    #[error("the change asks for documentation: {wanted}")]
    DocumentationMissing {
        /// What is to be documented.
        wanted: String,
    },
    /// There is no retrospective review to be done.
    #[error("no retrospective review is due: only an authorised emergency needs one, and only once")]
    NoRetrospectiveDue,
    /// A finding is about how a change was closed.
    #[error("a change that is {state} was not closed as anything, so no review can find otherwise")]
    NoOutcomeToFind {
        /// Where the change is.
        state: StateName,
    },
    /// Event time would run backwards.
    #[error("the clock says {now}, the last event of this change is of {last}")]
    ClockWentBack {
        /// The current time.
        now: Timestamp,
        /// When the last event happened.
        last: Timestamp,
    },
    /// The content cannot be approved or run.
    #[error("{0}")]
    InvalidContent(String),
}

const VALIDATE_SOMETHING: &str =
    "add monitors or checks to the plan, or state at least one check and how it ended";
const NAME_FOLLOW_UP: &str = "create the change that completes this one and name it as `follow_up`";
const DOCUMENT_IT: &str = "bring it up to date, and say where it is: a page or a file, as `documentation`";

impl Refusal {
    /// The rule's identifier: a policy's `@id`, or the name of an invariant of the domain.
    pub fn rule(&self) -> &str {
        match self {
            Self::IllegalTransition { .. } => "lifecycle",
            Self::Policy { violations } => violations.first().map_or("policy", |first| first.rule.as_str()),
            Self::SegregationOfDuties => "segregation-of-duties",
            Self::HumanGate => "agents-never-satisfy-a-human-gate",
            Self::RoleNotHeld { .. } => "approver-holds-the-authority",
            Self::NotDelegated { .. } => "delegated-authority-only-in-force",
            Self::StageNotOpen { .. } => "approval-stages",
            Self::NothingToOverride(_) => "override",
            Self::NotOutstanding { .. } | Self::AlreadyApproved | Self::NotApproved => "approvals",
            Self::DigestMismatch { .. } | Self::CommitMismatch { .. } => "what-was-approved-is-what-runs",
            Self::ApprovalsOutstanding { .. } => "valid-approvals",
            Self::ConditionsUnmet { .. } | Self::NoSuchCondition { .. } => "conditions",
            Self::OutsideWindow { .. } => "window",
            Self::DeadlinePassed { .. } | Self::DeadlineNotPassed => "deadline",
            Self::NoPlan => "implementation-plan",
            Self::StaleLease { .. } => "lease",
            Self::IllegalObservation(_) | Self::NoDecisionAwaited { .. } | Self::PlanNotDone(_) => "plan",
            Self::AcceptanceMissing { .. }
            | Self::NotAcceptor { .. }
            | Self::AcceptedByRunner
            | Self::AcceptanceWithoutWords => "user-acceptance",
            Self::NothingValidated => "validation",
            Self::OutcomeMismatch { .. } | Self::FollowUpMissing => "outcome",
            Self::DocumentationMissing { .. } => "documentation",
            Self::NoRetrospectiveDue => "retrospective",
            Self::NoOutcomeToFind { .. } => "finding",
            Self::ClockWentBack { .. } => "clock",
            Self::InvalidContent(_) => "content",
        }
    }

    /// The next step for whoever was refused.
    pub fn next_step(&self) -> String {
        match self {
            Self::IllegalTransition { command, .. } => {
                let states: Vec<_> = command.legal_in().iter().map(|state| state.as_str()).collect();
                format!("`{command}` is accepted while the change is {}", states.join(", "))
            }
            Self::Policy { violations } => violations.first().map_or_else(
                || "ask an administrator which policy refuses".to_owned(),
                |violation| violation.next_step.clone(),
            ),
            Self::SegregationOfDuties => {
                "ask somebody who neither requested the change nor is acted for".to_owned()
            }
            Self::HumanGate => "ask a person who holds the role to decide".to_owned(),
            Self::RoleNotHeld { .. } => {
                "name a role you hold, or ask an administrator for the role".to_owned()
            }
            Self::NotDelegated { .. } => SEE_DELEGATIONS.to_owned(),
            Self::StageNotOpen { outstanding, .. } => {
                format!("wait for the earlier stage; outstanding: {}", list_outstanding(outstanding))
            }
            Self::NothingToOverride(_) => SEE_DECISIONS.to_owned(),
            Self::NotOutstanding { outstanding, .. } | Self::ApprovalsOutstanding { outstanding } => {
                format!("outstanding: {}", list_outstanding(outstanding))
            }
            Self::AlreadyApproved => "another person must give the remaining approvals".to_owned(),
            Self::NotApproved => "only one's own approval can be withdrawn".to_owned(),
            Self::DigestMismatch { .. } => {
                "read the change again and decide about its current content".to_owned()
            }
            Self::CommitMismatch { approved, .. } => {
                format!(
                    "check out {approved} with no local modifications, or amend the change and have it approved"
                )
            }
            Self::ConditionsUnmet { unmet } => format!("record evidence for: {}", unmet.join("; ")),
            Self::NoSuchCondition { .. } => "list the conditions with `cortex-change show`".to_owned(),
            Self::OutsideWindow { end, now, .. } if now < end => {
                "wait for the window, or amend it and have it approved".to_owned()
            }
            Self::OutsideWindow { .. } => "name a later window and have it approved".to_owned(),
            Self::DeadlinePassed { .. } => "create the change again".to_owned(),
            Self::DeadlineNotPassed => "wait for the deadline".to_owned(),
            Self::NoPlan => {
                "add a plan: `cortex-change init` writes one, `cortex-change amend ID --plan FILE` adds it"
                    .to_owned()
            }
            Self::StaleLease { .. } => "stop: another runner has taken over".to_owned(),
            Self::IllegalObservation(_) => "read the change's run again".to_owned(),
            Self::NoDecisionAwaited { .. } => {
                "see with `cortex-change show` what waits for a person".to_owned()
            }
            Self::PlanNotDone(_) => "let the runner finish the plan, or roll back".to_owned(),
            Self::AcceptanceMissing { by } | Self::NotAcceptor { by } => ask_acceptor(by),
            Self::AcceptedByRunner => "have another person look at it and answer".to_owned(),
            Self::AcceptanceWithoutWords => "say what was looked at, as `comment`".to_owned(),
            Self::NothingValidated => VALIDATE_SOMETHING.to_owned(),
            Self::OutcomeMismatch { accepted, .. } => {
                let words: Vec<_> = accepted.iter().map(|outcome| outcome.as_str()).collect();
                format!("accepted: {}", words.join(", "))
            }
            Self::FollowUpMissing => NAME_FOLLOW_UP.to_owned(),
            Self::DocumentationMissing { .. } => DOCUMENT_IT.to_owned(),
            Self::NoRetrospectiveDue => "add a post-implementation review instead".to_owned(),
            Self::NoOutcomeToFind { state } => without_finding(*state).to_owned(),
            Self::ClockWentBack { .. } => "set the server's clock, then try again".to_owned(),
            Self::InvalidContent(_) => "correct the request and send it again".to_owned(),
        }
    }
}

fn without_finding(state: StateName) -> &'static str {
    if state.is_final() {
        "leave the finding out: the change was never started"
    } else {
        "leave the finding out, or close the change first"
    }
}

fn ask_acceptor(by: &Acceptor) -> String {
    format!("have a person who is {by} decide the step `user acceptance` as done or give_up")
}

fn list_outstanding(outstanding: &[Outstanding]) -> String {
    if outstanding.is_empty() {
        return "nothing".to_owned();
    }
    let gates: Vec<_> = outstanding.iter().map(|gate| format!("{} × {}", gate.missing, gate.role)).collect();
    gates.join(", ")
}
