//! Problems: what lies behind incidents.

use api::Page;
use api::known_problem::{KnownProblem, OpenProblem, ProblemSummary, UpdateProblem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::problem::{Link, ProblemCommand, ProblemId};
use domain::text::FreeText;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, Idempotency, IdempotencyParams, JsonBody, Path, Query, one, page_limit};
use super::problem::Rejection;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::problems;
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(list_problems, open_problem))
        .routes(routes!(show_problem, update_problem))
}

/// Which problems.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ProblemsQuery {
    /// open, investigating, known_error, resolved or closed; all when absent.
    state: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Items of a page, at most 500.
    limit: Option<u32>,
}

/// List problems, the newest first: all that are not closed, and the last thousand that are.
#[utoipa::path(get, path = "/api/v1/problems", tag = "incidents", params(ProblemsQuery),
    responses((status = 200, body = Page<ProblemSummary>)))]
async fn list_problems(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ProblemsQuery>,
) -> Result<Json<Page<ProblemSummary>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let (state, after) = (one("state", query.state.as_deref())?, one("cursor", query.cursor.as_deref())?);
    Ok(Json(view::known_problems(&app.known(), state, after, page_limit(query.limit)?)))
}

/// Open a problem behind an incident.
#[utoipa::path(post, path = "/api/v1/problems", tag = "incidents", params(IdempotencyParams),
    request_body = OpenProblem, responses((status = 201, body = KnownProblem)))]
async fn open_problem(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<OpenProblem>,
) -> Result<Response, Rejection> {
    let wanted = problems::Wanted::Open {
        incident: given("incident", &value.incident)?,
        title: FreeText::title(&*value.title)
            .map_err(|error| Failure::from(api::FieldError::new("title", error)))?,
        text: text("text", &value.text)?,
    };
    let asked = Asked { app, caller, key, digest };
    let work = async {
        let keep = asked.keeper(StatusCode::CREATED);
        let keep = move |id| keep(Kept::Problem(id));
        let id = problems::change(&asked.app, &asked.caller, wanted, keep).await?;
        Ok((StatusCode::CREATED, Json(told(&asked.app, id)?)).into_response())
    };
    asked.once(work).await
}

/// Show a problem.
#[utoipa::path(get, path = "/api/v1/problems/{id}", tag = "incidents", params(("id" = String, Path)),
    responses((status = 200, body = KnownProblem)))]
async fn show_problem(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<KnownProblem>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    Ok(Json(told(&app, given("id", &id)?)?))
}

/// Add a note, link an incident or a change, record the known error, move a problem on; in this order when several are given.
#[utoipa::path(patch, path = "/api/v1/problems/{id}", tag = "incidents", params(("id" = String, Path)),
    request_body = UpdateProblem, responses((status = 200, body = KnownProblem)))]
async fn update_problem(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    JsonBody { value, .. }: JsonBody<UpdateProblem>,
) -> Result<Json<KnownProblem>, Rejection> {
    let wanted = problems::Wanted::Update { id: given("id", &id)?, commands: commands(&value)? };
    let id = problems::change(&app, &caller, wanted, |_| None).await?;
    Ok(Json(told(&app, id)?))
}

/// A problem as it is now.
pub(super) fn told(app: &App, id: ProblemId) -> Result<KnownProblem, Failure> {
    let known = app.known();
    Ok(view::known_problem(&known, known.problems.get(id)?))
}

fn commands(update: &UpdateProblem) -> Result<Vec<ProblemCommand>, Failure> {
    let UpdateProblem { note, incident, change, known_error, remedy, state } = update;
    let mut commands = Vec::new();
    if let Some(note) = note {
        commands.push(ProblemCommand::Note(text("note", note)?));
    }
    if let Some(id) = incident {
        commands.push(ProblemCommand::Link(Link::Incident(given("incident", id)?)));
    }
    if let Some(id) = change {
        commands.push(ProblemCommand::Link(Link::Change(given("change", id)?)));
    }
    if let Some(known) = known_error {
        commands.push(ProblemCommand::RecordKnownError {
            cause: text("known_error.cause", &known.cause)?,
            workaround: text("known_error.workaround", &known.workaround)?,
        });
    }
    let remedy = remedy.as_deref().map(|remedy| text("remedy", remedy)).transpose()?;
    match (one("state", state.as_deref())?, remedy) {
        (Some(state), remedy) => commands.push(ProblemCommand::MoveTo { state, remedy }),
        (None, Some(_)) => {
            return Err(api::FieldError::new("remedy", "belongs to the state `resolved`").into());
        }
        (None, None) if commands.is_empty() => {
            let message = "nothing to do: give `note`, `incident`, `change`, `known_error` or `state`";
            return Err(api::FieldError::new(".", message).into());
        }
        (None, None) => {}
    }
    Ok(commands)
}

fn given<T>(field: &str, text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| api::FieldError::new(field, error).into())
}

fn text(field: &str, text: &str) -> Result<FreeText, Failure> {
    FreeText::new(text).map_err(|error| api::FieldError::new(field, error).into())
}
