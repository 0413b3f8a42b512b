//! Changes that other systems carried out: importing them, and what has been imported.

use api::history::{DomainImport, HistoryImport, HistoryImported, HistorySummary};
use axum::Json;
use axum::extract::State;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, JsonBody, Query};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::history::{Counts, import};
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(show_history)).routes(routes!(import_history))
}

/// What has been imported, by system.
#[utoipa::path(get, path = "/api/v1/history", tag = "history", responses((status = 200, body = HistorySummary)))]
async fn show_history(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<HistorySummary>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    app.experience.ready().await;
    Ok(Json(view::history(&app.known().imported)))
}

/// Whether to write.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Import changes that another system carried out. They never count as ours; what is recorded already stays as it is.
#[utoipa::path(post, path = "/api/v1/history/import", tag = "history", params(ImportQuery),
    request_body = HistoryImport, responses((status = 200, body = HistoryImported)))]
async fn import_history(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ImportQuery>,
    JsonBody { value, .. }: JsonBody<HistoryImport>,
) -> Result<Json<HistoryImported>, Rejection> {
    let domain = DomainImport::try_from(value).map_err(Failure::from)?;
    let source = domain.source.to_string();
    let Counts { new, changed, unchanged } = import(&app, &caller, domain, query.dry_run).await?;
    Ok(Json(HistoryImported { source, dry_run: query.dry_run, new, changed, unchanged }))
}
