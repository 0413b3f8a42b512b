//! Calibrations of the judge of canaries.

use api::Page;
use api::calibration::{Calibration, SaveCalibration};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, Idempotency, IdempotencyParams, JsonBody, Query, one};
use super::problem::Rejection;
use super::respond;
use crate::app::SharedApp;
use crate::ask;
use crate::use_cases::calibrations;
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list_calibrations, save_calibration))
}

/// Which calibrations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CalibrationsQuery {
    /// The last 20 of this service; the newest of every service when absent.
    service: Option<String>,
}

/// List calibrations of the judge of canaries.
#[utoipa::path(get, path = "/api/v1/calibrations", tag = "changes", params(CalibrationsQuery),
    responses((status = 200, body = Page<Calibration>)))]
async fn list_calibrations(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<CalibrationsQuery>,
) -> Result<Json<Page<Calibration>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    Ok(Json(view::calibrations(&app.known(), one("service", query.service.as_deref())?.as_ref())))
}

/// Save a calibration: comparisons of new changes of its service rest on it.
#[utoipa::path(post, path = "/api/v1/calibrations", tag = "changes", params(IdempotencyParams),
    request_body = SaveCalibration, responses((status = 201, body = Calibration)))]
async fn save_calibration(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<SaveCalibration>,
) -> Result<Response, Rejection> {
    let asked = Asked { app, caller, key, digest };
    let work = async {
        let service = value.calibration.service.clone();
        let keep = asked.keeper(StatusCode::CREATED);
        let kept = service.clone();
        let keep = move |id| keep(Kept::Calibration { service: kept.clone(), id });
        let id = calibrations::save(&asked.app, &asked.caller, value.calibration, keep).await?;
        let told = respond::calibration(&asked.app, &service, id)?;
        Ok((StatusCode::CREATED, Json(told)).into_response())
    };
    asked.once(work).await
}
