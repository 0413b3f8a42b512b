//! The policies in force.

use api::policy::Policies;
use axum::Json;
use axum::extract::State;
use policy::{Action, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Authenticated;
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list_policies))
}

/// The policies in force, and why what their folder holds is not where it is not.
#[utoipa::path(get, path = "/api/v1/policies", tag = "policies", responses((status = 200, body = Policies)))]
async fn list_policies(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Policies>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    Ok(Json(view::policies(&app.policies.current(), app.policies.held())))
}
