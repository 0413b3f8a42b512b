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
            Cause::Incident(id) => match load::incident(app, id).await?.change {
                Some(change) => (change, Some(id)),
                None => break,
            },
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
    if content.caused_by.is_none() {
        content.caused_by = found(app, caller, content);
    }
}

/// The open incident of what a program asks for, as its cause.
fn found(app: &App, caller: &Caller, content: &Content) -> Option<CausedBy> {
    if caller.actor().is_none_or(|actor| actor.kind == ActorKind::Human) {
        return None;
    }
    let open = app.known().incidents.newest_open(content);
    open.map(|id| CausedBy { cause: Cause::Incident(id), is_inferred: true })
}

/// How a change that is about to be created stands in its chain: by the cause that is named, and for a program by the one
/// that is found as well, so that naming another one hides nothing.
///
/// # Errors
/// When its cause does not exist, or the store or the log fails.
pub(crate) async fn standing(app: &App, caller: &Caller, content: &Content) -> Result<Standing, Failure> {
    let found = found(app, caller, content).filter(|found| Some(found) != content.caused_by.as_ref());
    let mut worst = Standing::default();
    for caused_by in content.caused_by.iter().chain(&found) {
        let standing = standing_by(app, caller, content, caused_by).await?;
        worst.links_without_a_person = worst.links_without_a_person.max(standing.links_without_a_person);
        worst.alike_before = worst.alike_before.max(standing.alike_before);
    }
    Ok(worst)
}

async fn standing_by(
    app: &App,
    caller: &Caller,
    content: &Content,
    caused_by: &CausedBy,
) -> Result<Standing, Failure> {
    let links = earlier(app, Some(caused_by)).await.map_err(|failure| match failure {
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
