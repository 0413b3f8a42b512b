//! What people do with the buttons of messages in Slack.

use api::notification::SlackAnswer;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::RawBody;
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::use_cases::slack::{self, Signed};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(slack_interaction))
}

/// Take the use of a button in Slack, signed by Slack. It decides for the person whom the settings name for Slack's user.
#[utoipa::path(post, path = "/api/v1/slack/interactions", tag = "notifications", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = SlackAnswer)))]
async fn slack_interaction(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Json<SlackAnswer>, Rejection> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = Signed {
        timestamp: header("x-slack-request-timestamp"),
        signature: header("x-slack-signature"),
        body: &body,
    };
    let slack::Outcome { accepted, text } = slack::interact(&app, signed).await?;
    Ok(Json(SlackAnswer { accepted, text }))
}
