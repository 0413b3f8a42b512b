//! Taking a change back.

use super::Decision;
use crate::change::action::{Action, Notice};
use crate::change::command::{Deadline, Facts};
use crate::change::deadlines;
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::state::{Change, State};
use crate::incident::Severity;
use crate::plan::{Cause, Run};
use crate::text::FreeText;

/// Begins to roll back because somebody asks for it.
pub(super) fn start(change: &Change, cause: &Cause, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let is_from_a_person = matches!(cause, Cause::Person { .. });
    if matches!(change.state, State::Failed(_)) && !is_from_a_person {
        return Err(Refusal::HumanGate);
    }
    Ok(started(change, cause, facts))
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
            Action::Notify { notice: Notice::RolledBack },
        ],
    )
}

pub(super) fn failed(run: &Run) -> Decision {
    let not_undone = run.not_undone();
    let names: Vec<_> = not_undone.iter().map(ToString::to_string).collect();
    let reason = FreeText::excerpt(&format!("not undone: {}", names.join(", ")), REASON_BYTES_MAX);
    gave_up(not_undone, reason)
}

pub(super) fn gave_up(not_undone: Vec<crate::id::StepName>, reason: FreeText) -> Decision {
    Decision::new(
        vec![ChangeEvent::RollbackFailed { not_undone, reason: reason.clone() }],
        vec![
            Action::CancelTimer { deadline: Deadline::Rollback },
            Action::OpenIncident { severity: Severity::Major, cause: reason },
            Action::Notify { notice: Notice::RollbackFailed },
        ],
    )
}

/// Longest stated reason, in bytes.
const REASON_BYTES_MAX: usize = 4096;
