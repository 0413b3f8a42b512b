//! What gets in the way of a change, and when nothing does.

use api::FieldError;
use api::slot::{Conflicts, Slots};
use axum::Json;
use axum::extract::State;
use domain::calendar::SLOTS_MAX;
use domain::duration::parse_duration_seconds;
use domain::id::ServiceName;
use jiff::SignedDuration;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, ChangePath, Query, one, words};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::slots::{self, Whose};
use crate::view;
use crate::work;

/// Free times that are looked for when the request does not say.
const SLOTS_DEFAULT: usize = 3;
/// How far ahead is looked when the request does not say, and at most.
const DAYS_DEFAULT: i64 = 14;
const DAYS_MAX: i64 = 90;
const DAY_SECONDS: i64 = 86_400;
/// Longest free time that is looked for.
const LENGTH_DAYS_MAX: i64 = 7;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(show_conflicts)).routes(routes!(find_slots))
}

/// Show which other changes get in the way of a change: in its window, or from now on where it has none.
#[utoipa::path(get, path = "/api/v1/changes/{id}/conflicts", tag = "calendar", params(("id" = String, Path)),
    responses((status = 200, body = Conflicts)))]
async fn show_conflicts(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
) -> Result<Json<Conflicts>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let (change, _) = work::load(&app, id).await?;
    Ok(Json(view::conflicts(&app.known(), &change, app.clock.now())))
}

/// For what, how long, and where to look.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SlotsQuery {
    /// The change that is to be implemented; or `service`.
    change: Option<String>,
    /// Services that are to be changed, separated by commas.
    service: Option<String>,
    /// Where, beside `service`; anywhere when absent.
    environment: Option<String>,
    /// How long, such as 30m; as long as the change's plan is expected to take, otherwise 1h, when absent.
    duration: Option<String>,
    /// How far ahead, at most 90d; 14d when absent.
    within: Option<String>,
    /// How many, at most 20; 3 when absent.
    count: Option<usize>,
}

/// Find the earliest times at which no freeze, closed maintenance window or other change stands in the way, and say for
/// each time that was passed over why.
#[utoipa::path(get, path = "/api/v1/calendar/slots", tag = "calendar", params(SlotsQuery),
    responses((status = 200, body = Slots)))]
async fn find_slots(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<SlotsQuery>,
) -> Result<Json<Slots>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let whose = whose(&query)?;
    let length = span("duration", query.duration.as_deref(), LENGTH_DAYS_MAX)?;
    let within = span("within", query.within.as_deref(), DAYS_MAX)?;
    let within = within.unwrap_or(SignedDuration::from_secs(DAYS_DEFAULT * DAY_SECONDS));
    let most = query.count.unwrap_or(SLOTS_DEFAULT);
    if !(1..=SLOTS_MAX).contains(&most) {
        let message = format!("{most} is out of range: expected 1 to {SLOTS_MAX}");
        return Err(Failure::from(FieldError::new("count", message)).into());
    }
    let (wanted, found) = slots::find(&app, whose, slots::Asked { length, within, most }).await?;
    Ok(Json(view::slots(&wanted, &found)))
}

fn whose(query: &SlotsQuery) -> Result<Whose, Failure> {
    let change = one("change", query.change.as_deref())?;
    let services: Vec<ServiceName> = words("service", query.service.as_deref())?;
    let environment = one("environment", query.environment.as_deref())?;
    let message = match (change, services.is_empty()) {
        (Some(id), true) if environment.is_none() => return Ok(Whose::Change(id)),
        (Some(_), _) => {
            "a change says itself what it changes and where: leave `service` and `environment` out"
        }
        (None, false) => {
            return Ok(Whose::Services { services: services.into_iter().collect(), environment });
        }
        (None, true) => "expected a change, or services with `service`",
    };
    Err(FieldError::new("change", message).into())
}

fn span(field: &str, text: Option<&str>, days_max: i64) -> Result<Option<SignedDuration>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let seconds = parse_duration_seconds(text).map_err(|error| FieldError::new(field, error))?;
    let seconds =
        i64::try_from(seconds).ok().filter(|seconds| (1..=days_max * DAY_SECONDS).contains(seconds));
    let seconds = seconds.ok_or_else(|| FieldError::new(field, format!("expected at most {days_max}d")))?;
    Ok(Some(SignedDuration::from_secs(seconds)))
}
