//! `/login`: an access token is exchanged for a session.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Form};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{Frame, plain_document};
use super::session::SESSION_LIFE;
use super::visitor::Visitor;
use super::{Door, cookie, origin, problem, respond};
use crate::app::SharedApp;
use crate::caller::Caller;
use crate::failure::Failure;

/// Longest token that the field takes, in characters.
const TOKEN_CHARS_MAX: u16 = 200;

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    /// Where to go after signing in.
    next: String,
    /// Why the last attempt did not succeed.
    error: Option<String>,
}

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// What the form sends. It has no `Debug`: the token is a secret.
#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
    #[serde(default)]
    next: String,
}

/// The page; whoever is signed in is led on.
pub(super) async fn show(visitor: Visitor, query: Result<Query<Next>, QueryRejection>) -> Response {
    let next = query.map(|Query(Next { next })| next).unwrap_or_default();
    let next = respond::local(&next).to_owned();
    if visitor.caller.is_some() {
        return respond::see_other(&next);
    }
    respond::page(StatusCode::OK, view(&Model { frame: visitor.frame(), next, error: None }))
}

/// Exchanges a token for a session.
pub(super) async fn sign_in(
    State(app): State<SharedApp>,
    Extension(door): Extension<Arc<Door>>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Response {
    if !origin::is_own(&headers, &app.config) {
        return problem::foreign_form(&visitor);
    }
    let Ok(Form(SignIn { token, next })) = form else {
        return again(&visitor, "", StatusCode::BAD_REQUEST, "Paste one access token and nothing else.");
    };
    if !door.attempts.admits(visitor.from, visitor.now) {
        let error = "Too many attempts failed. Wait a minute, then try again.";
        return again(&visitor, &next, StatusCode::TOO_MANY_REQUESTS, error);
    }
    let token = token.trim();
    match begin(&app, &door, &visitor, token) {
        Ok(cookie) => respond::with_cookie(respond::see_other(respond::local(&next)), cookie),
        Err(Failure::Unauthenticated(reason)) => {
            door.attempts.failed(visitor.from, visitor.now);
            let error = format!("This token lets nobody in: {reason}.");
            again(&visitor, &next, StatusCode::UNAUTHORIZED, &error)
        }
        Err(failure) => problem::page(&visitor, &failure),
    }
}

fn begin(
    app: &SharedApp,
    door: &Door,
    visitor: &Visitor,
    token: &str,
) -> Result<axum::http::HeaderValue, Failure> {
    Caller::of_token(&app.known().directory, token, visitor.now)?;
    let session = door.sessions.begin(token, visitor.now)?;
    cookie::set(&app.config, cookie::session_name(&app.config), &session, SESSION_LIFE)
}

fn again(visitor: &Visitor, next: &str, status: StatusCode, error: &str) -> Response {
    let next = respond::local(next).to_owned();
    let frame = Frame { address: "/login".to_owned(), ..visitor.frame() };
    respond::page(status, view(&Model { frame, next, error: Some(error.to_owned()) }))
}

fn view(model: &Model) -> Markup {
    let Model { frame, next, error } = model;
    let described = if error.is_some() { "token-error token-hint" } else { "token-hint" };
    let content = html! {
        section.card.sign-in aria-labelledby="sign-in" {
            h1 #sign-in { "Sign in" }
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                div class={ "field" @if error.is_some() { " field-bad" } } {
                    label for="token" { "Access token" }
                    input.in #token type="password" name="token" required autofocus
                        autocomplete="current-password" spellcheck="false" autocapitalize="off"
                        maxlength=(TOKEN_CHARS_MAX) aria-describedby=(described)
                        aria-invalid=[error.is_some().then_some("true")];
                    @if let Some(error) = error { p.error #token-error role="alert" { (error) } }
                    p.hint #token-hint {
                        "It begins with " code { "cct_" } ". An administrator makes one with "
                        code { "cortex-change token issue" } "; the first start of a server prints one."
                    }
                }
                button.btn.btn-primary type="submit" { "Sign in" }
            }
        }
    };
    plain_document(frame, "Sign in", &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fixture;

    #[test]
    fn the_field_has_a_label_and_an_error_is_tied_to_it() {
        let frame = Frame { viewer: None, ..fixture::frame("/login") };
        let model = Model { frame, next: "/changes?q=\"><script>".to_owned(), error: None };
        let html = view(&model).into_string();
        assert!(html.contains("<label for=\"token\">Access token</label>"), "{html}");
        assert!(html.contains("value=\"/changes?q=&quot;&gt;&lt;script&gt;\""), "{html}");
        assert!(!html.contains("aria-invalid"), "{html}");
        let error = Some("This token lets nobody in: the token is revoked.".to_owned());
        let html = view(&Model { error, ..model }).into_string();
        assert!(html.contains("aria-describedby=\"token-error token-hint\""), "{html}");
        assert!(html.contains("aria-invalid=\"true\""), "{html}");
        assert!(html.contains("role=\"alert\">This token lets nobody in"), "{html}");
    }
}
