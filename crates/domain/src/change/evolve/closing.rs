//! What the end makes of a change: closed, reviewed, and deadlines that call for a person.

use jiff::Timestamp;

use super::{Misfit, Recorded};
use crate::change::command::{Deadline, ReviewKind};
use crate::change::review::{Found, ReviewFinding};
use crate::change::state::{Change, Closed, Outcome, Retrospective, State};
use crate::id::ChangeId;

pub(super) fn closed(
    state: State,
    at: Timestamp,
    outcome: Outcome,
    follow_up: Option<ChangeId>,
) -> Result<State, Misfit> {
    let (State::Implemented(mut execution) | State::RolledBack(mut execution) | State::Failed(mut execution)) =
        state
    else {
        return Err(Misfit::State);
    };
    execution.deadlines.clear();
    Ok(State::Closed(Closed { at, outcome, follow_up, execution }))
}

pub(super) fn reviewed(
    change: &mut Change,
    state: State,
    recorded: Recorded<'_>,
    kind: ReviewKind,
) -> Result<State, Misfit> {
    change.reviews += 1;
    match (kind, &change.retrospective) {
        (ReviewKind::PostImplementation, _) => {}
        (ReviewKind::Retrospective, Retrospective::Due { overdue, by }) => {
            let late = *overdue || recorded.at >= *by;
            change.retrospective = Retrospective::Done { at: recorded.at, by: recorded.by.clone(), late };
        }
        (ReviewKind::Retrospective, Retrospective::NotRequired | Retrospective::Done { .. }) => {
            return Err(no_review_due());
        }
    }
    Ok(state)
}

/// The state stays as it was closed; what was found stands beside it.
pub(super) fn found(
    change: &mut Change,
    state: State,
    recorded: Recorded<'_>,
    finding: Option<ReviewFinding>,
) -> Result<State, Misfit> {
    let Some(finding) = finding else { return Ok(state) };
    let State::Closed(_) = &state else { return Err(Misfit::State) };
    change.findings.push(Found { finding, by: recorded.by.clone(), at: recorded.at });
    Ok(state)
}

pub(super) fn overdue(change: &mut Change, state: State) -> Result<State, Misfit> {
    let Retrospective::Due { overdue, .. } = &mut change.retrospective else { return Err(no_review_due()) };
    *overdue = true;
    Ok(state)
}

/// A person has been called: the deadline that did so has had its effect.
pub(super) fn attention_needed(mut state: State) -> State {
    if let State::Interrupted(execution) = &mut state {
        execution.deadlines.remove(&Deadline::Interruption);
    }
    state
}

fn no_review_due() -> Misfit {
    Misfit::because("no retrospective review is due")
}
