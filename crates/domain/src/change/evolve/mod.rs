//! Folding events into a change. Total over recorded logs: an event that cannot follow is a damaged log and reported.
//!
//! `next` is the counterpart of the transition table: one arm for each event. What an event does to the state is in
//! the file of its stage of life.

mod approval;
mod closing;
mod execution;
mod request;

use jiff::Timestamp;

use super::event::ChangeEvent;
use super::state::{Change, State};
use super::transition::StateName;
use crate::id::{ActorId, ChangeId};

/// The log holds an event that cannot follow the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "event {version} of {id} cannot follow the earlier ones ({why}): verify the log with `cortex-change audit verify`"
)]
pub struct CorruptChange {
    id: ChangeId,
    version: u64,
    why: String,
}

/// When and by whom an event was recorded.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: &'a ActorId,
    /// For whom, when not for the recorder.
    pub on_behalf_of: Option<&'a ActorId>,
}

/// Why an event cannot follow the earlier ones.
#[derive(Debug)]
enum Misfit {
    /// It does not happen in this state.
    State,
    /// What is wrong, in words.
    Because(String),
}

impl Misfit {
    fn because(why: impl Into<String>) -> Self {
        Self::Because(why.into())
    }

    fn in_state(self, state: StateName) -> String {
        match self {
            Self::State => format!("the change is {state}"),
            Self::Because(why) => why,
        }
    }
}

/// Folds one event into a change.
///
/// # Errors
/// When the event cannot follow the earlier ones.
pub fn evolve(
    change: Option<Change>,
    id: ChangeId,
    recorded: Recorded<'_>,
    event: &ChangeEvent,
) -> Result<Change, CorruptChange> {
    let Some(mut change) = change else {
        return request::created(id, recorded, event).map_err(|why| CorruptChange { id, version: 1, why });
    };
    follow(&mut change, recorded, event)?;
    Ok(change)
}

/// Folds one more event into a change that exists.
///
/// # Errors
/// When the event cannot follow the earlier ones. Nothing can be done with the change then.
pub fn follow(change: &mut Change, recorded: Recorded<'_>, event: &ChangeEvent) -> Result<(), CorruptChange> {
    let from = change.state_name();
    change.version += 1;
    change.updated_at = recorded.at;
    let state = std::mem::replace(&mut change.state, State::Cancelled);
    change.state = next(change, state, recorded, event).map_err(|misfit| CorruptChange {
        id: change.id,
        version: change.version,
        why: misfit.in_state(from),
    })?;
    Ok(())
}

/// The state after an event. Of `change`, everything but the state may be read and written.
fn next(
    change: &mut Change,
    state: State,
    recorded: Recorded<'_>,
    event: &ChangeEvent,
) -> Result<State, Misfit> {
    match event {
        ChangeEvent::Created { .. } => Err(Misfit::because("the change exists already")),
        ChangeEvent::Submitted => request::submitted(&state),
        ChangeEvent::Amended { content, digest } => {
            request::amended(change, &state, recorded, content, *digest)
        }
        ChangeEvent::Commented { .. } => Ok(state),
        ChangeEvent::RiskAssessed { assessment, requirements } => {
            request::assessed(change, &state, recorded, assessment, requirements)
        }
        ChangeEvent::Cancelled { .. } => request::cancelled(change, &state),
        ChangeEvent::ApprovalRequested { deadline } => approval::requested(state, *deadline),
        ChangeEvent::Approved { grounds, digest, complete, retrospective_due } => {
            let extent =
                approval::Extent { digest: *digest, is_complete: *complete, due: *retrospective_due };
            approval::approved(change, state, recorded, grounds, extent)
        }
        ChangeEvent::StageOpened { stage, deadline } => approval::stage_opened(state, *stage, *deadline),
        ChangeEvent::ApprovalEscalated { .. } => approval::escalated(state),
        ChangeEvent::DecisionOverridden { role, overridden, reason } => {
            approval::overridden(change, state, recorded, *role, overridden, reason)
        }
        ChangeEvent::Rejected { reason, .. } => approval::rejected(state, recorded, *reason),
        ChangeEvent::ApprovalWithdrawn { deadline, .. } => {
            approval::withdrawn(change, state, recorded, *deadline)
        }
        ChangeEvent::ConditionSatisfied { index, evidence, proof } => {
            approval::satisfied(state, recorded, *index, evidence, proof.as_ref())
        }
        ChangeEvent::WindowMissed { deadline } => approval::window_missed(change, state, *deadline),
        ChangeEvent::Rehearsed { rehearsal } => request::rehearsed(change, state, recorded, rehearsal),
        ChangeEvent::ImplementationStarted { fencing_token, auto_rollback, holds, .. } => {
            execution::started(change, state, recorded, *fencing_token, (*auto_rollback, *holds))
        }
        ChangeEvent::TakenOver { fencing_token } => execution::taken_over(state, recorded, *fencing_token),
        ChangeEvent::Progressed { observation } => execution::progressed(change, state, observation),
        ChangeEvent::Interrupted { deadline } => execution::interrupted(change, state, *deadline),
        ChangeEvent::Implemented { deadline } => execution::implemented(state, recorded, *deadline),
        ChangeEvent::ResultAccepted { text } => execution::accepted(state, recorded, text),
        ChangeEvent::Validated { validation, deadline } => execution::validated(state, validation, *deadline),
        ChangeEvent::ValidationFailed { validation } => execution::validation_failed(state, validation),
        ChangeEvent::RollbackStarted { cause, deadline } => {
            execution::rollback_started(change, state, cause, *deadline)
        }
        ChangeEvent::RolledBack => execution::rolled_back(state),
        ChangeEvent::RollbackFailed { .. } => execution::rollback_failed(state),
        ChangeEvent::Closed { outcome, follow_up, .. } => {
            closing::closed(state, recorded.at, *outcome, *follow_up)
        }
        ChangeEvent::Reviewed { kind, finding, .. } => {
            let state = closing::reviewed(change, state, recorded, *kind)?;
            closing::found(change, state, recorded, *finding)
        }
        ChangeEvent::RetrospectiveOverdue => closing::overdue(change, state),
        ChangeEvent::AttentionNeeded { .. } => Ok(closing::attention_needed(state)),
        ChangeEvent::IncidentLinked { incident } => {
            change.incidents.push(*incident);
            Ok(state)
        }
    }
}
