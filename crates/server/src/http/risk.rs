//! Questions about risk, and about how predictions do.

use api::performance::{BacktestRequest, Backtests, Drift, Kpis};
use api::risk::{WhatIf, WhatIfRequest};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Timestamp;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, ChangePath, JsonBody, Query};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::{backtest, drift, kpis, what_if};
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(what_if))
        .routes(routes!(show_backtests, begin_backtest))
        .routes(routes!(show_kpis))
        .routes(routes!(show_drift))
}

/// What would be if facts of a change were different, and what would lower its demands. Nothing is written.
#[utoipa::path(post, path = "/api/v1/changes/{id}/risk/what-if", tag = "risk", request_body = WhatIfRequest,
    params(("id" = String, Path)), responses((status = 200, body = WhatIf)))]
async fn what_if(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    JsonBody { value, .. }: JsonBody<WhatIfRequest>,
) -> Result<Json<WhatIf>, Rejection> {
    let alterations = value.to_domain().map_err(Failure::from)?;
    let answer = what_if::what_if(&app, &caller, id, alterations).await?;
    Ok(Json(view::what_if(&answer)))
}

/// The last backtest since the server was started, and whether one is under way.
#[utoipa::path(get, path = "/api/v1/risk/backtests", tag = "risk", responses((status = 200, body = Backtests)))]
async fn show_backtests(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Backtests>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    Ok(Json(view::backtests(&app.experience.backtests.progress())))
}

/// Begin to measure how models would have done on the server's own past.
#[utoipa::path(post, path = "/api/v1/risk/backtests", tag = "risk", request_body = BacktestRequest,
    responses((status = 202, body = Backtests)))]
async fn begin_backtest(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    JsonBody { value, .. }: JsonBody<BacktestRequest>,
) -> Result<(StatusCode, Json<Backtests>), Rejection> {
    backtest::begin(&app, &caller, value.origins).await?;
    Ok((StatusCode::ACCEPTED, Json(view::backtests(&app.experience.backtests.progress()))))
}

/// Which predictions are looked at.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct KpiParams {
    /// Of changes created at this instant or later.
    from: Option<Timestamp>,
    /// Of changes created before this instant.
    until: Option<Timestamp>,
    /// From this probability on a failure counts as predicted, in per cent; 10 when absent.
    threshold_percent: Option<f64>,
}

/// How recorded predictions compare to the outcomes known since.
#[utoipa::path(get, path = "/api/v1/risk/kpis", tag = "risk", params(KpiParams),
    responses((status = 200, body = Kpis)))]
async fn show_kpis(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(KpiParams { from, until, threshold_percent }): Query<KpiParams>,
) -> Result<Json<Kpis>, Rejection> {
    let threshold_percent = threshold_percent.unwrap_or(kpis::THRESHOLD_PERCENT_DEFAULT);
    let query = kpis::KpiQuery { from, until, threshold_percent };
    let answer = kpis::kpis(&app, &caller, query).await?;
    Ok(Json(view::kpis(&answer, &query)))
}

/// How changes since the model was trained compare to those that it was trained on.
#[utoipa::path(get, path = "/api/v1/risk/drift", tag = "risk", responses((status = 200, body = Drift)))]
async fn show_drift(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Drift>, Rejection> {
    Ok(Json(view::drift(&drift::drift(&app, &caller).await?)))
}
