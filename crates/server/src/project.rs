//! Projection rows from what they project. The same functions serve each commit and a rebuild from the log.

use domain::change::{Change, Retrospective, State};
use domain::id::CiName;
use domain::incident::Incident;
use domain::priority::{Magnitude, Priority};
use store::{
    ChangeRow, CiFacts, CiRow, EndingRow, IncidentRow, ProjectError, ProjectionRow, RiskRow, StoredEvent,
    StreamName,
};

use crate::load::{StoredItem, fold_incident};
use crate::record::{Recorded, decode};
use crate::work::fold;

/// Priority of a change; impact and urgency that were not declared count as medium.
pub fn priority(change: &Change) -> Priority {
    let impact = change.content.impact.unwrap_or(Magnitude::Medium);
    let urgency = change.content.urgency.unwrap_or(Magnitude::Medium);
    Priority::of(impact, urgency)
}

/// The row of a change.
pub fn change(change: &Change) -> ProjectionRow {
    let risk = change.assessment().map(|assessment| RiskRow {
        score: assessment.score,
        raw: i64::from(assessment.raw_thousandths),
        level: assessment.level,
    });
    ProjectionRow::Change(Box::new(ChangeRow {
        change_id: change.id,
        state: change.state_name(),
        change_type: change.content.change_type,
        category: change.content.category,
        title: change.content.title.to_string(),
        requester: change.created_by.clone(),
        on_behalf_of: change.on_behalf_of.clone(),
        risk,
        priority: priority(change),
        services: change.content.affected_services.iter().cloned().collect(),
        cis: change.content.affected_cis.iter().cloned().collect(),
        environment: change.content.environment.clone(),
        created_at: change.created_at,
        updated_at: change.updated_at,
        deadline: deadline(change),
        version: change.version,
        runs_on: change.content.plan.iter().flat_map(|plan| plan.runs_on.iter().cloned()).collect(),
        ending: ending(change),
    }))
}

/// The next instant by which somebody must have acted, as far as the state itself says.
fn deadline(change: &Change) -> Option<domain::Timestamp> {
    match (&change.state, &change.retrospective) {
        (State::AwaitingApproval(awaiting), _) => Some(awaiting.deadline),
        (State::Approved(_), _) => change.content.window.map(|window| window.end),
        (_, Retrospective::Due { by, .. }) => Some(*by),
        _ => None,
    }
}

/// How and when the change was closed.
fn ending(change: &Change) -> Option<EndingRow> {
    match &change.state {
        State::Closed(closed) => {
            let finding = change.found().map(|found| found.finding);
            Some(EndingRow { outcome: closed.outcome, closed_at: closed.at, finding })
        }
        _ => None,
    }
}

/// The row of an incident.
pub fn incident(incident: &Incident) -> ProjectionRow {
    ProjectionRow::Incident(Box::new(IncidentRow {
        incident_id: incident.id,
        change_id: incident.change,
        state: incident.state,
        severity: incident.severity,
        title: incident.title.to_string(),
        opened_at: incident.opened_at,
        updated_at: incident.updated_at,
        version: incident.version,
    }))
}

/// The row of a configuration item; none when nothing is recorded of it.
pub(crate) fn ci(id: &CiName, stored: &StoredItem) -> Option<ProjectionRow> {
    let facts = stored.item.view().map(|view| CiFacts {
        ci_type: view.ci_type.value,
        tier: view.tier.map(|known| known.value),
        owner: view.owner.map(|known| known.value.to_string()),
        environment: view.environment.map(|known| known.value.clone()),
        lifecycle: view.lifecycle.value,
    });
    let row = CiRow {
        id: id.clone(),
        facts,
        sources: stored.item.statements().keys().cloned().collect(),
        version: stored.version,
        updated_at: stored.updated_at?,
    };
    Some(ProjectionRow::Ci(Box::new(row)))
}

/// The rows of a whole stream, for a rebuild. Streams that are not projected give none.
///
/// # Errors
/// When the stream's events cannot be read or folded.
pub fn stream(name: &StreamName, events: Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError> {
    if let Some(id) = name.as_str().strip_prefix("change/") {
        let trail: Vec<Recorded<_>> = events.into_iter().map(decode).collect::<Result<_, _>>()?;
        return Ok(fold(id.parse()?, &trail)?.iter().map(change).collect());
    }
    if let Some(id) = name.as_str().strip_prefix("incident/") {
        let trail: Vec<Recorded<_>> = events.into_iter().map(decode).collect::<Result<_, _>>()?;
        return Ok(fold_incident(id.parse()?, &trail)?.iter().map(incident).collect());
    }
    if let Some(id) = name.as_ci() {
        let trail: Vec<Recorded<_>> = events.into_iter().map(decode).collect::<Result<_, _>>()?;
        let mut stored = StoredItem::default();
        trail.iter().for_each(|recorded| stored.follow(recorded));
        return Ok(ci(&id, &stored).into_iter().collect());
    }
    Ok(Vec::new())
}
