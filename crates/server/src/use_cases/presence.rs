//! Taking note of runners that are there. It is what was seen, not what happened: the log has nothing of it.

use std::collections::BTreeSet;

use domain::id::{ChangeId, RunnerLabel};
use policy::{Action, Resource};
use store::{HolderName, RunnerSeen};

use crate::app::App;
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;

/// What a runner says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    /// Its own name.
    pub name: HolderName,
    /// The machine that it runs on.
    pub host: String,
    /// The release that it is of.
    pub version: String,
    /// What it is fit for.
    pub labels: BTreeSet<RunnerLabel>,
    /// How many changes it carries out at a time.
    pub concurrency: u32,
    /// The changes that it works on.
    pub working_on: BTreeSet<ChangeId>,
    /// How many of them wait for a person.
    pub waiting: u32,
    /// What it does.
    pub state: RunnerState,
}

/// What a runner does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunnerState {
    /// It looks for work.
    Looking,
    /// It takes nothing on any more.
    Draining,
    /// It has ended.
    Ended,
}

/// Takes note of a runner; one that has ended is forgotten.
///
/// # Errors
/// When policy refuses, or the store fails.
pub(crate) async fn announce(
    app: &App,
    caller: &Caller,
    announced: Announced,
) -> Result<RunnerSeen, Failure> {
    ask::about(app, caller, Action::AnnounceRunner, &Resource::System)?;
    let Announced { name, host, version, labels, concurrency, working_on, waiting, state } = announced;
    let now = app.clock.now();
    let mut seen = RunnerSeen {
        actor: caller.id(),
        name,
        host,
        version,
        labels,
        concurrency,
        working_on,
        waiting,
        draining: state != RunnerState::Looking,
        first_seen_at: now,
        seen_at: now,
    };
    if state == RunnerState::Ended {
        app.store.runner_ended(&seen.actor, &seen.name).await?;
        app.known_mut().presence.remove(&seen.actor, &seen.name);
    } else {
        app.store.runner_seen(seen.clone()).await?;
        seen.first_seen_at = app.known_mut().presence.put(seen.clone());
    }
    Ok(seen)
}

/// Takes note of what runners have announced to other servers.
///
/// # Errors
/// When the store fails.
pub(crate) async fn keep_up(app: &App) -> Result<(), Failure> {
    let kept = app.store.runners_seen().await?;
    app.known_mut().presence.replace(kept);
    Ok(())
}
