//! Incidents.

use std::fmt::Display;

use api::Page;
use api::incident::{Incident, IncidentSummary, OpenIncident, Suspects, UpdateIncident};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use domain::id::CiName;
use domain::incident::suspects::Trouble;
use domain::incident::{AFFECTED_MAX, IncidentCommand, Severity};
use domain::text::FreeText;
use policy::{Action, Resource};
use serde::Deserialize;
use store::{IncidentFilter, IncidentQuery};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{
    Authenticated, Idempotency, IdempotencyParams, IncidentPath, JsonBody, Query, one, page_limit,
};
use super::problem::Rejection;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::failure::Failure;
use crate::load;
use crate::use_cases::incident::{Opening, Update};
use crate::use_cases::{incident, suspects};
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(list_incidents, open_incident))
        .routes(routes!(show_incident, update_incident))
        .routes(routes!(show_suspects))
        .routes(routes!(show_suspects_of_item))
}

/// Filter and position of a list of incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct IncidentsQuery {
    /// open, investigating, resolved or closed.
    state: Option<String>,
    /// The change that led to it.
    change: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Items of a page, at most 500.
    limit: Option<u32>,
}

/// List incidents, newest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(IncidentsQuery),
    responses((status = 200, body = Page<IncidentSummary>)))]
async fn list_incidents(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<IncidentsQuery>,
) -> Result<Json<Page<IncidentSummary>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let limit = page_limit(query.limit)?;
    let query = IncidentQuery {
        filter: IncidentFilter {
            state: one("state", query.state.as_deref())?,
            change_id: one("change", query.change.as_deref())?,
            ..IncidentFilter::default()
        },
        after: one("cursor", query.cursor.as_deref())?,
        limit,
    };
    let page = app.store.list_incidents(query).await?;
    let items = page.rows.iter().map(view::incident_summary).collect();
    Ok(Json(Page { items, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

/// Report an incident of services or items, with or without the change that led to it.
#[utoipa::path(post, path = "/api/v1/incidents", tag = "incidents", params(IdempotencyParams),
    request_body = OpenIncident, responses((status = 201, body = Incident)))]
async fn open_incident(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<OpenIncident>,
) -> Result<Response, Rejection> {
    let opening = opening(&app, &value)?;
    let asked = Asked { app, caller, key, digest };
    let work = async {
        let keep = asked.keeper(StatusCode::CREATED);
        let keep = move |id| keep(Kept::Incident(id));
        let opened = incident::open(&asked.app, &asked.caller, opening, keep).await?;
        Ok((StatusCode::CREATED, Json(view::incident(&asked.app.known(), &opened))).into_response())
    };
    asked.once(work).await
}

/// Show an incident with its timeline.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = String, Path)),
    responses((status = 200, body = Incident)))]
async fn show_incident(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    IncidentPath(id): IncidentPath,
) -> Result<Json<Incident>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let incident = load::incident(&app, id).await?;
    Ok(Json(view::incident(&app.known(), &incident)))
}

/// Link the change that led to an incident, add a note, record the root cause, move it on; in this order when several are given.
#[utoipa::path(patch, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = String, Path)),
    request_body = UpdateIncident, responses((status = 200, body = Incident)))]
async fn update_incident(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    IncidentPath(id): IncidentPath,
    JsonBody { value, .. }: JsonBody<UpdateIncident>,
) -> Result<Json<Incident>, Rejection> {
    let update = update(&value)?;
    let incident = incident::update(&app, &caller, id, update).await?;
    Ok(Json(view::incident(&app.known(), &incident)))
}

/// Rank the changes that may have led to an incident, each with its reasons.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/suspects", tag = "incidents", params(("id" = String, Path)),
    responses((status = 200, body = Suspects)))]
async fn show_suspects(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    IncidentPath(id): IncidentPath,
) -> Result<Json<Suspects>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let incident = load::incident(&app, id).await?;
    let trouble = suspects::trouble(&app, &incident).await?;
    let answer = suspects::rank(&app, &trouble).await?;
    Ok(Json(view::suspects(&trouble, answer)))
}

/// What is in trouble, and since when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SuspectsQuery {
    /// The configuration item or service.
    ci: String,
    /// When it began; now when absent.
    at: Option<Timestamp>,
}

/// Rank the changes that may have led to the trouble of an item, each with its reasons.
#[utoipa::path(get, path = "/api/v1/suspects", tag = "incidents", params(SuspectsQuery),
    responses((status = 200, body = Suspects)))]
async fn show_suspects_of_item(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<SuspectsQuery>,
) -> Result<Json<Suspects>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let SuspectsQuery { ci, at } = query;
    let ci: CiName = ci.parse().map_err(|error| Failure::from(api::FieldError::new("ci", error)))?;
    super::cmdb::known_item(&app.known(), &ci)?;
    let trouble = Trouble { items: [ci].into(), at: at.unwrap_or_else(|| app.clock.now()) };
    let answer = suspects::rank(&app, &trouble).await?;
    Ok(Json(view::suspects(&trouble, answer)))
}

fn opening(app: &App, value: &OpenIncident) -> Result<Opening, Failure> {
    let OpenIncident { title, text, severity, affected, change, began_at } = value;
    if affected.len() > AFFECTED_MAX {
        let message = format!("{} items are named: expected at most {AFFECTED_MAX}", affected.len());
        return Err(api::FieldError::new("affected", message).into());
    }
    let item = |name: &String| {
        let name: CiName = name.parse().map_err(|error| Failure::from(field("affected", &error)))?;
        super::cmdb::known_item(&app.known(), &name)?;
        Ok::<_, Failure>(name)
    };
    let began_at = began_at.as_deref().map(str::parse).transpose();
    Ok(Opening {
        change: one("change", change.as_deref())?,
        affected: affected.iter().map(item).collect::<Result<_, _>>()?,
        began_at: began_at.map_err(|error: jiff::Error| field("began_at", &error))?,
        severity: one("severity", severity.as_deref())?.unwrap_or(Severity::Moderate),
        title: FreeText::title(title.as_str()).map_err(|error| field("title", &error))?,
        text: FreeText::new(text.as_str()).map_err(|error| field("text", &error))?,
    })
}

fn field(name: &str, error: &dyn Display) -> api::FieldError {
    api::FieldError::new(name, error)
}

fn update(update: &UpdateIncident) -> Result<Update, Failure> {
    let text =
        |name: &str, text: &str| FreeText::new(text).map_err(|error| Failure::from(field(name, &error)));
    let change = one("change", update.change.as_deref())?;
    let mut commands = Vec::new();
    if let Some(note) = &update.note {
        commands.push(IncidentCommand::Note { text: text("note", note)? });
    }
    if let Some(root) = &update.root_cause {
        commands.push(IncidentCommand::RecordRootCause {
            cause: text("root_cause.cause", &root.cause)?,
            remedy: text("root_cause.remedy", &root.remedy)?,
        });
    }
    if let Some(state) = one("state", update.state.as_deref())? {
        commands.push(IncidentCommand::MoveTo { state });
    }
    if commands.is_empty() && change.is_none() {
        let message = "nothing to do: give `change`, `note`, `root_cause` or `state`";
        return Err(api::FieldError::new(".", message).into());
    }
    Ok(Update { change, commands })
}
