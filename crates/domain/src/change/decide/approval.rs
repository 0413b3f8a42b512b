//! Approving: by policy or by authorities, with conditions, and with a change of mind before the start.

use std::collections::BTreeSet;

use super::Decision;
use crate::actor::{ActorKind, Role};
use crate::approval::{Approval, Requirements, outstanding};
use crate::change::action::{Action, Notice};
use crate::change::command::{ActingActor, Command, Deadline, Facts};
use crate::change::deadlines;
use crate::change::event::{ChangeEvent, Grounds};
use crate::change::refusal::Refusal;
use crate::change::state::{Assessing, Awaiting, Change, RejectionReason, State};
use crate::change::transition::{CommandName, StateName};
use crate::id::ActorId;
use crate::text::FreeText;

/// Most conditions on one change.
pub(super) const CONDITIONS_MAX: usize = 50;

pub(super) fn pre_approve(change: &Change, assessing: &Assessing) -> Result<Decision, Refusal> {
    let requirements = assessed(assessing, CommandName::PreApprove)?;
    if !requirements.automated {
        return Err(Refusal::ApprovalsOutstanding {
            outstanding: outstanding(requirements, &[], change.digest),
        });
    }
    let event = ChangeEvent::Approved {
        grounds: Grounds::Automated,
        digest: change.digest,
        complete: true,
        retrospective_due: None,
    };
    Ok(Decision::new(vec![event], approved_actions(change)))
}

pub(super) fn request(assessing: &Assessing, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let requirements = assessed(assessing, CommandName::RequestApproval)?;
    let deadline = approval_deadline(requirements, facts);
    Ok(Decision::new(
        vec![ChangeEvent::ApprovalRequested { deadline }],
        vec![
            Action::SetTimer { deadline: Deadline::Approval, due_at: deadline },
            Action::Notify { notice: Notice::ApprovalRequested },
        ],
    ))
}

pub(super) fn approve(
    change: &Change,
    awaiting: &Awaiting,
    command: &Command,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let Command::Approve { role, digest, conditions, comment } = command else {
        return Err(Refusal::IllegalTransition { state: change.state_name(), command: command.name() });
    };
    let (role, digest) = (*role, *digest);
    let by = deciding_human(change, role, facts)?;
    if facts.now >= awaiting.deadline {
        return Err(Refusal::DeadlinePassed { deadline: awaiting.deadline });
    }
    if digest != change.digest {
        return Err(Refusal::DigestMismatch { given: digest, current: change.digest });
    }
    if awaiting.approvals.iter().any(|approval| approval.by == by) {
        return Err(Refusal::AlreadyApproved);
    }
    if awaiting.conditions.len().saturating_add(conditions.len()) > CONDITIONS_MAX {
        return Err(Refusal::InvalidContent(format!("more than {CONDITIONS_MAX} conditions on one change")));
    }
    let before = outstanding(&awaiting.requirements, &awaiting.approvals, change.digest);
    if !before.iter().any(|gate| gate.role == role) {
        return Err(Refusal::NotOutstanding { role, outstanding: before });
    }
    let approval = Approval { by, kind: ActorKind::Human, role, digest, at: facts.now };
    let mut approvals = awaiting.approvals.clone();
    approvals.push(approval.clone());
    let complete = outstanding(&awaiting.requirements, &approvals, change.digest).is_empty();
    let retrospective_seconds = awaiting.requirements.retrospective_seconds.filter(|_| complete);
    let retrospective_due = retrospective_seconds
        .map(|seconds| deadlines::after(facts.now, i64::try_from(seconds).unwrap_or(i64::MAX)));
    let mut actions = Vec::new();
    if complete {
        actions.push(Action::CancelTimer { deadline: Deadline::Approval });
        actions.extend(approved_actions(change));
    }
    if let Some(due_at) = retrospective_due {
        actions.push(Action::SetTimer { deadline: Deadline::Retrospective, due_at });
    }
    let grounds = Grounds::Authority { approval, conditions: conditions.clone(), comment: comment.clone() };
    let event = ChangeEvent::Approved { grounds, digest, complete, retrospective_due };
    Ok(Decision::new(vec![event], actions))
}

pub(super) fn reject(
    change: &Change,
    awaiting: &Awaiting,
    role: Role,
    reason: &FreeText,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    deciding_human(change, role, facts)?;
    let gates = outstanding(&awaiting.requirements, &[], change.digest);
    let may_speak =
        gates.iter().any(|gate| gate.role == role) || awaiting.requirements.inform.contains(&role);
    if !may_speak {
        return Err(Refusal::NotOutstanding { role, outstanding: gates });
    }
    Ok(rejected(RejectionReason::Authority, reason.clone()))
}

pub(super) fn rejected(reason: RejectionReason, text: FreeText) -> Decision {
    Decision::new(
        vec![ChangeEvent::Rejected { reason, text }],
        vec![
            Action::CancelTimer { deadline: Deadline::Approval },
            Action::CancelTimer { deadline: Deadline::Window },
            Action::Notify { notice: Notice::Rejected },
        ],
    )
}

pub(super) fn withdraw(change: &Change, reason: &FreeText, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let (approvals, requirements) = match &change.state {
        State::AwaitingApproval(awaiting) => (&awaiting.approvals, &awaiting.requirements),
        State::Approved(authorization) => (&authorization.approvals, &authorization.requirements),
        State::Draft
        | State::Assessing(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => {
            let command = CommandName::WithdrawApproval;
            return Err(Refusal::IllegalTransition { state: change.state_name(), command });
        }
    };
    let by = facts.actor.id();
    if !approvals.iter().any(|approval| approval.by == by) {
        return Err(Refusal::NotApproved);
    }
    let deadline = approval_deadline(requirements, facts);
    Ok(Decision::new(
        vec![ChangeEvent::ApprovalWithdrawn { reason: reason.clone(), deadline }],
        vec![
            Action::CancelTimer { deadline: Deadline::Window },
            Action::CancelTimer { deadline: Deadline::Retrospective },
            Action::SetTimer { deadline: Deadline::Approval, due_at: deadline },
            Action::Notify { notice: Notice::ApprovalRequested },
        ],
    ))
}

pub(super) fn satisfy_condition(
    change: &Change,
    index: usize,
    evidence: &FreeText,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let conditions = match &change.state {
        State::AwaitingApproval(awaiting) => awaiting.conditions.as_slice(),
        State::Approved(authorization) => authorization.conditions.as_slice(),
        State::Draft
        | State::Assessing(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => &[],
    };
    let refusal = Refusal::NoSuchCondition { index, count: conditions.len() };
    let condition = conditions.get(index).ok_or_else(|| refusal.clone())?;
    if condition.met.is_some() {
        return Err(refusal);
    }
    if matches!(facts.actor, ActingActor::System) {
        return Err(Refusal::HumanGate);
    }
    let index = u32::try_from(index).map_err(|_| refusal)?;
    Ok(Decision::event(ChangeEvent::ConditionSatisfied { index, evidence: evidence.clone() }))
}

/// The approver, when it is a human outside the requester's side who holds the role exercised.
/// Policy says the same; these are invariants that no policy file can take away.
fn deciding_human(change: &Change, role: Role, facts: &Facts<'_>) -> Result<ActorId, Refusal> {
    let ActingActor::Registered { id, kind: ActorKind::Human, on_behalf_of, roles } = facts.actor else {
        return Err(Refusal::HumanGate);
    };
    let side = requester_side(change, facts.parties);
    if side.contains(id) || on_behalf_of.as_ref().is_some_and(|other| side.contains(other)) {
        return Err(Refusal::SegregationOfDuties);
    }
    if !roles.contains(&role) {
        return Err(Refusal::RoleNotHeld { role });
    }
    Ok(id.clone())
}

/// Everyone who counts as having asked for the change.
pub(super) fn requester_side<'a>(
    change: &'a Change,
    parties: &'a BTreeSet<ActorId>,
) -> BTreeSet<&'a ActorId> {
    parties.iter().chain([&change.created_by]).chain(change.on_behalf_of.as_ref()).collect()
}

fn approved_actions(change: &Change) -> Vec<Action> {
    let mut actions = vec![Action::Notify { notice: Notice::Approved }];
    if let Some(window) = change.content.window {
        actions.push(Action::SetTimer { deadline: Deadline::Window, due_at: window.end });
    }
    actions
}

pub(super) fn approval_deadline(requirements: &Requirements, facts: &Facts<'_>) -> jiff::Timestamp {
    deadlines::after(facts.now, i64::try_from(requirements.deadline_seconds).unwrap_or(i64::MAX))
}

fn assessed(assessing: &Assessing, command: CommandName) -> Result<&Requirements, Refusal> {
    match assessing {
        Assessing::Assessed { requirements, .. } => Ok(requirements),
        Assessing::Gathering => Err(Refusal::IllegalTransition { state: StateName::Assessing, command }),
    }
}
