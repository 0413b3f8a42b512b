//! Approving: by policy or by authorities, with conditions, and with a change of mind before the start.

use jiff::Timestamp;

use super::{Decision, gate, request};
use crate::actor::{ActorKind, Role};
use crate::approval::{Approval, Requirements, outstanding};
use crate::canonical::Digest;
use crate::change::action::{Action, Notice};
use crate::change::command::{Command, Deadline, Facts};
use crate::change::deadlines;
use crate::change::event::{ChangeEvent, Grounds};
use crate::change::refusal::Refusal;
use crate::change::state::{Assessing, Authorization, Awaiting, Change, RejectionReason, State};
use crate::change::transition::{CommandName, StateName};
use crate::text::FreeText;

/// The deadlines that run while authorities decide.
pub(super) const TIME_TO_DECIDE: [Deadline; 3] =
    [Deadline::Approval, Deadline::ApprovalReminder, Deadline::ApprovalEscalation];
/// Most conditions on one change.
pub(super) const CONDITIONS_MAX: usize = 50;

pub(super) fn pre_approve(
    change: &Change,
    assessing: &Assessing,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let requirements = assessed(assessing, CommandName::PreApprove)?;
    let gates = outstanding(requirements, &[], change.digest);
    if !requirements.automated || !gates.is_empty() {
        return Err(Refusal::ApprovalsOutstanding { outstanding: gates });
    }
    request::require_window_ahead(&change.content, facts)?;
    Ok(approved(change, requirements, Grounds::Automated, change.digest, true, facts))
}

pub(super) fn request_approval(assessing: &Assessing, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let requirements = assessed(assessing, CommandName::RequestApproval)?;
    let deadline = approval_deadline(requirements, facts);
    let mut actions = vec![Action::CancelTimer { deadline: Deadline::Assessment }];
    actions.extend(time_to_decide(deadline, requirements));
    actions.push(Action::Notify { notice: Notice::ApprovalRequested });
    Ok(Decision::new(vec![ChangeEvent::ApprovalRequested { deadline }], actions))
}

pub(super) fn approve(
    change: &Change,
    awaiting: &Awaiting,
    command: &Command,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let Command::Approve { role, digest, conditions, comment } = command else {
        return Err(illegal(change, command.name()));
    };
    let (role, digest) = (*role, *digest);
    let by = gate::authority(change, role, facts)?;
    if facts.now >= awaiting.deadline {
        return Err(Refusal::DeadlinePassed { deadline: awaiting.deadline });
    }
    if digest != change.digest {
        return Err(Refusal::DigestMismatch { given: digest, current: change.digest });
    }
    request::require_window_ahead(&change.content, facts)?;
    if awaiting.approvals.iter().any(|approval| approval.by == *by) {
        return Err(Refusal::AlreadyApproved);
    }
    if awaiting.conditions.len().saturating_add(conditions.len()) > CONDITIONS_MAX {
        return Err(Refusal::InvalidContent(format!("more than {CONDITIONS_MAX} conditions on one change")));
    }
    let before = outstanding(&awaiting.requirements, &awaiting.approvals, change.digest);
    if !before.iter().any(|gate| gate.role == role) {
        return Err(Refusal::NotOutstanding { role, outstanding: before });
    }
    let approval = Approval { by: by.clone(), kind: ActorKind::Human, role, digest, at: facts.now };
    let approvals: Vec<_> = awaiting.approvals.iter().cloned().chain([approval.clone()]).collect();
    let complete = outstanding(&awaiting.requirements, &approvals, change.digest).is_empty();
    let grounds = Grounds::Authority { approval, conditions: conditions.clone(), comment: comment.clone() };
    Ok(approved(change, &awaiting.requirements, grounds, digest, complete, facts))
}

/// Records an approval. A complete one opens the way to the start, and for an emergency the duty to review it.
fn approved(
    change: &Change,
    requirements: &Requirements,
    grounds: Grounds,
    digest: Digest,
    complete: bool,
    facts: &Facts<'_>,
) -> Decision {
    let review_seconds = requirements.retrospective_seconds.filter(|_| complete);
    let retrospective_due = review_seconds.map(|seconds| after(facts.now, seconds));
    let event = ChangeEvent::Approved { grounds, digest, complete, retrospective_due };
    let mut actions = Vec::new();
    if complete {
        actions.push(Action::CancelTimer { deadline: Deadline::Assessment });
        actions.extend(TIME_TO_DECIDE.map(|deadline| Action::CancelTimer { deadline }));
        actions.push(Action::Notify { notice: Notice::Approved });
        let window = change.content.window.map(|window| (Deadline::Window, window.end));
        let timers = window.into_iter().chain(retrospective_due.map(|due| (Deadline::Retrospective, due)));
        actions.extend(timers.map(|(deadline, due_at)| Action::SetTimer { deadline, due_at }));
    }
    Decision::new(vec![event], actions)
}

pub(super) fn reject(
    change: &Change,
    awaiting: &Awaiting,
    role: Role,
    reason: &FreeText,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    gate::authority(change, role, facts)?;
    let gates = outstanding(&awaiting.requirements, &[], change.digest);
    let may_speak =
        gates.iter().any(|gate| gate.role == role) || awaiting.requirements.inform.contains(&role);
    if !may_speak {
        return Err(Refusal::NotOutstanding { role, outstanding: gates });
    }
    Ok(rejected(RejectionReason::Authority, reason.clone()))
}

pub(super) fn rejected(reason: RejectionReason, text: FreeText) -> Decision {
    let mut actions = TIME_TO_DECIDE.map(|deadline| Action::CancelTimer { deadline }).to_vec();
    actions.push(Action::Notify { notice: Notice::Rejected });
    Decision::new(vec![ChangeEvent::Rejected { reason, text }], actions)
}

/// Withdrawing reopens an approved change with new time to decide. It never prolongs the time of one that still waits.
pub(super) fn withdraw(change: &Change, reason: &FreeText, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let (approvals, deadline, reopened_under) = match &change.state {
        State::AwaitingApproval(awaiting) => (&awaiting.approvals, awaiting.deadline, None),
        State::Approved(authorization) => {
            let requirements = &authorization.requirements;
            (&authorization.approvals, approval_deadline(requirements, facts), Some(requirements))
        }
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
        | State::Cancelled => return Err(illegal(change, CommandName::WithdrawApproval)),
    };
    let by = gate::human(facts)?;
    if !approvals.iter().any(|approval| approval.by == *by) {
        return Err(Refusal::NotApproved);
    }
    let event = ChangeEvent::ApprovalWithdrawn { reason: reason.clone(), deadline };
    Ok(match reopened_under {
        Some(requirements) => reopened(event, deadline, requirements),
        None => Decision::event(event),
    })
}

/// The window has passed before the start: a new one must be asked for and approved.
pub(super) fn window_missed(change: &Change, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let State::Approved(authorization) = &change.state else {
        return Err(illegal(change, CommandName::Expire));
    };
    let deadline = approval_deadline(&authorization.requirements, facts);
    let missed = reopened(ChangeEvent::WindowMissed { deadline }, deadline, &authorization.requirements);
    Ok(missed.then(Decision::new(Vec::new(), vec![Action::Notify { notice: Notice::AttentionNeeded }])))
}

/// An approved change waits for authorities again.
fn reopened(event: ChangeEvent, deadline: Timestamp, requirements: &Requirements) -> Decision {
    let void = [Deadline::Window, Deadline::Retrospective];
    let mut actions = void.map(|deadline| Action::CancelTimer { deadline }).to_vec();
    actions.extend(time_to_decide(deadline, requirements));
    actions.push(Action::Notify { notice: Notice::ApprovalRequested });
    Decision::new(vec![event], actions)
}

/// The timers of the authorities' time.
fn time_to_decide(deadline: Timestamp, requirements: &Requirements) -> [Action; 3] {
    let [reminder, escalation] = deadlines::reminders(deadline, requirements.deadline_seconds);
    [
        Action::SetTimer { deadline: Deadline::Approval, due_at: deadline },
        Action::SetTimer { deadline: Deadline::ApprovalReminder, due_at: reminder },
        Action::SetTimer { deadline: Deadline::ApprovalEscalation, due_at: escalation },
    ]
}

/// Whether a condition is met is judged by a human who did not ask for the change.
pub(super) fn satisfy_condition(
    change: &Change,
    index: usize,
    evidence: &FreeText,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let (State::AwaitingApproval(Awaiting { conditions, .. })
    | State::Approved(Authorization { conditions, .. })) = &change.state
    else {
        return Err(illegal(change, CommandName::SatisfyCondition));
    };
    gate::independent_human(change, facts)?;
    let refusal = || Refusal::NoSuchCondition { index, count: conditions.len() };
    conditions.get(index).filter(|condition| condition.met.is_none()).ok_or_else(refusal)?;
    let index = u32::try_from(index).map_err(|_| refusal())?;
    Ok(Decision::event(ChangeEvent::ConditionSatisfied { index, evidence: evidence.clone() }))
}

fn approval_deadline(requirements: &Requirements, facts: &Facts<'_>) -> Timestamp {
    after(facts.now, requirements.deadline_seconds)
}

fn after(from: Timestamp, seconds: u64) -> Timestamp {
    deadlines::after(from, i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn illegal(change: &Change, command: CommandName) -> Refusal {
    Refusal::IllegalTransition { state: change.state_name(), command }
}

fn assessed(assessing: &Assessing, command: CommandName) -> Result<&Requirements, Refusal> {
    match assessing {
        Assessing::Assessed { requirements, .. } => Ok(requirements),
        Assessing::Gathering => Err(Refusal::IllegalTransition { state: StateName::Assessing, command }),
    }
}
