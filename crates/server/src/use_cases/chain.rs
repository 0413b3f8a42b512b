//! The chain of changes that led to a change.

use std::collections::BTreeSet;

use api::FieldError;
use domain::actor::ActorKind;
use domain::change::cause::{CHAIN_LINKS_MAX, Cause, CausedBy, Link, Standing};
use domain::change::{Change, Content};
use domain::id::{ActorId, IncidentId};

use crate::app::App;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::load;
use crate::work;

/// One change of a chain, and the incident by way of which it led to the next.
#[derive(Debug)]
pub(crate) struct Earlier {
    /// The change.
    pub change: Change,
    /// The incident; nothing where the change itself led on.
    pub by_way_of: Option<IncidentId>,
}

/// The changes that led to one with this cause, the nearest first. A chain that is longer than is followed ends there.
///
/// # Errors
/// When a cause does not exist, or the store or the log fails.
pub(crate) async fn earlier(app: &App, caused_by: Option<&CausedBy>) -> Result<Vec<Earlier>, Failure> {
    let mut links = Vec::new();
    let mut cause = caused_by.map(|caused_by| caused_by.cause.clone());
    while let Some(present) = cause.filter(|_| links.len() < CHAIN_LINKS_MAX) {
        let (id, by_way_of) = match present {
            Cause::Task(_) => break,
            Cause::Change(id) => (id, None),
            Cause::Incident(id) => (load::incident(app, id).await?.change, Some(id)),
        };
        let (change, _) = work::load(app, id).await?;
        cause = change.content.caused_by.as_ref().map(|caused_by| caused_by.cause.clone());
        links.push(Earlier { change, by_way_of });
    }
    Ok(links)
}

/// Completes the cause of what a program asks for: where it names none, and what it is about has an open incident, that
/// is its cause. Programs that leave it out would otherwise be in no chain.
pub(crate) fn complete(app: &App, caller: &Caller, content: &mut Content) {
    let is_program = caller.actor().is_some_and(|actor| actor.kind != ActorKind::Human);
    if is_program && content.caused_by.is_none() {
        let open = app.known().incidents.newest_open(content);
        content.caused_by = open.map(|id| CausedBy { cause: Cause::Incident(id), is_inferred: true });
    }
}

/// How a change that is about to be created stands in its chain.
///
/// # Errors
/// When its cause does not exist, or the store or the log fails.
pub(crate) async fn standing(app: &App, caller: &Caller, content: &Content) -> Result<Standing, Failure> {
    if content.caused_by.is_none() {
        return Ok(Standing::default());
    }
    let links = earlier(app, content.caused_by.as_ref()).await.map_err(|failure| match failure {
        Failure::NotFound { what, name } => {
            FieldError::new("caused_by", format!("there is no {what} `{name}`")).into()
        }
        other => other,
    })?;
    let known = app.known();
    let side: BTreeSet<ActorId> = known.directory.side_of(&caller.id());
    // Somebody of whom nothing is known is no person.
    let kind = |id: &ActorId| known.directory.get(id).map_or(ActorKind::Service, |actor| actor.kind);
    let links = links.iter().map(|earlier| {
        let Change { created_by: by, content, .. } = &earlier.change;
        Link { by, kind: kind(by), content }
    });
    Ok(Standing::of(links, &side, content))
}
