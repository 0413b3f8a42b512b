//! Opening incidents, and moving them on.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::change::Command;
use domain::id::{ChangeId, CiName, IncidentId};
use domain::incident::suspects::Course;
use domain::incident::{self, Incident, IncidentCommand, Report, Severity, Suspected};
use domain::text::FreeText;
use policy::{Action, IncidentResource, Resource};
use store::NewIdempotency;

use crate::app::{App, SharedApp};
use crate::ask::{self, Particulars};
use crate::caller::Caller;
use crate::commit::{Extras, IncidentPart, commit, decided, incident_part, single};
use crate::failure::Failure;
use crate::load;
use crate::notify;
use crate::project;
use crate::record::Envelope;
use crate::work::{self, ChangeWork, actor_guard};

/// What somebody reports.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// The change that led to it, where one is known.
    pub change: Option<ChangeId>,
    /// What is in trouble; nothing where it is what the change changed.
    pub affected: BTreeSet<CiName>,
    /// When the trouble began; now where nothing is said.
    pub began_at: Option<Timestamp>,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: FreeText,
    /// What is known so far.
    pub text: FreeText,
}

/// What somebody wants of an incident that there is.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    /// The change that led to it, to be linked before everything else.
    pub change: Option<ChangeId>,
    /// What follows, one after the other.
    pub commands: Vec<IncidentCommand>,
}

/// Opens an incident; in one append with the change's link to it, where a change is named. `keep` makes of its identifier
/// what is kept of the answer.
///
/// # Errors
/// When policy or the report itself refuses, there is no such change, or the store fails.
pub(crate) async fn open(
    app: &SharedApp,
    caller: &Caller,
    opening: Opening,
    keep: impl Fn(IncidentId) -> Option<NewIdempotency> + Send + Sync + 'static,
) -> Result<Incident, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let about = (Action::OpenIncident, "incidents");
        let (shared, opening, keep) = (&shared, &opening, &keep);
        decided(shared, caller, about, move |caller| async move {
            attempt_to_open(shared, &caller, opening, keep).await
        })
        .await
    })
    .await
}

async fn attempt_to_open(
    app: &App,
    caller: &Caller,
    opening: &Opening,
    keep: &(impl Fn(IncidentId) -> Option<NewIdempotency> + Sync),
) -> Result<Incident, Failure> {
    let ruling = ask::about(app, caller, Action::OpenIncident, &Resource::System)?;
    let mut work = match opening.change {
        Some(change) => Some(ChangeWork::load(app, change).await?),
        None => None,
    };
    let at = work.as_ref().map_or_else(|| app.clock.now(), |work| work.now);
    let Opening { affected, began_at, severity, title, text, .. } = opening.clone();
    let suspected = work.as_ref().map(suspected);
    let report = Report { suspected, affected, began_at, severity, title, text };
    let unresolved = app.known().incidents.unresolved_of(&caller.id());
    let opened = incident::open(report, unresolved, at)?;
    let id = app.next_incident_id(at).await?;
    if let Some(work) = &mut work {
        let link = Command::LinkIncident { incident: id };
        work.command(app, caller, Action::LinkIncident, Particulars::default(), &link)?;
    }
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let part = incident_part(id, None, &[opened], &envelope)?;
    append(app, caller, work, part, keep(id)).await
}

/// Applies what is wanted to an incident, one after the other, in one append.
///
/// # Errors
/// When policy or the incident refuses, there is no such incident or change, or the store fails.
pub(crate) async fn update(
    app: &SharedApp,
    caller: &Caller,
    id: IncidentId,
    update: Update,
) -> Result<Incident, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let resource = id.to_string();
        let about = (Action::UpdateIncident, resource.as_str());
        let (shared, update) = (&shared, &update);
        decided(
            shared,
            caller,
            about,
            move |caller| async move { attempt(shared, &caller, id, update).await },
        )
        .await
    })
    .await
}

async fn attempt(app: &App, caller: &Caller, id: IncidentId, update: &Update) -> Result<Incident, Failure> {
    let before = load::incident(app, id).await?;
    let resource = Resource::Incident(IncidentResource { id, change: before.change });
    let ruling = ask::about(app, caller, Action::UpdateIncident, &resource)?;
    let (mut work, mut commands) = (None, update.commands.clone());
    if let Some(change) = update.change.filter(|change| before.change != Some(*change)) {
        let mut linked = ChangeWork::load(app, change).await?;
        let link = Command::LinkIncident { incident: id };
        linked.command(app, caller, Action::LinkIncident, Particulars::default(), &link)?;
        commands.insert(0, IncidentCommand::Link(suspected(&linked)));
        work = Some(linked);
    }
    let now = work.as_ref().map_or_else(|| app.clock.now(), |work| work.now);
    let at = now.max(before.updated_at);
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let (mut incident, mut decided) = (before.clone(), Vec::new());
    for command in &commands {
        for event in incident::decide(&incident, command)? {
            incident = incident::evolve(Some(incident), id, at, &envelope.actor, &event)?;
            decided.push(event);
        }
    }
    if decided.is_empty() {
        return Ok(before);
    }
    let part = incident_part(id, Some(before), &decided, &envelope)?;
    append(app, caller, work, part, None).await
}

/// A change as what may have led to an incident.
fn suspected(work: &ChangeWork) -> Suspected {
    let course = Course::of(work.trail.iter().map(|recorded| (recorded.envelope.at, &recorded.event)));
    Suspected { change: work.change.id, started_at: course.began_at() }
}

/// Appends what happens to an incident, with what happens to the change that is linked to it.
async fn append(
    app: &App,
    caller: &Caller,
    work: Option<ChangeWork>,
    part: IncidentPart,
    idempotency: Option<NewIdempotency>,
) -> Result<Incident, Failure> {
    let incident = part.incident.clone();
    if let Some(mut work) = work {
        let extras = Extras { idempotency, incident: Some(part), ..Extras::default() };
        commit(app, &mut work, extras).await?;
        return Ok(incident);
    }
    let mut append = single(part.stream, actor_guard(caller)?.into_iter().collect());
    append.projections.push(project::incident(&incident));
    append.idempotency = idempotency;
    if !part.notices.is_empty() && !app.notifier.is_empty() {
        let change = match incident.change {
            Some(id) => Some(work::load(app, id).await?.0),
            None => None,
        };
        append.outbox =
            notify::about_incident(app, &incident, change.as_ref(), &part.notices, incident.updated_at)?;
    }
    app.append(append).await?;
    app.known_mut().incidents.follow(&incident);
    Ok(incident)
}
