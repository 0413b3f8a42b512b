//! Models that predict failures.

use api::learning::{ChooseModel, Models};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use policy::{Action, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, JsonBody};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::use_cases::models;
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list_models, train_model)).routes(routes!(choose_model))
}

/// All models, the one that is asked, and whether one is being trained.
#[utoipa::path(get, path = "/api/v1/risk/models", tag = "risk", responses((status = 200, body = Models)))]
async fn list_models(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Models>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    app.experience.ready().await;
    Ok(Json(view::models(&app.experience)))
}

/// Begin to train a model on the past. It is asked from now on if it is better than the present one on later changes.
#[utoipa::path(post, path = "/api/v1/risk/models", tag = "risk", responses((status = 202, body = Models)))]
async fn train_model(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<(StatusCode, Json<Models>), Rejection> {
    models::train(&app, &caller).await?;
    Ok((StatusCode::ACCEPTED, Json(view::models(&app.experience))))
}

/// Choose the model that is asked from now on, whatever comparisons say.
#[utoipa::path(put, path = "/api/v1/risk/models/asked", tag = "risk", request_body = ChooseModel,
    responses((status = 200, body = Models)))]
async fn choose_model(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    JsonBody { value, .. }: JsonBody<ChooseModel>,
) -> Result<Json<Models>, Rejection> {
    models::choose(&app, &caller, value.version).await?;
    Ok(Json(view::models(&app.experience)))
}
