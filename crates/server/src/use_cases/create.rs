//! Creating a change: checked, assessed and routed in one append.

use domain::actor::{ActorKind, Directory};
use domain::change::Content;
use domain::id::{ActorId, ChangeId};
use policy::{Action, ActorResource, Resource};
use store::{AppendError, StreamName};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::{Extras, commit, yield_to_others};
use crate::failure::Failure;
use crate::use_cases::{budget, calibrations, chain, refusal};
use crate::work::{ChangeWork, Requester};

/// How often an id is proposed again because another server took it.
const ATTEMPTS_MAX: usize = 32;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct NewChange {
    /// The content.
    pub content: Content,
    /// Whether it is still being written.
    pub draft: bool,
    /// For whom it is asked, as the request names them.
    pub requested_by: Option<String>,
}

/// Creates a change; a submitted one is assessed and routed in the same append.
///
/// # Errors
/// When policy refuses, the content is not valid, the requester is unknown, or the store fails.
pub(crate) async fn create(
    app: &SharedApp,
    caller: &Caller,
    mut new: NewChange,
    extras: impl Fn(&ChangeWork) -> Extras + Send + Sync + 'static,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        shared.experience.ready().await;
        let on_behalf_of = on_behalf_of(&shared.known().directory, &caller, new.requested_by.as_deref())?;
        let mut caller = caller;
        chain::complete(&shared, &caller, &mut new.content);
        calibrations::bind(&shared.known().calibrations, &mut new.content)?;
        for _ in 0..ATTEMPTS_MAX {
            let requester = requester(&shared, &caller, on_behalf_of.clone(), &new.content).await?;
            match attempt(&shared, &requester, &new, &extras).await {
                Ok(work) => return Ok(work),
                Err(failure @ Failure::Denied(_)) => {
                    refusal::note(&shared, &caller, Action::Create, "new change", &failure).await;
                    return Err(failure);
                }
                Err(failure) => caller = yield_to_others(&shared, &caller, failure).await?,
            }
        }
        Err(Failure::Contended)
    })
    .await
}

/// Whoever asks, once policy lets it ask for the one it names.
async fn requester<'a>(
    app: &App,
    caller: &'a Caller,
    on_behalf_of: Option<ActorId>,
    content: &Content,
) -> Result<Requester<'a>, Failure> {
    if let Some(other) = &on_behalf_of {
        let owner = app.known().directory.get(other).and_then(|actor| actor.owner.clone());
        let resource = Resource::Actor(ActorResource { id: other.clone(), owner });
        if let Err(failure) = ask::on_behalf(app, caller, Action::ActOnBehalf, &resource, Some(other)) {
            refusal::note(app, caller, Action::ActOnBehalf, "new change", &failure).await;
            return Err(failure);
        }
    }
    let agent = caller.actor().filter(|actor| actor.kind == ActorKind::Agent);
    let standing = match agent {
        Some(agent) => Some(budget::standing(app, agent, app.clock.now()).await?),
        None => None,
    };
    let chain = chain::standing(app, caller, content).await?;
    Ok(Requester { caller, on_behalf_of, standing, chain })
}

async fn attempt(
    app: &App,
    requester: &Requester<'_>,
    new: &NewChange,
    extras: &(impl Fn(&ChangeWork) -> Extras + Sync),
) -> Result<ChangeWork, Failure> {
    let id = app.next_change_id(app.clock.now()).await?;
    let done = async {
        let mut work = decide(app, requester, id, new)?;
        let mut extras = extras(&work);
        if let Some(standing) = &requester.standing {
            extras.beside = Some(standing.turn(&requester.caller.id(), id, work.now)?);
        }
        commit(app, &mut work, extras).await?;
        Ok(work)
    };
    // A number that somebody else has is not ours to give back.
    done.await.inspect_err(|failure| {
        let is_taken = |stream: &StreamName| *stream == StreamName::change(id);
        if !matches!(failure, Failure::Append(AppendError::VersionConflict { stream, .. }) if is_taken(stream)) {
            app.give_back(id);
        }
    })
}

fn decide(
    app: &App,
    requester: &Requester<'_>,
    id: ChangeId,
    new: &NewChange,
) -> Result<ChangeWork, Failure> {
    let known = app.known();
    let mut work = ChangeWork::create(app, &known, requester, id, new.content.clone(), new.draft)?;
    if !new.draft {
        work.assess_and_route(app, &known)?;
    }
    Ok(work)
}

/// The one for whom the caller acts; nobody when the request names the caller itself, or no one.
fn on_behalf_of(
    directory: &Directory,
    caller: &Caller,
    requested_by: Option<&str>,
) -> Result<Option<ActorId>, Failure> {
    let Some(name) = requested_by else {
        return Ok(None);
    };
    let named = directory.find(name);
    let named =
        named.ok_or_else(|| Failure::NotFound { what: "actor", name: name.chars().take(128).collect() })?;
    Ok((named.id != caller.id()).then(|| named.id.clone()))
}
