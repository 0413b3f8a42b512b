//! Notifications, for those who administer.

use api::notification::{
    ChannelTested, DeadNotifications, Notification, NotificationChannel, Notifications, TestChannel,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use store::OutboxEntry;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, Idempotency, IdempotencyParams, JsonBody, NoBody, Path};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::notify;
use crate::use_cases::notifications;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(list_dead))
        .routes(routes!(redeliver))
        .routes(routes!(test_channel))
}

/// The channels, and what waits to be delivered.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications",
    responses((status = 200, body = Notifications)))]
async fn list_notifications(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Notifications>, Rejection> {
    let waiting = notifications::waiting(&app, &caller).await?;
    let channels = app.notifier.channels();
    let channel =
        |(name, kind): (&str, &str)| NotificationChannel { name: name.to_owned(), kind: kind.to_owned() };
    Ok(Json(Notifications {
        channels: channels.map(channel).collect(),
        waiting: waiting.iter().map(view).collect(),
    }))
}

/// What could not be delivered.
#[utoipa::path(get, path = "/api/v1/notifications/dead", tag = "notifications",
    responses((status = 200, body = DeadNotifications)))]
async fn list_dead(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<DeadNotifications>, Rejection> {
    let dead = notifications::dead(&app, &caller).await?;
    Ok(Json(DeadNotifications { items: dead.iter().map(view).collect() }))
}

/// Send again what could not be delivered. It is tried at once and has all its attempts again.
#[utoipa::path(post, path = "/api/v1/notifications/{id}/redeliver", tag = "notifications",
    params(IdempotencyParams, ("id" = String, Path)), responses((status = 204)))]
async fn redeliver(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Idempotency(key): Idempotency,
    NoBody { digest }: NoBody,
) -> Result<Response, Rejection> {
    let asked = Asked { app, caller, key, digest };
    let keep = asked.keeper(StatusCode::NO_CONTENT)(Kept::Redelivered);
    let redeliver = async {
        notifications::redeliver(&asked.app, &asked.caller, &id, keep).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    asked.once(redeliver).await
}

/// Try a channel out: a message is sent at once, and the answer says what came of it.
#[utoipa::path(post, path = "/api/v1/notifications/test", tag = "notifications", params(IdempotencyParams),
    request_body = TestChannel, responses((status = 200, body = ChannelTested)))]
async fn test_channel(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<TestChannel>,
) -> Result<Response, Rejection> {
    let asked = Asked { app, caller, key, digest };
    let keeper = asked.keeper(StatusCode::OK);
    let keep = move |tested| keeper(Kept::Tested(tested));
    let test = async {
        let tested = notifications::test(&asked.app, &asked.caller, &value.channel, keep).await?;
        Ok(Json(tested).into_response())
    };
    asked.once(test).await
}

fn view(entry: &OutboxEntry) -> Notification {
    let kept = notify::Kept::of(entry);
    let subject = kept.as_ref().and_then(|kept| {
        let incident = kept.message.incident.as_ref().map(|incident| incident.incident_id.to_string());
        incident.or_else(|| kept.message.change.as_ref().map(|change| change.change_id.to_string()))
    });
    Notification {
        id: entry.id.to_string(),
        channel: kept.map(|kept| kept.channel).unwrap_or_default(),
        event: entry.topic.clone(),
        subject,
        created_at: entry.created_at.to_string(),
        attempts: entry.attempts,
        due_at: entry.next_attempt_at.to_string(),
        last_error: entry.last_error.clone(),
    }
}
