//! Runners that look for work.

use std::collections::BTreeSet;

use api::runner::{AnnounceRunner, RUNNER_CHANGES_MAX, RUNNER_LABELS_MAX, RUNNER_TEXT_BYTES_MAX, Runner};
use api::{FieldError, Page};
use axum::Json;
use axum::extract::State;
use policy::{Action, Resource};
use serde::Deserialize;
use store::HolderName;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, JsonBody, Path, Query, words};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::presence::{self, Announced, RunnerState};
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list_runners)).routes(routes!(announce_runner))
}

/// Which runners.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RunnersQuery {
    /// Labels, separated by commas: those that have all of them.
    label: Option<String>,
}

/// List the runners that were seen in the last day, what they are fit for and what they work on.
#[utoipa::path(get, path = "/api/v1/runners", tag = "implementation", params(RunnersQuery),
    responses((status = 200, body = Page<Runner>)))]
async fn list_runners(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<RunnersQuery>,
) -> Result<Json<Page<Runner>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let labels = words("label", query.label.as_deref())?.into_iter().collect();
    presence::keep_up(&app).await?;
    Ok(Json(view::runners(&app.known(), &labels, app.clock.now())))
}

/// Say that one is there as a runner, every ten seconds, and what one works on. One that has ended is forgotten.
#[utoipa::path(put, path = "/api/v1/runners/{name}", tag = "implementation", params(("name" = String, Path)),
    request_body = AnnounceRunner, responses((status = 200, body = Runner)))]
async fn announce_runner(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    JsonBody { value, .. }: JsonBody<AnnounceRunner>,
) -> Result<Json<Runner>, Rejection> {
    let seen = presence::announce(&app, &caller, announced(&name, value)?).await?;
    Ok(Json(view::runner(&app.known(), &seen, app.clock.now())))
}

fn announced(name: &str, told: AnnounceRunner) -> Result<Announced, Failure> {
    let AnnounceRunner { host, version, labels, concurrency, working_on, waiting, state } = told;
    Ok(Announced {
        name: HolderName::new(name).map_err(|error| FieldError::new("name", error))?,
        host: short("host", host)?,
        version: short("version", version)?,
        labels: set("labels", &labels, RUNNER_LABELS_MAX)?,
        concurrency,
        waiting,
        working_on: set("working_on", &working_on, RUNNER_CHANGES_MAX)?,
        state: match state.as_str() {
            "looking" => RunnerState::Looking,
            "draining" => RunnerState::Draining,
            "ended" => RunnerState::Ended,
            _ => {
                let message =
                    format!("`{state}` is no state of a runner: expected looking, draining or ended");
                return Err(FieldError::new("state", message).into());
            }
        },
    })
}

fn short(field: &str, text: String) -> Result<String, FieldError> {
    if (1..=RUNNER_TEXT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    let message = format!("expected 1 to {RUNNER_TEXT_BYTES_MAX} bytes in one line");
    Err(FieldError::new(field, message))
}

fn set<T>(field: &str, texts: &[String], most: usize) -> Result<BTreeSet<T>, FieldError>
where
    T: std::str::FromStr<Err: std::fmt::Display> + Ord,
{
    if texts.len() > most {
        return Err(FieldError::new(field, format!("{} are more than the {most} accepted", texts.len())));
    }
    let parsed = texts
        .iter()
        .enumerate()
        .map(|(at, text)| text.parse().map_err(|error| FieldError::new(format!("{field}[{at}]"), error)));
    parsed.collect()
}
