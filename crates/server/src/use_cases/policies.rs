//! Putting policies in force: first as an event, then for every decision of this server.

use domain::Timestamp;
use domain::governance::{PolicyEvent, PutInForceBy};
use domain::id::ActorId;
use policy::PolicySet;
use store::{AppendError, StreamAppend, StreamName};

use crate::app::{App, SharedApp};
use crate::commit::single;
use crate::failure::Failure;
use crate::policies::{AddedPolicies, InForce, Look, prove};
use crate::record::{DecidedBy, Envelope, Recorded, decode, encode};

/// How often an entry is written again because another server was faster.
const ATTEMPTS_MAX: usize = 8;

/// Records the set that the server was started with, so that decisions can name it.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn start(app: &App) -> Result<(), Failure> {
    let current = app.policies.current();
    put_in_force(app, current.set.clone(), current.added.clone(), PutInForceBy::Start).await
}

/// Puts what the folder holds in force when it is valid, has settled and is proved; otherwise the earlier set stays.
///
/// # Errors
/// When the store or the log fails; the earlier set stays in force then.
pub(crate) async fn reload(app: &SharedApp) -> Result<(), Failure> {
    let Some(folder) = app.config.policies.folder.clone() else { return Ok(()) };
    let (shared, now) = (app.clone(), app.clock.now());
    let looking = tokio::task::spawn_blocking(move || shared.policies.look(&folder, now));
    match looking.await.map_err(|error| Failure::Internal(error.to_string()))? {
        Look::Nothing => {}
        Look::Invalid(problem) => {
            app.metrics.policies_held();
            tracing::error!(problem, "the folder of policies is not put in force; the earlier policies stay");
        }
        Look::Valid(valid) => {
            let (set, added) = *valid;
            let digest = set.digest();
            if let Err(problem) = prove(&app.config.policies, digest).await {
                app.metrics.policies_held();
                tracing::error!(%problem, "the folder of policies is not put in force; the earlier policies stay");
                app.policies.refuse(now, &problem);
                app.metrics.policies_are_held(true);
                return Ok(());
            }
            put_in_force(app, set, added, PutInForceBy::FolderChange).await?;
            tracing::info!(%digest, "other policies are in force");
        }
    }
    app.metrics.policies_are_held(app.policies.held().is_some());
    Ok(())
}

async fn put_in_force(
    app: &App,
    set: PolicySet,
    added: AddedPolicies,
    by: PutInForceBy,
) -> Result<(), Failure> {
    // Before the event that names them.
    for (_, text) in added.texts() {
        app.store.put_artifact(text.as_bytes().to_vec()).await?;
    }
    let event = PolicyEvent::InForce { set: added.named(&set), by };
    let (number, since) = record(app, &event).await?;
    app.policies.put(InForce { set, added, number: Some(number), since });
    Ok(())
}

/// The number of the set and since when, as the log has it: the last entry when that names the same set, because nothing
/// came into force then; otherwise a new one.
async fn record(app: &App, event: &PolicyEvent) -> Result<(u64, Timestamp), Failure> {
    let PolicyEvent::InForce { set: wanted, .. } = event;
    let stream = stream()?;
    for _ in 0..ATTEMPTS_MAX {
        let version = app.store.stream_version(&stream).await?;
        let last = app.store.read_stream(&stream, version.max(1)).await?.pop();
        let last: Option<Recorded<PolicyEvent>> = last.map(decode).transpose()?;
        if let Some(Recorded { envelope, event: PolicyEvent::InForce { set, .. }, version, .. }) = &last
            && set == wanted
        {
            return Ok((*version, envelope.at));
        }
        let expected_version = last.as_ref().map_or(0, |last| last.version);
        let at = last.map_or(app.clock.now(), |last| last.envelope.at.max(app.clock.now()));
        let envelope =
            Envelope { at, actor: ActorId::system(), on_behalf_of: None, decided_by: DecidedBy::default() };
        let events = vec![encode(&envelope, event)];
        let part = StreamAppend { stream: stream.clone(), expected_version, events };
        match app.append(single(part, Vec::new())).await {
            Ok(_) => return Ok((expected_version + 1, at)),
            Err(AppendError::VersionConflict { .. } | AppendError::ClockWentBack { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::Contended)
}

/// The stream of policies in force.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn stream() -> Result<StreamName, Failure> {
    StreamName::new("policies").map_err(|error| Failure::Internal(error.to_string()))
}
