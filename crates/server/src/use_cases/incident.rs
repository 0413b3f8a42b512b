//! Moving an incident on.

use domain::id::IncidentId;
use domain::incident::{self, Incident, IncidentCommand};
use policy::{Action, IncidentResource, Resource};
use store::{StreamAppend, StreamName};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::{decided, single};
use crate::failure::Failure;
use crate::load;
use crate::notify;
use crate::project;
use crate::record::{Envelope, encode};
use crate::work::{self, actor_guard};

/// Applies commands to an incident, one after the other, in one append.
///
/// # Errors
/// When policy or the incident refuses, there is no such incident, or the store fails.
pub(crate) async fn update(
    app: &SharedApp,
    caller: &Caller,
    id: IncidentId,
    commands: Vec<IncidentCommand>,
) -> Result<Incident, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let resource = id.to_string();
        let about = (Action::UpdateIncident, resource.as_str());
        let (shared, commands) = (&shared, &commands);
        decided(
            shared,
            caller,
            about,
            move |caller| async move { attempt(shared, &caller, id, commands).await },
        )
        .await
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    id: IncidentId,
    commands: &[IncidentCommand],
) -> Result<Incident, Failure> {
    let before = load::incident(app, id).await?;
    let resource = Resource::Incident(IncidentResource { id, change: before.change });
    let ruling = ask::about(app, caller, Action::UpdateIncident, &resource)?;
    let at = app.clock.now().max(before.updated_at);
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let (mut incident, mut decided) = (before.clone(), Vec::new());
    for command in commands {
        for event in incident::decide(&incident, command)? {
            incident = incident::evolve(Some(incident), id, at, &envelope.actor, &event)?;
            decided.push(event);
        }
    }
    let events = decided.iter().map(|event| encode(&envelope, event)).collect();
    let part = StreamAppend { stream: StreamName::incident(id), expected_version: before.version, events };
    let mut append = single(part, actor_guard(caller)?.into_iter().collect());
    append.projections.push(project::incident(&incident));
    let notices = notify::incident_notices(Some(&before), &decided);
    if !notices.is_empty() && !app.notifier.is_empty() {
        let (change, _) = work::load(app, incident.change).await?;
        append.outbox = notify::about_incident(app, &incident, &change, &notices, at)?;
    }
    app.append(append).await?;
    app.known_mut().incidents.moved(&incident);
    Ok(incident)
}
