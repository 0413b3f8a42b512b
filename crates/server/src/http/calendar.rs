//! Freezes, maintenance windows, and what is planned.

use api::Page;
use api::calendar::{CalendarEntry, CalendarTold, OverrideFreeze, RemoveEntry, Schedule};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use domain::duration::parse_duration_seconds;
use domain::id::EntryName;
use domain::text::FreeText;
use jiff::SignedDuration;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, Idempotency, IdempotencyParams, JsonBody, Path, Query, one};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::calendar;
use crate::view;

/// Days that are shown when the request does not say.
const DAYS_DEFAULT: i64 = 14;
/// Most days that are shown at once.
const DAYS_MAX: i64 = 366;
const DAY_SECONDS: i64 = 86_400;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(show_calendar))
        .routes(routes!(list_calendar_entries, add_calendar_entry))
        .routes(routes!(remove_calendar_entry))
        .routes(routes!(override_freeze))
}

/// Between which instants.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CalendarQuery {
    /// The first instant; now when absent.
    from: Option<String>,
    /// The first instant after, at most 366 days later; 14 days later when absent.
    to: Option<String>,
}

/// Show what takes place between two instants: freezes, maintenance windows, and the forward schedule of change.
#[utoipa::path(get, path = "/api/v1/calendar", tag = "calendar", params(CalendarQuery),
    responses((status = 200, body = Schedule)))]
async fn show_calendar(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<CalendarQuery>,
) -> Result<Json<Schedule>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let from = one("from", query.from.as_deref())?.unwrap_or_else(|| app.clock.now());
    let later = |days: i64| from.saturating_add(SignedDuration::from_secs(days * DAY_SECONDS));
    let to = one("to", query.to.as_deref())?;
    let to = to.unwrap_or_else(|| later(DAYS_DEFAULT).unwrap_or(Timestamp::MAX));
    if to <= from || to > later(DAYS_MAX).unwrap_or(Timestamp::MAX) {
        let message = format!("expected an instant after {from}, at most {DAYS_MAX} days later");
        return Err(Failure::from(api::FieldError::new("to", message)).into());
    }
    let now = app.clock.now();
    Ok(Json(view::calendar_schedule(&app.known(), (from, to), now)))
}

/// List the entries of the calendar.
#[utoipa::path(get, path = "/api/v1/calendar/entries", tag = "calendar",
    responses((status = 200, body = Page<CalendarEntry>)))]
async fn list_calendar_entries(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Page<CalendarEntry>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let known = app.known();
    let items = known.calendar.entries().map(|(name, entry)| view::calendar_entry(name, entry)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Add a freeze or a maintenance window.
#[utoipa::path(post, path = "/api/v1/calendar/entries", tag = "calendar", params(IdempotencyParams),
    request_body = CalendarEntry, responses((status = 201, body = CalendarTold)))]
async fn add_calendar_entry(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<CalendarEntry>,
) -> Result<Response, Rejection> {
    let (name, entry) = value.to_domain().map_err(Failure::from)?;
    let wanted = calendar::Wanted::Add { name: name.clone(), entry: Box::new(entry) };
    change(&Asked { app, caller, key, digest }, StatusCode::CREATED, &name, wanted).await
}

/// Remove an entry. Exceptions from it end with it.
#[utoipa::path(post, path = "/api/v1/calendar/entries/{name}/remove", tag = "calendar",
    params(IdempotencyParams, ("name" = String, Path)), request_body = RemoveEntry,
    responses((status = 200, body = CalendarTold)))]
async fn remove_calendar_entry(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<RemoveEntry>,
) -> Result<Response, Rejection> {
    let name: EntryName = parse("name", &name)?;
    let wanted = calendar::Wanted::Remove { name: name.clone(), reason: text(&value.reason)? };
    change(&Asked { app, caller, key, digest }, StatusCode::OK, &name, wanted).await
}

/// Except a change from a freeze, for a time.
#[utoipa::path(post, path = "/api/v1/calendar/entries/{name}/override", tag = "calendar",
    params(IdempotencyParams, ("name" = String, Path)), request_body = OverrideFreeze,
    responses((status = 200, body = CalendarTold)))]
async fn override_freeze(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<OverrideFreeze>,
) -> Result<Response, Rejection> {
    let name: EntryName = parse("name", &name)?;
    let seconds = parse_duration_seconds(&value.expires_in);
    let seconds = seconds.map_err(|error| Failure::from(api::FieldError::new("expires_in", error)))?;
    let wanted = calendar::Wanted::Except {
        freeze: name.clone(),
        change: parse("change_id", &value.change_id)?,
        reason: text(&value.reason)?,
        life: SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)),
    };
    change(&Asked { app, caller, key, digest }, StatusCode::OK, &name, wanted).await
}

async fn change(
    asked: &Asked,
    status: StatusCode,
    name: &EntryName,
    wanted: calendar::Wanted,
) -> Result<Response, Rejection> {
    let told = CalendarTold { name: name.to_string() };
    let work = async {
        let kept = asked.keeper(status)(Kept::Calendar(told.clone()));
        calendar::change(&asked.app, &asked.caller, wanted, kept).await?;
        Ok((status, Json(told)).into_response())
    };
    asked.once(work).await
}

fn parse<T>(field: &str, text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| api::FieldError::new(field, error).into())
}

fn text(reason: &str) -> Result<FreeText, Failure> {
    FreeText::new(reason).map_err(|error| api::FieldError::new("reason", error).into())
}
