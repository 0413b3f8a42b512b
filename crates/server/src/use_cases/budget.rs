//! What an agent may still do by itself, and the turn that each of its changes takes.

use domain::Timestamp;
use domain::actor::{Actor, ActorKind, AgentEvent, Budget, TrackRecord, Trust};
use domain::id::{ActorId, ChangeId};
use domain::risk::BlastRadius;
use jiff::SignedDuration;
use policy::BudgetLeft;
use store::{RequesterLoad, StreamAppend, StreamName};

use crate::app::App;
use crate::failure::Failure;
use crate::known::Known;
use crate::record::{DecidedBy, Envelope, encode};

/// An agent's record, budget and what it has used of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// How its changes have ended.
    pub record: TrackRecord,
    /// What that says of it.
    pub trust: Trust,
    /// Its budget.
    pub budget: Budget,
    /// Whether a person has set it.
    pub is_set: bool,
    /// What it has used.
    pub used: RequesterLoad,
    /// Version of the stream of its requests at which that was counted.
    version: u64,
}

/// Its record, and the budget that follows from it unless a person has set one.
fn entitled(known: &Known, agent: &Actor, now: Timestamp) -> (TrackRecord, Trust, Budget) {
    let record = known.endings.track_record(&agent.id, now);
    let trust = record.trust();
    (record, trust, agent.budget.unwrap_or_else(|| Budget::of(trust)))
}

/// How an agent stands.
///
/// # Errors
/// When the store fails.
pub(crate) async fn standing(app: &App, agent: &Actor, now: Timestamp) -> Result<Standing, Failure> {
    // The version first: what is created meanwhile takes the stream on, and an append that rests on this is refused.
    let version = app.store.stream_version(&stream(&agent.id)?).await?;
    let used = app.store.requester_load(&agent.id, now - SignedDuration::from_hours(1)).await?;
    let (record, trust, budget) = entitled(&app.known(), agent, now);
    Ok(Standing { record, trust, budget, is_set: agent.budget.is_some(), used, version })
}

impl Standing {
    /// What is left of its budget.
    pub(crate) fn left(&self) -> BudgetLeft {
        BudgetLeft {
            changes_this_hour: self.budget.changes_per_hour.saturating_sub(self.used.recent),
            open_changes: self.budget.open_changes.saturating_sub(self.used.open),
        }
    }

    /// Records that a change uses its budget. The append fails when another change has used it meanwhile.
    ///
    /// # Errors
    /// When the identifier makes no stream name.
    pub(crate) fn turn(
        &self,
        agent: &ActorId,
        change: ChangeId,
        now: Timestamp,
    ) -> Result<StreamAppend, Failure> {
        let event = AgentEvent::ChangeCreated {
            change,
            trust: self.trust,
            budget: self.budget,
            changes_this_hour: self.used.recent.saturating_add(1),
            open_changes: self.used.open.saturating_add(1),
        };
        let envelope =
            Envelope { at: now, actor: agent.clone(), on_behalf_of: None, decided_by: DecidedBy::default() };
        let events = vec![encode(&envelope, &event)];
        Ok(StreamAppend { stream: stream(agent)?, expected_version: self.version, events })
    }
}

/// Whether what a change reaches lies within the budget of the agent that asked for it; so for every other requester.
pub(crate) fn covers(known: &Known, requester: &ActorId, reached: &BlastRadius, now: Timestamp) -> bool {
    match known.directory.get(requester).filter(|actor| actor.kind == ActorKind::Agent) {
        Some(agent) => {
            let (_, _, budget) = entitled(known, agent, now);
            let items = reached.changed_count.saturating_add(reached.dependents_count);
            reached.is_complete && budget.covers(items, reached.highest_tier)
        }
        None => true,
    }
}

/// The stream of an agent's requests.
fn stream(agent: &ActorId) -> Result<StreamName, Failure> {
    StreamName::new(format!("agent/{agent}")).map_err(|error| Failure::Internal(error.to_string()))
}
