//! Health, readiness and metrics. Health and readiness are the only routes without a token.

use std::sync::OnceLock;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use policy::{Action, Resource};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Authenticated;
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;

const METRICS_MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(readiness))
        .routes(routes!(metrics))
        .routes(routes!(document))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`, or what is wrong.
    status: &'static str,
}

/// Whether the process works.
#[utoipa::path(get, path = "/healthz", tag = "system", security(()), responses((status = 200, body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the server can serve.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// `ok`, or what is wrong.
    status: &'static str,
    /// `read`, or `being read`: until then changes may be assessed without what past ones teach, and say so.
    past: &'static str,
}

/// Whether the server can serve: its store answers and it is not shutting down.
#[utoipa::path(get, path = "/readyz", tag = "system", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
async fn readiness(State(app): State<SharedApp>) -> Response {
    let (status, word) = if app.shutdown.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down")
    } else if app.store.head().await.is_err() {
        (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
    } else {
        (StatusCode::OK, "ok")
    };
    let past = if app.experience.is_ready() { "read" } else { "being read" };
    (status, Json(Readiness { status: word, past })).into_response()
}

/// Figures in the OpenMetrics text format, which Prometheus reads.
#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, description = "OpenMetrics text format", body = String,
        content_type = "application/openmetrics-text")))]
async fn metrics(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Response, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let states = app.store.count_changes_by_state().await?;
    let log_size = app.store.head().await?.size;
    let text = app.metrics.render(&states, log_size, &app.known(), app.clock.now());
    let text = text.map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, METRICS_MEDIA_TYPE)], text).into_response())
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "system",
    responses((status = 200, description = "An OpenAPI document", body = Object)))]
async fn document(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Response, Rejection> {
    /// Written once: the document does not change while the server runs.
    static TEXT: OnceLock<String> = OnceLock::new();
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let text = TEXT.get_or_init(|| serde_json::to_string(&super::openapi()).unwrap_or_default());
    Ok(([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response())
}
