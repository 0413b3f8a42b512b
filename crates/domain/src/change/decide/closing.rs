//! Validating, closing, reviewing, and what happens when a deadline passes.

use jiff::Timestamp;

use super::{Decision, approval, implementation, rollback};
use crate::change::action::{Action, Notice};
use crate::change::command::{ActingActor, Deadline, Facts, ReviewKind};
use crate::change::deadlines;
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::state::{Change, Outcome, RejectionReason, Retrospective, State, Validation};
use crate::change::transition::CommandName;
use crate::id::ChangeId;
use crate::plan::Cause;
use crate::text::FreeText;

pub(super) fn validate(
    change: &Change,
    validation: &Validation,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    if validation.checks.is_empty() {
        return Err(Refusal::NothingValidated);
    }
    if validation.passed() {
        let deadline = deadlines::after(facts.now, deadlines::CLOSING_SECONDS);
        return Ok(Decision::new(
            vec![ChangeEvent::Validated { validation: validation.clone(), deadline }],
            vec![
                Action::CancelTimer { deadline: Deadline::Validation },
                Action::SetTimer { deadline: Deadline::Closing, due_at: deadline },
            ],
        ));
    }
    let failed = Decision::event(ChangeEvent::ValidationFailed { validation: validation.clone() });
    Ok(failed.then(rollback::started(change, &Cause::ValidationFailed, facts)))
}

pub(super) fn close(
    change: &Change,
    outcome: Outcome,
    follow_up: Option<ChangeId>,
    comment: Option<&FreeText>,
    by_deadline: bool,
) -> Result<Decision, Refusal> {
    let accepted = accepted_outcomes(&change.state);
    if !accepted.contains(&outcome) {
        return Err(Refusal::OutcomeMismatch { state: change.state_name(), outcome, accepted });
    }
    if outcome == Outcome::Partial && follow_up.is_none() {
        return Err(Refusal::FollowUpMissing);
    }
    Ok(Decision::new(
        vec![ChangeEvent::Closed { outcome, follow_up, comment: comment.cloned(), by_deadline }],
        vec![Action::CancelTimer { deadline: Deadline::Closing }, Action::Notify { notice: Notice::Closed }],
    ))
}

/// How a change in this state may be said to have ended.
fn accepted_outcomes(state: &State) -> &'static [Outcome] {
    match state {
        State::Implemented(_) => &[Outcome::Successful, Outcome::Partial],
        State::RolledBack(_) => &[Outcome::RolledBack],
        State::Failed(_) => &[Outcome::Failed],
        State::Draft
        | State::Assessing(_)
        | State::AwaitingApproval(_)
        | State::Approved(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::RollingBack(_)
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => &[],
    }
}

pub(super) fn review(
    change: &Change,
    kind: ReviewKind,
    text: &FreeText,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let event = ChangeEvent::Reviewed { kind, text: text.clone() };
    match kind {
        ReviewKind::PostImplementation => Ok(Decision::event(event)),
        ReviewKind::Retrospective => {
            let Retrospective::Due { .. } = change.retrospective else {
                return Err(Refusal::NoRetrospectiveDue);
            };
            let ActingActor::Registered { id, kind: crate::actor::ActorKind::Human, .. } = facts.actor else {
                return Err(Refusal::HumanGate);
            };
            if approval::requester_side(change, facts.parties).contains(id) {
                return Err(Refusal::SegregationOfDuties);
            }
            Ok(Decision::new(vec![event], vec![Action::CancelTimer { deadline: Deadline::Retrospective }]))
        }
    }
}

/// What the passing of a deadline does. A timer that has been overtaken by events does nothing.
pub(super) fn expire(change: &Change, deadline: Deadline, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    match (deadline, &change.state) {
        (Deadline::Assessment, State::Assessing(_)) => Ok(attention("the assessment did not end in time")),
        (Deadline::Approval, State::AwaitingApproval(awaiting)) => {
            require_passed(awaiting.deadline, facts)?;
            let text = FreeText::excerpt("no decision before the deadline", 256);
            Ok(approval::rejected(RejectionReason::Expired, text))
        }
        (Deadline::Window, State::Approved(authorization)) => {
            let end = change.content.window.map_or(Timestamp::MAX, |window| window.end);
            require_passed(end, facts)?;
            let deadline = approval::approval_deadline(&authorization.requirements, facts);
            Ok(Decision::new(
                vec![ChangeEvent::WindowMissed { deadline }],
                vec![
                    Action::SetTimer { deadline: Deadline::Approval, due_at: deadline },
                    Action::Notify { notice: Notice::AttentionNeeded },
                ],
            ))
        }
        (Deadline::Interruption, State::Interrupted(_)) => {
            Ok(rollback::started(change, &Cause::RunnerLost, facts))
        }
        (Deadline::Validation, State::Validating(_)) => {
            Ok(rollback::started(change, &Cause::ValidationDeadline, facts))
        }
        (Deadline::Rollback, State::RollingBack(_) | State::Interrupted(_)) => {
            let not_undone = implementation::execution(change)?.run.not_undone();
            let reason = FreeText::excerpt("the rollback did not end in time", 256);
            Ok(rollback::gave_up(not_undone, reason))
        }
        (Deadline::Closing, State::Implemented(_)) => close(change, Outcome::Successful, None, None, true),
        (Deadline::Retrospective, _) => match change.retrospective {
            Retrospective::Due { by, overdue: false } => {
                require_passed(by, facts)?;
                Ok(Decision::new(
                    vec![ChangeEvent::RetrospectiveOverdue],
                    vec![Action::Notify { notice: Notice::AttentionNeeded }],
                ))
            }
            Retrospective::NotRequired
            | Retrospective::Due { overdue: true, .. }
            | Retrospective::Done { .. } => Err(overtaken(change)),
        },
        (
            Deadline::Assessment
            | Deadline::Approval
            | Deadline::Window
            | Deadline::Interruption
            | Deadline::Validation
            | Deadline::Rollback
            | Deadline::Closing,
            _,
        ) => Err(overtaken(change)),
    }
}

fn attention(text: &str) -> Decision {
    Decision::new(
        vec![ChangeEvent::AttentionNeeded { text: FreeText::excerpt(text, 256) }],
        vec![Action::Notify { notice: Notice::AttentionNeeded }],
    )
}

fn require_passed(deadline: Timestamp, facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.now >= deadline { Ok(()) } else { Err(Refusal::DeadlineNotPassed) }
}

fn overtaken(change: &Change) -> Refusal {
    Refusal::IllegalTransition { state: change.state_name(), command: CommandName::Expire }
}
