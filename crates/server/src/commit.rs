//! Committing a unit of work: events, effects and projections in one append, and again when somebody else was faster.

use std::collections::BTreeSet;

use domain::change::{Action as Effect, Command, Deadline, Notice, Retrospective};
use domain::id::{ActorId, ChangeId, IncidentId};
use domain::incident::{self, Incident, IncidentEvent, IncidentState, Severity};
use domain::text::{FreeText, TITLE_BYTES_MAX};
use policy::Action;
use serde_json::json;
use store::{
    Append, AppendError, Guard, NewIdempotency, OutboxMessage, StreamAppend, StreamName, Timer, TimerId,
    TimerOp,
};

use crate::app::App;
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::experience::Past;
use crate::failure::Failure;
use crate::known::{Ending, Known};
use crate::load;
use crate::notify;
use crate::project;
use crate::record::{DecidedBy, Envelope, encode};
use crate::use_cases::{on_close, refusal};
use crate::work::ChangeWork;

/// How often a unit of work is decided again because somebody else was faster.
const ATTEMPTS_MAX: usize = 8;
/// Most bytes of the names of channels on record.
const TOLD_BYTES_MAX: usize = 1_024;
/// How often what many write to, such as the calendar or the board, is decided again for the same reason.
const DECISIONS_MAX: usize = 32;

/// What a use-case adds to the append of a unit of work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    /// The answer to give to a repetition of the request.
    pub idempotency: Option<NewIdempotency>,
    /// The timer that led to the work; the append fails when it is gone.
    pub consume_timer: Option<TimerId>,
    /// What is written to another stream with it: what the change takes of an agent's budget, or what the board decided.
    pub beside: Option<StreamAppend>,
    /// What happens to an incident with it, where somebody links the two.
    pub incident: Option<IncidentPart>,
}

/// Loads a change, lets `decide` work on it for the caller and commits; decides again when somebody else was faster,
/// for the caller as it is then.
///
/// # Errors
/// What `decide` refuses, or when the store fails.
pub(crate) async fn with_change(
    app: &App,
    caller: &Caller,
    id: ChangeId,
    extras: Extras,
    mut decide: impl FnMut(&mut ChangeWork, &Known, &Caller) -> Result<(), Failure> + Send,
) -> Result<ChangeWork, Failure> {
    let mut caller = caller.clone();
    for _ in 0..ATTEMPTS_MAX {
        let mut work = ChangeWork::load(app, id).await?;
        decide(&mut work, &app.known(), &caller)?;
        if work.is_unchanged() && work.effects.is_empty() {
            return Ok(work);
        }
        match commit(app, &mut work, extras.clone()).await {
            Ok(()) => return Ok(work),
            Err(failure) => caller = yield_to_others(app, &caller, failure).await?,
        }
    }
    Err(Failure::Contended)
}

/// Lets `attempt` decide for the caller and commit, and again when somebody else was faster, for the caller as it is then.
/// A refusal is noted as one of the action on the resource.
///
/// # Errors
/// What `attempt` refuses, or when the store fails.
pub(crate) async fn decided<T, F: Future<Output = Result<T, Failure>>>(
    app: &App,
    mut caller: Caller,
    (action, resource): (Action, &str),
    attempt: impl Fn(Caller) -> F,
) -> Result<T, Failure> {
    for _ in 0..DECISIONS_MAX {
        match attempt(caller.clone()).await {
            Ok(done) => return Ok(done),
            Err(failure @ Failure::Denied(_)) => {
                refusal::note(app, &caller, action, resource, &failure).await;
                return Err(failure);
            }
            Err(failure) => caller = yield_to_others(app, &caller, failure).await?,
        }
    }
    Err(Failure::Contended)
}

/// Commits a unit of work.
///
/// # Errors
/// When somebody else was faster, a guard does not hold any more, or the store fails. Nothing was written then.
pub(crate) async fn commit(app: &App, work: &mut ChangeWork, extras: Extras) -> Result<(), Failure> {
    let effects = std::mem::take(&mut work.effects);
    let incident = match extras.incident {
        Some(linked) => Some(linked),
        None => apply_incident(app, work, &effects).await?,
    };
    let tells_an_ending = work.tells_an_ending();
    let cmdb = on_close::prepare(app, work).await?;
    let outbox = notify::about_change(app, &work.change, notices(&effects), work.now)?;
    if notices(&effects).any(|notice| notice == Notice::Started) {
        note_who_is_told(app, work, &outbox)?;
    }
    let mut append = work.append();
    append.timers = timers(work.change.id, &effects)?;
    append.outbox = outbox;
    append.idempotency = extras.idempotency;
    append.consume_timer = extras.consume_timer;
    append.streams.extend(extras.beside);
    let told = incident.as_ref().map(|part| part.incident.clone());
    if let Some(part) = incident {
        let told = notify::about_incident(app, &part.incident, Some(&work.change), &part.notices, work.now)?;
        append.outbox.extend(told);
        append.streams.push(part.stream);
        append.projections.push(project::incident(&part.incident));
    }
    if let Some(part) = &cmdb {
        append.streams.extend(part.append.streams.iter().cloned());
        append.projections.extend(part.append.projections.iter().cloned());
    }
    let appended = app.append(append).await?;
    if let Some(part) = cmdb {
        app.known_mut().apply_edit(&part.edit);
    }
    if let Some(incident) = &told {
        app.known_mut().incidents.put(incident, Some(&work.change.content));
    }
    if app.known().bookings.concerns(&work.change) {
        let mut known = app.known_mut();
        known.bookings.put(&work.change);
        work.started().into_iter().for_each(|starts| known.reach_start(starts));
    }
    let is_due = matches!(work.change.retrospective, Retrospective::Due { .. });
    let was_due = app.known().debts.contains(work.change.id);
    if is_due || was_due {
        app.known_mut().debts.note(&work.change);
    }
    work.committed_at(appended.indexes.start);
    app.metrics.committed(&work.trail, appended.indexes);
    if let Some(ending) = Ending::of(&work.change).filter(|_| tells_an_ending) {
        app.known_mut().endings.add(&ending);
        app.experience.add(Past::of(&work.change, &app.known().directory));
    }
    Ok(())
}

/// Puts on record through which channels stakeholders learn of the start, so that an auditor sees that it was before the
/// first step.
fn note_who_is_told(app: &App, work: &mut ChangeWork, outbox: &[OutboxMessage]) -> Result<(), Failure> {
    let channels: Vec<_> =
        notify::channels_by(outbox, work.now).into_iter().map(|name| format!("`{name}`")).collect();
    if channels.is_empty() {
        return Ok(());
    }
    let text = format!("Stakeholders are told of the start: {}", channels.join(", "));
    let text = FreeText::excerpt(&text, TOLD_BYTES_MAX);
    work.command(app, &Caller::System, Action::Comment, Particulars::default(), &Command::Comment { text })
}

/// Takes note of what somebody else wrote, so that the next attempt sees it, and gives the caller as it is by now.
///
/// # Errors
/// The failure itself, when trying again would not help; or when the caller's token is not good any more.
pub(crate) async fn yield_to_others(app: &App, caller: &Caller, failure: Failure) -> Result<Caller, Failure> {
    match failure {
        Failure::Append(AppendError::VersionConflict { stream, expected, .. }) => {
            if expected == 0 {
                app.learn_numbers().await?;
            }
            load::refresh(app, &stream).await?;
        }
        Failure::Append(AppendError::ClockWentBack { .. } | AppendError::TooLate { .. }) => {}
        other => return Err(other),
    }
    caller.renewed(&app.known().directory, app.clock.now())
}

/// The part of an append that opens or continues an incident.
#[derive(Debug, Clone)]
pub(crate) struct IncidentPart {
    /// The incident as it is then.
    pub incident: Incident,
    /// Its events.
    pub stream: StreamAppend,
    /// What people are told because of them.
    pub notices: Vec<Notice>,
}

/// Opens an incident for a rollback, or makes the change's open one worse.
async fn apply_incident(
    app: &App,
    work: &mut ChangeWork,
    effects: &[Effect],
) -> Result<Option<IncidentPart>, Failure> {
    let wanted = effects.iter().rev().find_map(|effect| match effect {
        Effect::OpenIncident { severity, cause } => Some((*severity, cause.clone())),
        Effect::SetTimer { .. } | Effect::CancelTimer { .. } | Effect::Notify { .. } => None,
    });
    let Some((severity, cause)) = wanted else {
        return Ok(None);
    };
    let (id, before) = match open_incident(app, work).await? {
        Some(incident) => (incident.id, Some(incident)),
        None => (app.next_incident_id(work.now).await?, None),
    };
    let events = match &before {
        None => vec![opened(work, severity, cause)?],
        Some(incident) => continued(incident, severity, cause),
    };
    if before.is_none() {
        let command = Command::LinkIncident { incident: id };
        work.command(app, &Caller::System, policy::Action::LinkIncident, Particulars::default(), &command)?;
    }
    let at = before.as_ref().map_or(work.now, |incident| work.now.max(incident.updated_at));
    let (actor, decided_by) = (ActorId::system(), DecidedBy::default());
    let envelope = Envelope { at, actor, on_behalf_of: None, decided_by };
    incident_part(id, before, &events, &envelope).map(Some)
}

async fn open_incident(app: &App, work: &ChangeWork) -> Result<Option<Incident>, Failure> {
    let Some(id) = work.change.incidents.last() else {
        return Ok(None);
    };
    let incident = load::incident(app, *id).await?;
    Ok((incident.state != IncidentState::Closed).then_some(incident))
}

fn opened(work: &ChangeWork, severity: Severity, cause: FreeText) -> Result<IncidentEvent, Failure> {
    let title = incident_title(work.change.id, work.change.content.title.as_str());
    let title = FreeText::title(title).map_err(|error| Failure::Internal(error.to_string()))?;
    let (change, affected) = (Some(work.change.id), BTreeSet::new());
    Ok(IncidentEvent::Opened { change, affected, began_at: None, severity, title, text: cause })
}

/// The change and its title, within the bytes of a title: a long one must never keep a rollback from its incident.
fn incident_title(id: ChangeId, title: &str) -> String {
    let mut text = format!("{id}: {title}");
    let end = (0..=TITLE_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
    text
}

fn continued(incident: &Incident, severity: Severity, cause: FreeText) -> Vec<IncidentEvent> {
    let mut events = vec![IncidentEvent::Noted { text: cause }];
    if severity > incident.severity {
        events.push(IncidentEvent::SeverityChanged { severity });
    }
    if incident.state == IncidentState::Resolved {
        events.push(IncidentEvent::StateChanged { state: IncidentState::Investigating });
    }
    events
}

/// What happens to an incident, as a part of an append.
///
/// # Errors
/// When the events do not follow the ones before.
pub(crate) fn incident_part(
    id: IncidentId,
    before: Option<Incident>,
    events: &[IncidentEvent],
    envelope: &Envelope,
) -> Result<IncidentPart, Failure> {
    let expected_version = before.as_ref().map_or(0, |incident| incident.version);
    let notices = notify::incident_notices(before.as_ref(), events);
    let mut folded = before;
    let mut encoded = Vec::with_capacity(events.len());
    for event in events {
        folded = Some(incident::evolve(folded, id, envelope.at, &envelope.actor, event)?);
        encoded.push(encode(envelope, event));
    }
    let incident = folded.ok_or_else(|| Failure::Internal("an incident without events".to_owned()))?;
    let stream = StreamAppend { stream: StreamName::incident(id), expected_version, events: encoded };
    Ok(IncidentPart { stream, incident, notices })
}

/// The timer of a change's deadline.
///
/// # Errors
/// Never, as long as ids and deadline names are visible ASCII.
pub(crate) fn timer_id(id: ChangeId, deadline: Deadline) -> Result<TimerId, Failure> {
    TimerId::new(format!("{id}/{deadline}")).map_err(|error| Failure::Internal(error.to_string()))
}

/// Timers to set and cancel; of several effects on one deadline the last counts.
fn timers(id: ChangeId, effects: &[Effect]) -> Result<Vec<TimerOp>, Failure> {
    let mut ops: Vec<(Deadline, TimerOp)> = Vec::new();
    for effect in effects {
        let (deadline, op) = match effect {
            Effect::SetTimer { deadline, due_at } => (
                *deadline,
                TimerOp::Set(Timer {
                    id: timer_id(id, *deadline)?,
                    stream: StreamName::change(id),
                    kind: deadline.to_string(),
                    due_at: *due_at,
                    payload: json!({}),
                }),
            ),
            Effect::CancelTimer { deadline } => (*deadline, TimerOp::Cancel { id: timer_id(id, *deadline)? }),
            Effect::Notify { .. } | Effect::OpenIncident { .. } => continue,
        };
        ops.retain(|(earlier, _)| *earlier != deadline);
        ops.push((deadline, op));
    }
    Ok(ops.into_iter().map(|(_, op)| op).collect())
}

/// What people are told.
fn notices(effects: &[Effect]) -> impl Iterator<Item = Notice> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Notify { notice } => Some(*notice),
        Effect::SetTimer { .. } | Effect::CancelTimer { .. } | Effect::OpenIncident { .. } => None,
    })
}

/// An append to one stream only.
pub(crate) fn single(stream: StreamAppend, guards: Vec<Guard>) -> Append {
    Append { streams: vec![stream], guards, ..Append::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_title_in_any_script_makes_an_incident_title() {
        let id = "CHG-2026-000001".parse().unwrap();
        for letter in ["x", "é", "変", "🦀"] {
            let longest = letter.repeat(TITLE_BYTES_MAX / letter.len());
            assert!(FreeText::title(longest.as_str()).is_ok());
            let title = incident_title(id, &longest);
            assert!(title.starts_with("CHG-2026-000001: ") && FreeText::title(title).is_ok(), "{letter}");
        }
    }
}
