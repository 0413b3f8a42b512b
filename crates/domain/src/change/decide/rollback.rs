//! Taking a change back.

use super::{Decision, gate, implementation};
use crate::change::action::{Action, Notice};
use crate::change::command::{ActingActor, Deadline, Facts};
use crate::change::deadlines;
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::state::{Change, State};
use crate::incident::Severity;
use crate::plan::{Cause, Observation, Observed, Phase, Run};
use crate::text::FreeText;

/// Longest stated reason, in bytes.
const REASON_BYTES_MAX: usize = 4096;

/// Begins to roll back because somebody asks for it. Asking again for what is under way changes nothing.
pub(super) fn start(change: &Change, cause: &Cause, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    require_own_voice(cause, facts)?;
    match &change.state {
        State::Interrupted(execution) if execution.run.is_rolling_back() => return Ok(Decision::default()),
        // A failed rollback is tried again by a person only: nothing automatic may do so for ever.
        State::Failed(_) => {
            gate::human(facts)?;
            if !matches!(cause, Cause::Person { .. }) {
                return Err(Refusal::HumanGate);
            }
        }
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
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => {}
    }
    Ok(started(change, cause, facts))
}

/// Nobody puts a request into somebody else's mouth.
fn require_own_voice(cause: &Cause, facts: &Facts<'_>) -> Result<(), Refusal> {
    match (cause, facts.actor) {
        (Cause::Person { by, .. }, ActingActor::Registered { id, .. }) if by == id => Ok(()),
        (Cause::Person { .. }, ActingActor::Registered { .. } | ActingActor::System) => {
            Err(Refusal::HumanGate)
        }
        (
            Cause::StepFailed { .. }
            | Cause::SnapshotFailed { .. }
            | Cause::Breach { .. }
            | Cause::ValidationFailed
            | Cause::ValidationDeadline
            | Cause::RunnerLost,
            _,
        ) => Ok(()),
    }
}

/// Begins to roll back. A first rollback opens an incident; trying a failed one again does not open another.
pub(super) fn started(change: &Change, cause: &Cause, facts: &Facts<'_>) -> Decision {
    let limit = change.content.rollback_plan.as_ref().and_then(|plan| plan.max_duration_seconds);
    let deadline = deadlines::rollback(limit, facts.now);
    let mut actions = [Deadline::Interruption, Deadline::Validation, Deadline::Closing]
        .map(|deadline| Action::CancelTimer { deadline })
        .to_vec();
    actions.push(Action::SetTimer { deadline: Deadline::Rollback, due_at: deadline });
    actions.push(Action::Notify { notice: Notice::RollbackStarted });
    if !matches!(change.state, State::Failed(_)) {
        let cause = FreeText::excerpt(&cause.to_string(), REASON_BYTES_MAX);
        actions.push(Action::OpenIncident { severity: Severity::Moderate, cause });
    }
    Decision::new(vec![ChangeEvent::RollbackStarted { cause: cause.clone(), deadline }], actions)
}

pub(super) fn rolled_back() -> Decision {
    Decision::new(
        vec![ChangeEvent::RolledBack],
        vec![
            Action::CancelTimer { deadline: Deadline::Rollback },
            Action::CancelTimer { deadline: Deadline::Interruption },
            Action::Notify { notice: Notice::RolledBack },
        ],
    )
}

pub(super) fn failed(run: &Run) -> Decision {
    let not_undone = run.not_undone();
    let names: Vec<_> = not_undone.iter().map(ToString::to_string).collect();
    let late = if run.is_overdue() { "the rollback did not end in time; " } else { "" };
    let reason = format!("{late}not undone: {}", names.join(", "));
    let reason = FreeText::excerpt(&reason, REASON_BYTES_MAX);
    Decision::new(
        vec![ChangeEvent::RollbackFailed { not_undone, reason: reason.clone() }],
        vec![
            Action::CancelTimer { deadline: Deadline::Rollback },
            Action::CancelTimer { deadline: Deadline::Interruption },
            Action::OpenIncident { severity: Severity::Major, cause: reason },
            Action::Notify { notice: Notice::RollbackFailed },
        ],
    )
}

/// Ends a rollback whose time is over, with or without a runner. One that had nothing left to do has succeeded.
pub(super) fn timed_out(change: &Change) -> Result<Decision, Refusal> {
    let end = [Observation::RollbackTimedOut, Observation::RunnerLost, Observation::RollbackEnded];
    let mut run = implementation::execution(change)?.run.clone();
    let mut decision = Decision::default();
    for observation in end {
        if let Observed::New(next) = implementation::observe(change, &run, &observation)? {
            run = next;
            let observation = Box::new(observation);
            decision = decision.then(Decision::event(ChangeEvent::Progressed { observation }));
        }
    }
    let is_undone = matches!(run.phase(), Phase::RolledBack);
    Ok(decision.then(if is_undone { rolled_back() } else { failed(&run) }))
}
