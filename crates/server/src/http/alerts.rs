//! Alerts, as Alertmanager posts them.

use api::alert::{AlertNotification, AlertsTaken};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, JsonBody};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::failure::Failure;
use crate::use_cases::alerts;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(report_alerts))
}

/// Take note of alerts that fire or are resolved, as Alertmanager's webhook posts them. What is known already changes nothing.
#[utoipa::path(post, path = "/api/v1/alerts", tag = "incidents", request_body = AlertNotification,
    responses((status = 200, body = AlertsTaken)))]
async fn report_alerts(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    JsonBody { value, .. }: JsonBody<AlertNotification>,
) -> Result<Json<AlertsTaken>, Rejection> {
    let told = value.to_domain().map_err(Failure::from)?;
    Ok(Json(alerts::take(&app, &caller, told).await?))
}
