//! Stopping the line.

use api::Page;
use api::stop::{LiftStop, NamedScope, SetStop, Stop};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::stop::{StopId, StopScope};
use domain::text::FreeText;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, Idempotency, IdempotencyParams, JsonBody, Path, Query};
use super::problem::Rejection;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::{actors, stops};
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list_stops, set_stop)).routes(routes!(lift_stop))
}

/// Which stops.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct StopsQuery {
    /// Also those that were lifted, the last 200 of them.
    #[serde(default)]
    lifted: bool,
}

/// List the stops in force.
#[utoipa::path(get, path = "/api/v1/stops", tag = "calendar", params(StopsQuery),
    responses((status = 200, body = Page<Stop>)))]
async fn list_stops(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<StopsQuery>,
) -> Result<Json<Page<Stop>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    Ok(Json(view::stops(&app.known(), query.lifted)))
}

/// Stop the line: nothing that the stop covers is approved, started or resumed, and what runs is put on hold.
#[utoipa::path(post, path = "/api/v1/stops", tag = "calendar", params(IdempotencyParams), request_body = SetStop,
    responses((status = 201, body = Stop)))]
async fn set_stop(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<SetStop>,
) -> Result<Response, Rejection> {
    let scope = scope(&app, &value)?;
    let (reason, except_emergency) = (text(&value.reason)?, value.except_emergency);
    let wanted = stops::Wanted::Set { scope, reason, except_emergency };
    change(Asked { app, caller, key, digest }, StatusCode::CREATED, wanted).await
}

/// Lift a stop. What it held is resumed by people, one by one.
#[utoipa::path(post, path = "/api/v1/stops/{id}/lift", tag = "calendar",
    params(IdempotencyParams, ("id" = String, Path)), request_body = LiftStop,
    responses((status = 200, body = Stop)))]
async fn lift_stop(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<LiftStop>,
) -> Result<Response, Rejection> {
    let id: StopId = id.parse().map_err(|error| Failure::from(api::FieldError::new("id", error)))?;
    let wanted = stops::Wanted::Lift { id, reason: text(&value.reason)? };
    change(Asked { app, caller, key, digest }, StatusCode::OK, wanted).await
}

async fn change(asked: Asked, status: StatusCode, wanted: stops::Wanted) -> Result<Response, Rejection> {
    let work = async {
        let keep = asked.keeper(status);
        let id = stops::change(&asked.app, &asked.caller, wanted, move |id| keep(Kept::Stop(id))).await?;
        let told = view::stop(&asked.app.known(), id);
        let told =
            told.ok_or_else(|| Failure::Internal(format!("{id} was just written and is not known")))?;
        Ok((status, Json(told)).into_response())
    };
    asked.once(work).await
}

/// What a stop shall cover. A slip of the pen must not leave running what somebody wants to stop.
fn scope(app: &App, value: &SetStop) -> Result<StopScope, Failure> {
    Ok(match value.scope()? {
        NamedScope::Everything => StopScope::Everything,
        NamedScope::Agents => StopScope::Agents,
        NamedScope::Actor(name) => StopScope::Actor { actor: actors::find(app, &name)?.id },
        NamedScope::Service(service) => {
            let known = app.known();
            if known.cmdb.described(service.as_str()).is_none() {
                let suggestions =
                    known.cmdb.suggest(service.as_str()).into_iter().map(str::to_owned).collect();
                return Err(Failure::UnknownItem { name: service.to_string(), suggestions });
            }
            StopScope::Service { service }
        }
        NamedScope::Tier(tier) => StopScope::Tier { tier },
    })
}

fn text(reason: &str) -> Result<FreeText, Failure> {
    FreeText::new(reason).map_err(|error| api::FieldError::new("reason", error).into())
}
