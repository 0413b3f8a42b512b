//! Questions about risk that write nothing.

use api::risk::{WhatIf, WhatIfRequest};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, ChangePath, JsonBody};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::failure::Failure;
use crate::use_cases::what_if;
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(what_if))
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
