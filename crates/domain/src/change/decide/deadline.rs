//! What the passing of a deadline does. A timer that has been overtaken by events, or is early, does nothing.

use super::{Decision, approval, closing, implementation, rollback};
use crate::change::action::{Action, Notice};
use crate::change::command::{Deadline, Facts};
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::state::{Change, RejectionReason, State};
use crate::change::transition::CommandName;
use crate::plan::Cause;
use crate::text::FreeText;

/// Longest text that a deadline states, in bytes.
const TEXT_BYTES_MAX: usize = 256;

pub(super) fn expire(change: &Change, deadline: Deadline, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    if deadline != Deadline::Assessment {
        require_passed(change, deadline, facts)?;
    }
    match deadline {
        Deadline::Assessment => assessment(change),
        Deadline::Approval => {
            let text = FreeText::excerpt("no decision before the deadline", TEXT_BYTES_MAX);
            Ok(approval::rejected(RejectionReason::Expired, text))
        }
        Deadline::ApprovalReminder => Ok(told(Notice::ApprovalReminder)),
        Deadline::ApprovalEscalation => Ok(approval::escalate(change)),
        Deadline::Window => approval::window_missed(change, facts),
        Deadline::Interruption => interruption(change, facts),
        Deadline::Validation => Ok(rollback::started(change, &Cause::ValidationDeadline, facts)),
        Deadline::Rollback => rollback::timed_out(change),
        Deadline::Closing => Ok(closing::close_by_deadline()),
        Deadline::Retrospective => Ok(Decision::new(
            vec![ChangeEvent::RetrospectiveOverdue],
            vec![Action::Notify { notice: Notice::AttentionNeeded }],
        )),
    }
}

fn assessment(change: &Change) -> Result<Decision, Refusal> {
    let State::Assessing(_) = change.state else { return Err(overtaken(change)) };
    Ok(attention("The assessment did not end in time"))
}

/// Nobody has taken over. What was going forward is taken back; a rollback cannot be taken back, so a person is called.
fn interruption(change: &Change, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    if implementation::execution(change)?.run.is_rolling_back() {
        return Ok(attention("Nobody has taken over the interrupted rollback"));
    }
    Ok(rollback::started(change, &Cause::RunnerLost, facts))
}

fn require_passed(change: &Change, deadline: Deadline, facts: &Facts<'_>) -> Result<(), Refusal> {
    let due_at = change.due_at(deadline).ok_or_else(|| overtaken(change))?;
    if facts.now >= due_at { Ok(()) } else { Err(Refusal::DeadlineNotPassed) }
}

fn attention(text: &str) -> Decision {
    Decision::new(
        vec![ChangeEvent::AttentionNeeded { text: FreeText::excerpt(text, TEXT_BYTES_MAX) }],
        vec![Action::Notify { notice: Notice::AttentionNeeded }],
    )
}

/// Somebody is told, and nothing happens to the change.
fn told(notice: Notice) -> Decision {
    Decision::new(Vec::new(), vec![Action::Notify { notice }])
}

fn overtaken(change: &Change) -> Refusal {
    Refusal::IllegalTransition { state: change.state_name(), command: CommandName::Expire }
}
