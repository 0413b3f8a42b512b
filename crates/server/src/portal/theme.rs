//! `POST /theme`: light, dark, or as the system prefers.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::SignedDuration;
use serde::Deserialize;

use super::visitor::Visitor;
use super::{cookie, origin, problem, respond};
use crate::app::SharedApp;

const COOKIE: &str = "cortex-change-theme";
const COOKIE_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// In which colours pages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Theme {
    /// As the system prefers.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// The theme that the browser remembers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match cookie::read(headers, COOKIE) {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            Some(_) | None => Self::System,
        }
    }

    /// The word in forms and in the page.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What the page says about its colours; nothing leaves the choice to the system.
    pub(super) fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light | Self::Dark => Some(self.as_str()),
        }
    }

    /// The theme that the switch leads to.
    pub(super) fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }
}

/// The form of the switch.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    theme: Theme,
    next: String,
}

/// Remembers the choice and leads back.
pub(super) async fn choose(
    State(app): State<SharedApp>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<Choice>, FormRejection>,
) -> Response {
    let is_own = origin::is_own(&headers, &app.config);
    let Some(Form(Choice { theme, next })) = form.ok().filter(|_| is_own) else {
        return problem::foreign_form(&visitor);
    };
    match cookie::set(&app.config, COOKIE, theme.as_str(), COOKIE_LIFE) {
        Ok(cookie) => respond::with_cookie(respond::see_other(respond::local(&next)), cookie),
        Err(failure) => problem::page(&visitor, &failure),
    }
}
