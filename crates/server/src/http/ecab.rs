//! The emergency change advisory board: its roster, who is on call, and what was not reviewed.

use api::Page;
use api::ecab::{Debt, OnCallAt, RemoveFromRoster, Roster, SetRotation, SetShift};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::ecab::Shift;
use domain::id::ActorId;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::cab::{parse, text};
use super::extract::{Authenticated, Idempotency, IdempotencyParams, JsonBody, Path, Query, one};
use super::problem::Rejection;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::actors;
use crate::use_cases::roster::{self, Wanted};
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(show_ecab))
        .routes(routes!(show_on_call))
        .routes(routes!(list_emergency_debt))
        .routes(routes!(set_rotation))
        .routes(routes!(remove_rotation))
        .routes(routes!(set_shift))
        .routes(routes!(remove_shift))
}

/// Show the e-CAB: who is on call, its roster, and which emergency changes are to be reviewed.
#[utoipa::path(get, path = "/api/v1/ecab", tag = "boards", responses((status = 200, body = Roster)))]
async fn show_ecab(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Roster>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    Ok(Json(told(&app)))
}

/// The e-CAB as it is now.
pub(super) fn told(app: &App) -> Roster {
    view::roster(&app.known(), app.clock.now())
}

/// At which instant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct OnCallQuery {
    /// The instant; now when absent.
    at: Option<String>,
}

/// Show who of the e-CAB is on call.
#[utoipa::path(get, path = "/api/v1/ecab/oncall", tag = "boards", params(OnCallQuery),
    responses((status = 200, body = OnCallAt)))]
async fn show_on_call(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<OnCallQuery>,
) -> Result<Json<OnCallAt>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let at = one("at", query.at.as_deref())?.unwrap_or_else(|| app.clock.now());
    Ok(Json(view::on_call(&app.known(), at)))
}

/// List the emergency changes that are to be reviewed, those that were not in time first.
#[utoipa::path(get, path = "/api/v1/ecab/debt", tag = "boards", responses((status = 200, body = Page<Debt>)))]
async fn list_emergency_debt(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Page<Debt>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let items = view::debt(&app.known(), app.clock.now());
    Ok(Json(Page { items, next_cursor: None }))
}

/// Settle a rotation of the e-CAB.
#[utoipa::path(post, path = "/api/v1/ecab/rotations", tag = "boards", params(IdempotencyParams),
    request_body = SetRotation, responses((status = 200, body = Roster)))]
async fn set_rotation(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<SetRotation>,
) -> Result<Response, Rejection> {
    let found =
        value.members.iter().enumerate().map(|(at, name)| member(&app, &format!("members[{at}]"), name));
    let members = found.collect::<Result<_, _>>()?;
    let (name, rotation) = value.to_domain(members).map_err(Failure::from)?;
    let wanted = Wanted::SetRotation { name, rotation: Box::new(rotation) };
    change(&Asked { app, caller, key, digest }, wanted).await
}

/// Remove a rotation. Shifts that replace its turns end with it.
#[utoipa::path(post, path = "/api/v1/ecab/rotations/{name}/remove", tag = "boards",
    params(IdempotencyParams, ("name" = String, Path)), request_body = RemoveFromRoster,
    responses((status = 200, body = Roster)))]
async fn remove_rotation(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<RemoveFromRoster>,
) -> Result<Response, Rejection> {
    let wanted =
        Wanted::RemoveRotation { name: parse("name", &name)?, reason: text("reason", &value.reason)? };
    change(&Asked { app, caller, key, digest }, wanted).await
}

/// Set a shift: somebody is on call for a time, instead of a turn or beside all of them.
#[utoipa::path(post, path = "/api/v1/ecab/shifts", tag = "boards", params(IdempotencyParams),
    request_body = SetShift, responses((status = 200, body = Roster)))]
async fn set_shift(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<SetShift>,
) -> Result<Response, Rejection> {
    let actor = member(&app, "actor", &value.actor)?;
    let (from, to) = value.times(app.clock.now()).map_err(Failure::from)?;
    let instead_of = value.instead_of.as_deref().map(|name| parse("instead_of", name)).transpose()?;
    let shift = Shift { actor, from, to, instead_of, reason: text("reason", &value.reason)? };
    change(&Asked { app, caller, key, digest }, Wanted::SetShift(Box::new(shift))).await
}

/// Take a shift back.
#[utoipa::path(post, path = "/api/v1/ecab/shifts/{id}/remove", tag = "boards",
    params(IdempotencyParams, ("id" = String, Path)), request_body = RemoveFromRoster,
    responses((status = 200, body = Roster)))]
async fn remove_shift(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<RemoveFromRoster>,
) -> Result<Response, Rejection> {
    let wanted = Wanted::RemoveShift { shift: parse("id", &id)?, reason: text("reason", &value.reason)? };
    change(&Asked { app, caller, key, digest }, wanted).await
}

async fn change(asked: &Asked, wanted: Wanted) -> Result<Response, Rejection> {
    let work = async {
        let kept = asked.keeper(StatusCode::OK)(Kept::Roster);
        roster::change(&asked.app, &asked.caller, wanted, kept).await?;
        Ok(Json(told(&asked.app)).into_response())
    };
    asked.once(work).await
}

/// Whoever is named.
fn member(app: &App, field: &str, name: &str) -> Result<ActorId, Failure> {
    let found = actors::find(app, name).map_err(|error| api::FieldError::new(field, error))?;
    Ok(found.id)
}
