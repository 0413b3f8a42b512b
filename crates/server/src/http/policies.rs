//! The policies in force.

use api::FieldError;
use api::policy::{Policies, PolicyExplanation, Replay, ReplayRequest};
use axum::Json;
use axum::extract::State;
use policy::{Action, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, ChangePath, JsonBody};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::policies::AddedPolicies;
use crate::use_cases::explain::explain;
use crate::use_cases::replay::{ReplayQuery, replay};
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(list_policies))
        .routes(routes!(explain_change))
        .routes(routes!(replay_decisions))
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

/// Which policies decided what happened to a change.
#[utoipa::path(get, path = "/api/v1/changes/{id}/policies", tag = "policies", params(("id" = String, Path)),
    responses((status = 200, body = PolicyExplanation)))]
async fn explain_change(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
) -> Result<Json<PolicyExplanation>, Rejection> {
    let explanation = explain(&app, &caller, id).await?;
    Ok(Json(view::explanation(&app.known(), &explanation)))
}

/// Which past decisions other policies would have made differently. Nothing is written.
#[utoipa::path(post, path = "/api/v1/policies/replay", tag = "policies", request_body = ReplayRequest,
    responses((status = 200, body = Replay)))]
async fn replay_decisions(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    JsonBody { value, .. }: JsonBody<ReplayRequest>,
) -> Result<Json<Replay>, Rejection> {
    let replayed = replay(&app, &caller, query(value)?).await?;
    Ok(Json(view::replay(&app.known(), &replayed)))
}

fn query(request: ReplayRequest) -> Result<ReplayQuery, Failure> {
    let ReplayRequest { since, files, cursor } = request;
    let since = since
        .parse()
        .map_err(|_| FieldError::new("since", "expected an instant such as `2026-01-31T14:00:00Z`"))?;
    if let Some(file) = files.iter().find(|file| file.name.contains('/')) {
        let message = format!("`{}` is not a file name: expected one without a folder", file.name);
        return Err(FieldError::new("files", message).into());
    }
    let after = cursor.map(|cursor| cursor.parse()).transpose();
    let after =
        after.map_err(|_| FieldError::new("cursor", "expected the `next_cursor` of an earlier answer"))?;
    let added = AddedPolicies::of(files.into_iter().map(|file| (file.name, file.text)));
    Ok(ReplayQuery { since, added, after })
}
