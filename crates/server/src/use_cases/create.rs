//! Creating a change: checked, assessed and routed in one append.

use domain::actor::Directory;
use domain::change::Content;
use domain::id::ActorId;
use policy::Action;

use crate::app::{App, SharedApp};
use crate::caller::Caller;
use crate::commit::{Extras, commit, yield_to_others};
use crate::failure::Failure;
use crate::use_cases::refusal;
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
    new: NewChange,
    extras: impl Fn(&ChangeWork) -> Extras + Send + 'static,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let done = attempt(&shared, &caller, &new, extras).await;
        if let Err(failure @ Failure::Denied(_)) = &done {
            refusal::note(&shared, &caller, Action::ActOnBehalf, "new change", failure).await;
        }
        done
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    new: &NewChange,
    extras: impl Fn(&ChangeWork) -> Extras + Send,
) -> Result<ChangeWork, Failure> {
    let on_behalf_of = on_behalf_of(&app.known().directory, caller, new.requested_by.as_deref())?;
    for _ in 0..ATTEMPTS_MAX {
        let id = app.next_change_id(app.clock.now()).await?;
        let requester = Requester { caller, on_behalf_of: on_behalf_of.clone() };
        let mut work = decide(app, &requester, id, new)?;
        let extras = extras(&work);
        match commit(app, &mut work, extras).await {
            Ok(()) => return Ok(work),
            Err(failure) => yield_to_others(app, failure).await?,
        }
    }
    Err(Failure::Contended)
}

fn decide(
    app: &App,
    requester: &Requester<'_>,
    id: domain::id::ChangeId,
    new: &NewChange,
) -> Result<ChangeWork, Failure> {
    let known = app.known();
    let created = ChangeWork::create(app, &known, requester, id, new.content.clone(), new.draft);
    let mut work = created.inspect_err(|_| app.give_back(id))?;
    if !new.draft {
        work.assess_and_route(app, &known).inspect_err(|_| app.give_back(id))?;
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
