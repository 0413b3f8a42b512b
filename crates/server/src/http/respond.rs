//! Answers that several handlers give.

use api::calibration::Calibration;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::actor::Actor;
use domain::canonical::Digest;
use domain::id::ServiceName;

use super::problem::Rejection;
use crate::app::App;
use crate::failure::Failure;
use crate::use_cases::implementation::Standing;
use crate::view;
use crate::work::ChangeWork;

/// What most changes need in an answer, so that writing one seldom moves what was written.
const CHANGE_BYTES_USUAL: usize = 16 * 1024;

/// A change, with its version as entity tag.
pub(super) fn change(app: &App, status: StatusCode, work: &ChangeWork) -> Response {
    change_with(app, status, work, None)
}

/// The same with how the bake stands that is under way, as its runner last said.
pub(super) fn change_with(
    app: &App,
    status: StatusCode,
    work: &ChangeWork,
    standing: Option<Standing>,
) -> Response {
    let mut told = view::change(&app.known(), &work.change, &work.trail, work.now);
    let bake = told.implementation.as_mut().and_then(|implementation| implementation.bake.as_mut());
    if let Some((bake, standing)) = bake.zip(standing) {
        (bake.verdict, bake.detail) = (Some(standing.verdict.to_string()), Some(standing.detail));
    }
    let mut body = Vec::with_capacity(CHANGE_BYTES_USUAL);
    if let Err(error) = serde_json::to_writer(&mut body, &told) {
        return Rejection(Failure::Internal(error.to_string())).into_response();
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (status, json, body).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", work.change.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if status == StatusCode::CREATED
        && let Ok(location) = HeaderValue::from_str(&format!("/api/v1/changes/{}", work.change.id))
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// What the runner of a change does, with the token of its lease.
pub(super) fn assignment(app: &App, work: &ChangeWork) -> Response {
    let token = work.change.execution().map_or(0, |execution| execution.runner.fencing_token());
    Json(view::assignment(&app.known(), &work.change, token, app.config.lease.seconds)).into_response()
}

/// A calibration that was saved.
///
/// # Errors
/// When so many were saved after it that it is not known any more.
pub(super) fn calibration(app: &App, service: &ServiceName, id: Digest) -> Result<Calibration, Failure> {
    let known = app.known();
    let saved = known.calibrations.find(service, id);
    let saved = saved.ok_or_else(|| Failure::NotFound { what: "calibration", name: id.to_string() })?;
    Ok(view::calibration(&known, saved))
}

/// An actor.
pub(super) fn actor(app: &App, status: StatusCode, actor: &Actor) -> Response {
    (status, Json(view::actor(&app.known(), actor))).into_response()
}
