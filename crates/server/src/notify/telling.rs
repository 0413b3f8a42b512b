//! What is told of a change and of an incident.

use std::collections::BTreeSet;

use adapters::notify::{ChangeFacts, IncidentFacts, Message};
use domain::Timestamp;
use domain::actor::Role;
use domain::approval::Requirements;
use domain::change::{Change, Notice, State};
use domain::id::ActorId;
use domain::incident::{Incident, IncidentEvent, IncidentState};
use store::OutboxMessage;

use crate::app::App;
use crate::deciders::Electorate;
use crate::failure::Failure;

/// Most people whom a message names.
const NAMED_MAX: usize = 10;

/// The messages by which subscribers are told something of a change, each once.
///
/// # Errors
/// Never, as long as ids are visible ASCII.
pub(crate) fn about_change(
    app: &App,
    change: &Change,
    notices: impl IntoIterator<Item = Notice>,
    now: Timestamp,
) -> Result<Vec<OutboxMessage>, Failure> {
    let event = format!("{}/{}", change.id, change.version);
    let mut told: Vec<Notice> = Vec::new();
    let mut messages = Vec::new();
    for notice in notices {
        if app.notifier.is_empty() || told.contains(&notice) {
            continue;
        }
        told.push(notice);
        let message = Message {
            kind: notice,
            at: now,
            change: Some(facts(app, change, now)),
            incident: None,
            audience: audience(change),
            link: link(app, "changes", &change.id.to_string()),
        };
        messages.extend(app.notifier.messages(&event, &message)?);
    }
    Ok(messages)
}

/// The messages by which subscribers are told something of an incident and of the change that led to it, each once.
///
/// # Errors
/// Never, as long as ids are visible ASCII.
pub(crate) fn about_incident(
    app: &App,
    incident: &Incident,
    change: Option<&Change>,
    notices: &[Notice],
    now: Timestamp,
) -> Result<Vec<OutboxMessage>, Failure> {
    let event = format!("{}/{}", incident.id, incident.version);
    let mut messages = Vec::new();
    for notice in notices {
        let told = IncidentFacts {
            incident_id: incident.id,
            title: incident.title.as_str().to_owned(),
            severity: incident.severity,
            state: incident.state,
        };
        let message = Message {
            kind: *notice,
            at: now,
            change: change.map(|change| facts(app, change, now)),
            incident: Some(told),
            audience: change.map(audience).unwrap_or_default(),
            link: match change {
                Some(change) => link(app, "changes", &change.id.to_string()),
                None => link(app, "incidents", &incident.id.to_string()),
            },
        };
        messages.extend(app.notifier.messages(&event, &message)?);
    }
    Ok(messages)
}

/// What people are told because of these events of an incident, each once.
pub(crate) fn incident_notices(before: Option<&Incident>, events: &[IncidentEvent]) -> Vec<Notice> {
    let was_resolved = before.is_some_and(|incident| incident.state == IncidentState::Resolved);
    let mut notices: Vec<Notice> = Vec::new();
    for event in events {
        let notice = match event {
            IncidentEvent::Opened { .. } => Notice::IncidentOpened,
            IncidentEvent::SeverityChanged { .. } => Notice::IncidentWorsened,
            IncidentEvent::StateChanged { state: IncidentState::Investigating } if was_resolved => {
                Notice::IncidentWorsened
            }
            IncidentEvent::StateChanged { state: IncidentState::Resolved } => Notice::IncidentResolved,
            IncidentEvent::StateChanged { .. }
            | IncidentEvent::Linked { .. }
            | IncidentEvent::Noted { .. }
            | IncidentEvent::RootCauseRecorded { .. } => continue,
        };
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }
    notices
}

fn facts(app: &App, change: &Change, now: Timestamp) -> ChangeFacts {
    let assessment = change.assessment();
    let content = &change.content;
    let (asked, deadline) = match &change.state {
        State::AwaitingApproval(awaiting) => (awaiting.asked(change.digest), Some(awaiting.deadline)),
        _ => (Vec::new(), None),
    };
    ChangeFacts {
        change_id: change.id,
        title: content.title.as_str().to_owned(),
        change_type: content.change_type,
        state: change.state_name(),
        level: assessment.map(|assessment| assessment.level),
        score: assessment.map(|assessment| assessment.score.get()),
        requester: app.known().directory.name_of(&change.created_by),
        services: content.affected_services.iter().map(ToString::to_string).collect(),
        digest: change.digest,
        asked,
        deciders: deciders(app, change, now),
        deadline,
    }
}

/// Who could decide about a change that waits for it.
fn deciders(app: &App, change: &Change, now: Timestamp) -> Vec<String> {
    let State::AwaitingApproval(awaiting) = &change.state else { return Vec::new() };
    let known = app.known();
    let electorate = Electorate::of(&known, change, awaiting, now);
    let says = awaiting.asked(change.digest).into_iter().flat_map(|role| electorate.holders(role));
    let name = |id: &ActorId| known.directory.name_of(id);
    let names: BTreeSet<String> = says
        .map(|say| match &say.in_place_of {
            None => name(&say.id),
            Some(lender) => format!("{} for {}", name(&say.id), name(lender)),
        })
        .collect();
    let more = names.len().saturating_sub(NAMED_MAX);
    let more = (more > 0).then(|| format!("{more} more"));
    names.into_iter().take(NAMED_MAX).chain(more).collect()
}

/// The roles that decide about a change or are informed of it; while they are asked, those whose turn it is.
fn audience(change: &Change) -> Vec<Role> {
    if let State::AwaitingApproval(awaiting) = &change.state {
        let informed = awaiting.requirements.inform.iter().copied();
        return awaiting.asked(change.digest).into_iter().chain(informed).collect();
    }
    let roles = |requirements: &Requirements| {
        let gates = requirements.gates.iter().map(|gate| gate.role);
        gates.chain(requirements.inform.iter().copied()).collect()
    };
    change.authorization().map(|authorization| roles(&authorization.requirements)).unwrap_or_default()
}

/// The page of a thing, where the server knows under which address it is reached.
fn link(app: &App, kind: &str, id: &str) -> Option<String> {
    let url = app.config.public_url.as_deref()?;
    Some(format!("{}/{kind}/{id}", url.trim_end_matches('/')))
}
