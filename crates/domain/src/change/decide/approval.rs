//! Approving: by policy or by authorities, with conditions, and with a change of mind before the start.

use jiff::Timestamp;

use super::{Decision, gate, illegal, request};
use crate::actor::{ActorKind, Role};
use crate::approval::{Approval, Proof, Requirements, in_turn, outstanding};
use crate::canonical::Digest;
use crate::change::action::{Action, Notice};
use crate::change::command::{Command, Deadline, Facts};
use crate::change::deadlines;
use crate::change::event::{ChangeEvent, Grounds};
use crate::change::refusal::Refusal;
use crate::change::state::{Assessing, Authorization, Awaiting, Change, RejectionReason, State};
use crate::change::transition::{CommandName, StateName};
use crate::id::ActorId;
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
    let deadline = stage_deadline(requirements, 0, facts);
    let mut actions = vec![Action::CancelTimer { deadline: Deadline::Assessment }];
    actions.extend(time_to_decide(deadline, requirements, 0));
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
    let authority = gate::authority(change, role, facts)?;
    if facts.now >= awaiting.deadline {
        return Err(Refusal::DeadlinePassed { deadline: awaiting.deadline });
    }
    if digest != change.digest {
        return Err(Refusal::DigestMismatch { given: digest, current: change.digest });
    }
    request::require_window_ahead(&change.content, facts)?;
    let has_spoken = |id: &ActorId| {
        *id == *authority.by || Some(id) == authority.delegated_by || facts.people.contains(id)
    };
    if awaiting.approvals.iter().any(|approval| approval.people().any(has_spoken)) {
        return Err(Refusal::AlreadyApproved);
    }
    if awaiting.conditions.len().saturating_add(conditions.len()) > CONDITIONS_MAX {
        return Err(Refusal::InvalidContent(format!("more than {CONDITIONS_MAX} conditions on one change")));
    }
    let gate = awaiting.gate_for(role, change.digest).ok_or_else(|| not_asked(change, awaiting, role))?;
    let approval = Approval {
        by: authority.by.clone(),
        kind: ActorKind::Human,
        role,
        digest,
        at: facts.now,
        delegated_by: authority.delegated_by.cloned(),
        instead_of: Some(gate.role).filter(|below| *below != role),
    };
    let approvals: Vec<_> = awaiting.approvals.iter().cloned().chain([approval.clone()]).collect();
    let open = outstanding(&awaiting.requirements, &approvals, change.digest);
    let grounds = Grounds::Authority { approval, conditions: conditions.clone(), comment: comment.clone() };
    let decision = approved(change, &awaiting.requirements, grounds, digest, open.is_empty(), facts);
    Ok(match in_turn(&open).map(|gate| gate.stage).next() {
        Some(stage) if stage > awaiting.stage => {
            decision.then(stage_opened(&awaiting.requirements, stage, facts))
        }
        Some(_) | None => decision,
    })
}

/// Why an approval in a role is not asked for: not at all any more, or not yet.
fn not_asked(change: &Change, awaiting: &Awaiting, role: Role) -> Refusal {
    let open = outstanding(&awaiting.requirements, &awaiting.approvals, change.digest);
    let is_later = open.iter().any(|gate| gate.role == role);
    let outstanding = in_turn(&open).copied().collect();
    if is_later {
        Refusal::StageNotOpen { role, outstanding }
    } else {
        Refusal::NotOutstanding { role, outstanding: open }
    }
}

/// The earlier stages are complete: those of the next one are asked, and have their own time.
fn stage_opened(requirements: &Requirements, stage: u8, facts: &Facts<'_>) -> Decision {
    let deadline = stage_deadline(requirements, stage, facts);
    let mut actions = time_to_decide(deadline, requirements, stage).to_vec();
    actions.push(Action::Notify { notice: Notice::ApprovalRequested });
    Decision::new(vec![ChangeEvent::StageOpened { stage, deadline }], actions)
}

/// The time of those who are asked is nearly over: the authorities above may decide too, where there are any.
pub(super) fn escalate(change: &Change) -> Decision {
    let tell = Action::Notify { notice: Notice::ApprovalEscalated };
    let State::AwaitingApproval(awaiting) = &change.state else {
        return Decision::new(Vec::new(), vec![tell]);
    };
    let mut to: Vec<Role> = Vec::new();
    for above in awaiting.in_turn(change.digest).iter().filter_map(|gate| gate.role.authority_above()) {
        if !to.contains(&above) {
            to.push(above);
        }
    }
    let is_news = !to.is_empty() && !awaiting.escalated;
    let events = is_news.then_some(ChangeEvent::ApprovalEscalated { to }).into_iter().collect();
    Decision::new(events, vec![tell])
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
    let may_speak = gates.iter().any(|gate| gate.role == role)
        || awaiting.requirements.inform.contains(&role)
        || awaiting.gate_for(role, change.digest).is_some();
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
/// Whoever decided in somebody's place may withdraw it, and so may that one.
pub(super) fn withdraw(change: &Change, reason: &FreeText, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let by = gate::human(facts)?;
    let is_own = |approval: &&Approval| approval.people().any(|person| person == by);
    let (approvals, deadline, reopened_under) = match &change.state {
        State::AwaitingApproval(awaiting) => (&awaiting.approvals, awaiting.deadline, None),
        State::Approved(authorization) => {
            let (requirements, approvals) = (&authorization.requirements, &authorization.approvals);
            let others: Vec<_> = approvals.iter().filter(|approval| !is_own(approval)).cloned().collect();
            let open = outstanding(requirements, &others, change.digest);
            let stage = in_turn(&open).map(|gate| gate.stage).next().unwrap_or_default();
            (approvals, stage_deadline(requirements, stage, facts), Some((requirements, stage)))
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
    if !approvals.iter().any(|approval| is_own(&approval)) {
        return Err(Refusal::NotApproved);
    }
    let event = ChangeEvent::ApprovalWithdrawn { reason: reason.clone(), deadline };
    Ok(match reopened_under {
        Some((requirements, stage)) => reopened(event, deadline, requirements, stage),
        None => Decision::event(event),
    })
}

/// The window has passed before the start: a new one must be asked for and approved.
pub(super) fn window_missed(change: &Change, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let State::Approved(authorization) = &change.state else {
        return Err(illegal(change, CommandName::Expire));
    };
    let deadline = stage_deadline(&authorization.requirements, 0, facts);
    let missed = reopened(ChangeEvent::WindowMissed { deadline }, deadline, &authorization.requirements, 0);
    Ok(missed.then(Decision::new(Vec::new(), vec![Action::Notify { notice: Notice::AttentionNeeded }])))
}

/// A change that was decided waits for authorities again, from a stage on.
pub(super) fn reopened(
    event: ChangeEvent,
    deadline: Timestamp,
    requirements: &Requirements,
    stage: u8,
) -> Decision {
    let void = [Deadline::Window, Deadline::Retrospective];
    let mut actions = void.map(|deadline| Action::CancelTimer { deadline }).to_vec();
    actions.extend(time_to_decide(deadline, requirements, stage));
    actions.push(Action::Notify { notice: Notice::ApprovalRequested });
    Decision::new(vec![event], actions)
}

/// The timers of the authorities' time in a stage.
fn time_to_decide(deadline: Timestamp, requirements: &Requirements, stage: u8) -> [Action; 3] {
    let [reminder, escalation] = deadlines::reminders(deadline, requirements.stage_seconds(stage));
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
    proof: Option<&Proof>,
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
    let (evidence, proof) = (evidence.clone(), proof.cloned());
    Ok(Decision::event(ChangeEvent::ConditionSatisfied { index, evidence, proof }))
}

/// When the time of a stage that opens now is over.
pub(super) fn stage_deadline(requirements: &Requirements, stage: u8, facts: &Facts<'_>) -> Timestamp {
    after(facts.now, requirements.stage_seconds(stage))
}

fn after(from: Timestamp, seconds: u64) -> Timestamp {
    deadlines::after(from, i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn assessed(assessing: &Assessing, command: CommandName) -> Result<&Requirements, Refusal> {
    match assessing {
        Assessing::Assessed { requirements, .. } => Ok(requirements),
        Assessing::Gathering => Err(Refusal::IllegalTransition { state: StateName::Assessing, command }),
    }
}
