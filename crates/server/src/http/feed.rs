//! The calendar as a feed for calendar programs.
//!
//! Many of those, the hosted ones among them, fetch an address and can neither send a header nor ask for a password. So
//! the token stands in the address. What stands in an address is kept in many places; so only a token that can do nothing
//! else is accepted there: one whose single scope is `calendar`.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::actor::Scope;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, Query, of_token};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::view;

const CALENDAR: HeaderValue = HeaderValue::from_static("text/calendar; charset=utf-8");
/// How long a program may keep what it fetched, and nobody between.
const KEPT: HeaderValue = HeaderValue::from_static("private, max-age=300");

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(calendar_feed))
}

/// The token in the address.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct FeedQuery {
    /// A token whose single scope is `calendar`; or one that has it among others, in the header `Authorization`.
    token: Option<String>,
}

/// Whoever subscribes.
#[derive(Debug)]
struct Subscriber(Caller);

impl FromRequestParts<SharedApp> for Subscriber {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Rejection> {
        let Query(FeedQuery { token }) = Query::from_request_parts(parts, app).await?;
        let Some(token) = token else {
            let Authenticated(caller) = Authenticated::from_request_parts(parts, app).await?;
            return Ok(Self(caller));
        };
        let caller = of_token(app, &token).await?;
        if let Caller::Registered { scopes, .. } = &caller
            && scopes.iter().eq([&Scope::Calendar])
        {
            return Ok(Self(caller));
        }
        let message = "the token in the address can do more than read the calendar: revoke it, and issue one with \
                       `--scope calendar` only";
        Err(Failure::Unauthenticated(message).into())
    }
}

/// The calendar as iCalendar (RFC 5545): freezes, maintenance windows and changes with a window, from 30 days back to 180
/// days ahead.
#[utoipa::path(get, path = "/api/v1/calendar.ics", tag = "calendar", params(FeedQuery),
    responses((status = 200, body = String, content_type = "text/calendar")))]
async fn calendar_feed(
    State(app): State<SharedApp>,
    Subscriber(caller): Subscriber,
) -> Result<Response, Rejection> {
    ask::about(&app, &caller, Action::ReadCalendar, &Resource::System)?;
    let origin =
        view::Origin { log_name: &app.config.log_name, public_url: app.config.public_url.as_deref() };
    let feed = view::feed(&app.known(), origin, app.clock.now());
    Ok(([(header::CONTENT_TYPE, CALENDAR), (header::CACHE_CONTROL, KEPT)], feed).into_response())
}
