//! Creating, listing, showing and amending changes.

use api::Page;
use api::chain::Chain;
use api::change::{Change, ChangeSummary};
use api::request::ChangeRequest;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::id::RunnerLabel;
use policy::{Action, Resource};
use serde::Deserialize;
use store::{ChangeFilter, ChangeOrder, ChangeQuery, ChangeRow, ChangeSort};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{
    Authenticated, ChangePath, Idempotency, IdempotencyParams, IfMatch, JsonBody, Query, one, page_limit,
    words,
};
use super::problem::Rejection;
use super::respond;
use crate::app::SharedApp;
use crate::ask;
use crate::commit::Extras;
use crate::failure::Failure;
use crate::use_cases::chain;
use crate::use_cases::create::{self, NewChange};
use crate::use_cases::implementation;
use crate::use_cases::request::{self, Amendment};
use crate::view;
use crate::work::ChangeWork;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(create_change, list_changes))
        .routes(routes!(show_change, amend_change))
        .routes(routes!(show_chain))
}

/// Create a change; a submitted one is assessed and routed at once.
#[utoipa::path(post, path = "/api/v1/changes", tag = "changes", request_body = ChangeRequest,
    params(IdempotencyParams),
    responses((status = 201, body = Change)))]
async fn create_change(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ChangeRequest>,
) -> Result<Response, Rejection> {
    let asked = Asked { app, caller, key, digest };
    asked.created(create_from(&asked, &value)).await
}

async fn create_from(asked: &Asked, request: &ChangeRequest) -> Result<ChangeWork, Failure> {
    let new = NewChange {
        content: request.to_domain()?,
        draft: request.draft,
        requested_by: request.requested_by.clone(),
    };
    let keep = asked.keeper(StatusCode::CREATED);
    let extras = move |work: &ChangeWork| Extras {
        idempotency: keep(Kept::Change(work.change.id)),
        ..Extras::default()
    };
    create::create(&asked.app, &asked.caller, new, extras).await
}

/// Filter, order and position of a list of changes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// States, separated by commas.
    pub state: Option<String>,
    /// Change types, separated by commas.
    #[serde(rename = "type")]
    pub change_type: Option<String>,
    /// Categories, separated by commas.
    pub category: Option<String>,
    /// Risk levels, separated by commas.
    pub level: Option<String>,
    /// Name or id of the requester.
    pub requester: Option<String>,
    /// A service that is changed.
    pub service: Option<String>,
    /// A configuration item that is changed, be it named as such or as a service.
    pub ci: Option<String>,
    /// Where it is changed.
    pub environment: Option<String>,
    /// Labels of a runner, separated by commas: only what such a runner is to carry out by itself. A page may then be
    /// short although more follow.
    pub runner: Option<String>,
    /// Text in the title.
    pub q: Option<String>,
    /// Created at this instant or later.
    pub created_after: Option<Timestamp>,
    /// Created before this instant.
    pub created_before: Option<Timestamp>,
    /// created, updated, risk, priority, deadline or id; with `-` in front, largest first. `-updated` when absent.
    pub sort: Option<String>,
    /// Where the page begins, from the page before.
    pub cursor: Option<String>,
    /// Items of a page, at most 500.
    pub limit: Option<u32>,
}

impl ListQuery {
    /// The query as the store takes it.
    ///
    /// # Errors
    /// When a value does not have the accepted form.
    pub(super) fn to_store(&self, app: &SharedApp) -> Result<ChangeQuery, Failure> {
        let requester = match &self.requester {
            Some(name) => {
                let known = app.known();
                let actor = known.directory.find(name).map(|actor| actor.id.clone());
                Some(actor.ok_or_else(|| Failure::NotFound {
                    what: "actor",
                    name: name.chars().take(128).collect(),
                })?)
            }
            None => None,
        };
        Ok(ChangeQuery {
            filter: ChangeFilter {
                states: words("state", self.state.as_deref())?,
                types: words("type", self.change_type.as_deref())?,
                categories: words("category", self.category.as_deref())?,
                levels: words("level", self.level.as_deref())?,
                requester,
                service: one("service", self.service.as_deref())?,
                ci: one("ci", self.ci.as_deref())?,
                environment: one("environment", self.environment.as_deref())?,
                for_runners: self.runner.is_some(),
                title_contains: self.q.clone().filter(|text| !text.is_empty()),
                created_from: self.created_after,
                created_before: self.created_before,
                ..ChangeFilter::default()
            },
            order: order(self.sort.as_deref().unwrap_or("-updated"))?,
            after: one("cursor", self.cursor.as_deref())?,
            limit: page_limit(self.limit)?,
        })
    }
}

fn order(text: &str) -> Result<ChangeOrder, Failure> {
    let (descending, word) = text.strip_prefix('-').map_or((false, text), |word| (true, word));
    let by = match word {
        "created" => ChangeSort::Created,
        "updated" => ChangeSort::Updated,
        "risk" => ChangeSort::Risk,
        "priority" => ChangeSort::Priority,
        "deadline" => ChangeSort::Deadline,
        "id" => ChangeSort::Id,
        other => {
            let message = format!(
                "`{other}` is not an order: expected created, updated, risk, priority, deadline or id"
            );
            return Err(api::FieldError::new("sort", message).into());
        }
    };
    Ok(ChangeOrder { by, descending })
}

/// List changes.
#[utoipa::path(get, path = "/api/v1/changes", tag = "changes", params(ListQuery),
    responses((status = 200, body = Page<ChangeSummary>)))]
async fn list_changes(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<ChangeSummary>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let labels: Vec<RunnerLabel> = words("runner", query.runner.as_deref())?;
    let page = app.store.list_changes(query.to_store(&app)?).await?;
    let known = app.known();
    let is_fit = |row: &&ChangeRow| row.runs_on.iter().all(|label| labels.contains(label));
    let rows = page.rows.iter().filter(|row| query.runner.is_none() || is_fit(row));
    let items = rows.map(|row| view::summary(&known, row)).collect();
    Ok(Json(Page { items, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

/// Show a change with its audit trail.
#[utoipa::path(get, path = "/api/v1/changes/{id}", tag = "changes", params(("id" = String, Path)),
    responses((status = 200, body = Change)))]
async fn show_change(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
) -> Result<Response, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let work = ChangeWork::load(&app, id).await?;
    let standing = match view::baking(&work.change, &work.trail) {
        Some(baking) => implementation::standing(&app, id, &baking.step, baking.since).await?,
        None => None,
    };
    Ok(respond::change_with(&app, StatusCode::OK, &work, standing))
}

/// What led to a change: the changes and incidents before it.
#[utoipa::path(get, path = "/api/v1/changes/{id}/chain", tag = "changes", params(("id" = String, Path)),
    responses((status = 200, body = Chain)))]
async fn show_chain(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
) -> Result<Json<Chain>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let work = ChangeWork::load(&app, id).await?;
    let earlier = chain::earlier(&app, work.change.content.caused_by.as_ref()).await?;
    Ok(Json(view::chain(&app.known(), &work.change, &earlier)))
}

/// Amend a change: replaces its content, voids its approvals, assesses it anew.
#[utoipa::path(put, path = "/api/v1/changes/{id}", tag = "changes", request_body = ChangeRequest,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The version that was read")),
    responses((status = 200, body = Change)))]
async fn amend_change(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    IfMatch(version): IfMatch,
    JsonBody { value, .. }: JsonBody<ChangeRequest>,
) -> Result<Response, Rejection> {
    let amendment = Amendment {
        expected_version: version,
        content: value.to_domain()?,
        draft: value.draft,
        requested_by: value.requested_by.clone(),
    };
    let work = request::amend(&app, &caller, id, amendment).await?;
    Ok(respond::change(&app, StatusCode::OK, &work))
}
