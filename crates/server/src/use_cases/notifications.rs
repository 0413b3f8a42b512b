//! What administrators do with notifications: see what waits and what failed, send it again, try a channel out.

use adapters::notify::{Message, Parcel};
use api::notification::ChannelTested;
use domain::change::Notice;
use domain::notification::NotificationEvent;
use policy::{Action, Resource};
use store::{AppendError, MessageId, NewIdempotency, OUTBOX_PAGE_MAX, OutboxEntry, StreamAppend, StreamName};

use super::refusal;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::{single, yield_to_others};
use crate::failure::Failure;
use crate::record::{Envelope, encode};
use crate::work::actor_guard;

/// How often a decision is made again because somebody else was faster.
const ATTEMPTS_MAX: usize = 8;

/// What waits to be delivered.
///
/// # Errors
/// When policy refuses or the store fails.
pub(crate) async fn waiting(app: &App, caller: &Caller) -> Result<Vec<OutboxEntry>, Failure> {
    permit(app, caller).await?;
    Ok(app.store.outbox_waiting(OUTBOX_PAGE_MAX).await?)
}

/// What could not be delivered.
///
/// # Errors
/// When policy refuses or the store fails.
pub(crate) async fn dead(app: &App, caller: &Caller) -> Result<Vec<OutboxEntry>, Failure> {
    permit(app, caller).await?;
    Ok(app.store.outbox_dead(OUTBOX_PAGE_MAX).await?)
}

/// Gives a dead letter all its attempts again, from now on.
///
/// # Errors
/// When policy refuses, there is no such dead letter, or the store fails.
pub(crate) async fn redeliver(
    app: &SharedApp,
    caller: &Caller,
    id: &str,
    idempotency: Option<NewIdempotency>,
) -> Result<(), Failure> {
    permit(app, caller).await?;
    let missing = || Failure::NotFound { what: "undelivered notification", name: id.to_owned() };
    let dead = app.store.outbox_dead(OUTBOX_PAGE_MAX).await?;
    let id: MessageId =
        dead.into_iter().map(|entry| entry.id).find(|dead| dead.as_str() == id).ok_or_else(missing)?;
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let event = NotificationEvent::Redelivered { message: id.to_string() };
        record(&shared, caller, &event, idempotency).await?;
        // Whoever is faster does the same.
        shared.store.outbox_redeliver(&id).await?;
        shared.wake.notify_waiters();
        Ok(())
    })
    .await
}

/// Sends a message to a channel at once, whatever is subscribed, and tells what came of it.
///
/// # Errors
/// When policy refuses, there is no such channel, or the store fails.
pub(crate) async fn test(
    app: &SharedApp,
    caller: &Caller,
    channel: &str,
    keep: impl Fn(ChannelTested) -> Option<NewIdempotency> + Send + 'static,
) -> Result<ChannelTested, Failure> {
    permit(app, caller).await?;
    if !app.notifier.channels().any(|(name, _)| name == channel) {
        return Err(Failure::NotFound { what: "channel", name: channel.to_owned() });
    }
    let (shared, caller, channel) = (app.clone(), caller.clone(), channel.to_owned());
    app.owned(async move {
        let now = shared.clock.now();
        let message = Message {
            kind: Notice::Test,
            at: now,
            change: None,
            incident: None,
            audience: Vec::new(),
            link: shared.config.public_url.clone(),
        };
        let id = format!("msg_test_{}", now.as_microsecond());
        let parcel = Parcel { id: &id, messages: std::slice::from_ref(&message), at: now };
        let error = shared.notifier.send(&channel, parcel).await.err();
        let tested = ChannelTested { channel, delivered: error.is_none(), error };
        let event =
            NotificationEvent::ChannelTested { channel: tested.channel.clone(), delivered: tested.delivered };
        record(&shared, caller, &event, keep(tested.clone())).await?;
        Ok(tested)
    })
    .await
}

async fn permit(app: &App, caller: &Caller) -> Result<(), Failure> {
    let asked = ask::about(app, caller, Action::ManageNotifications, &Resource::System);
    if let Err(failure) = &asked {
        refusal::note(app, caller, Action::ManageNotifications, "notifications", failure).await;
    }
    asked.map(|_| ())
}

async fn record(
    app: &App,
    caller: Caller,
    event: &NotificationEvent,
    idempotency: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let mut caller = caller;
    let stream = StreamName::new("notification").map_err(|error| Failure::Internal(error.to_string()))?;
    for _ in 0..ATTEMPTS_MAX {
        let ruling = ask::about(app, &caller, Action::ManageNotifications, &Resource::System)?;
        let envelope = Envelope {
            at: app.clock.now(),
            actor: caller.id(),
            on_behalf_of: None,
            decided_by: ruling.decided_by(),
        };
        let expected_version = app.store.stream_version(&stream).await?;
        let part =
            StreamAppend { stream: stream.clone(), expected_version, events: vec![encode(&envelope, event)] };
        let mut append = single(part, actor_guard(&caller)?.into_iter().collect());
        append.idempotency.clone_from(&idempotency);
        match app.append(append).await {
            Ok(_) => return Ok(()),
            // Somebody else did something to notifications; only the caller may have to be looked at again.
            Err(AppendError::VersionConflict { stream: other, .. }) if other == stream => {}
            Err(failure) => caller = yield_to_others(app, &caller, failure.into()).await?,
        }
    }
    Err(Failure::Contended)
}
