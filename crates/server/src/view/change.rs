//! Changes, in lists and in full.

use api::change as wire;
use api::request::ChangeRequest;
use domain::Timestamp;
use domain::change::{Change, ChangeEvent, Retrospective, State};
use store::ChangeRow;

use super::approval::approval;
use super::blocker::blockers;
use super::run::implementation;
use super::{risk, texts, time, trail_entry};
use crate::known::Known;
use crate::project::priority;
use crate::record::Recorded;

/// A change in full, with what stands between it and its start at `now`.
pub(crate) fn change(
    known: &Known,
    change: &Change,
    trail: &[Recorded<ChangeEvent>],
    now: Timestamp,
) -> wire::Change {
    wire::Change {
        change_id: change.id.to_string(),
        state: change.state_name().to_string(),
        outcome: change.outcome().map(|outcome| outcome.to_string()),
        rejection: rejection(change),
        version: change.version,
        created_at: time(change.created_at),
        created_by: known.directory.name_of(&change.created_by),
        on_behalf_of: change.on_behalf_of.as_ref().map(|other| known.directory.name_of(other)),
        updated_at: time(change.updated_at),
        digest: change.digest.to_string(),
        priority: Some(priority(change).to_string()),
        external_id: change.content.external_id.as_ref().map(ToString::to_string),
        request: request(known, change),
        risk: change.assessment().map(risk),
        approval: approval(known, change),
        blockers: blockers(known, change, now),
        implementation: implementation(known, change),
        retrospective: retrospective(&change.retrospective, now),
        incidents: texts(&change.incidents),
        follow_up: follow_up(change),
        audit_trail: trail.iter().map(|recorded| trail_entry(known, recorded)).collect(),
    }
}

/// A change in a list.
pub(crate) fn summary(known: &Known, row: &ChangeRow) -> wire::ChangeSummary {
    let requester = row.on_behalf_of.as_ref().unwrap_or(&row.requester);
    wire::ChangeSummary {
        change_id: row.change_id.to_string(),
        state: row.state.to_string(),
        change_type: row.change_type.to_string(),
        category: row.category.to_string(),
        title: row.title.clone(),
        requested_by: known.directory.name_of(requester),
        risk: row
            .risk
            .map(|risk| wire::RiskSummary { score: risk.score.get(), level: risk.level.to_string() }),
        priority: Some(row.priority.to_string()),
        affected_services: texts(&row.services),
        environment: row.environment.as_ref().map(ToString::to_string),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        deadline: row.deadline.map(time),
        version: row.version,
    }
}

/// What was asked for, in the fields of the request.
fn request(known: &Known, change: &Change) -> ChangeRequest {
    let requester = change.on_behalf_of.as_ref().unwrap_or(&change.created_by);
    ChangeRequest {
        requested_by: Some(known.directory.name_of(requester)),
        draft: matches!(change.state, State::Draft),
        ..ChangeRequest::from_domain(&change.content)
    }
}

fn rejection(change: &Change) -> Option<String> {
    match &change.state {
        State::Rejected(rejected) => Some(rejected.reason.to_string()),
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
        | State::Failed(_)
        | State::Closed(_)
        | State::Cancelled => None,
    }
}

fn follow_up(change: &Change) -> Option<String> {
    match &change.state {
        State::Closed(closed) => closed.follow_up.map(|id| id.to_string()),
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
        | State::Failed(_)
        | State::Rejected(_)
        | State::Cancelled => None,
    }
}

fn retrospective(retrospective: &Retrospective, now: Timestamp) -> Option<wire::Retrospective> {
    match retrospective {
        Retrospective::NotRequired => None,
        Retrospective::Due { by, overdue } => {
            let state = if *overdue || *by <= now { "overdue" } else { "due" };
            Some(wire::Retrospective { state: state.to_owned(), at: time(*by) })
        }
        Retrospective::Done { at, .. } => {
            Some(wire::Retrospective { state: "done".to_owned(), at: time(*at) })
        }
    }
}
