//! `POST /logout`: the session ends.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::SignedDuration;

use super::visitor::Visitor;
use super::{Door, cookie, origin, problem, respond};
use crate::app::SharedApp;

/// Ends the session and leads to where one signs in.
pub(super) async fn sign_out(
    State(app): State<SharedApp>,
    Extension(door): Extension<Arc<Door>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    if !origin::is_own(&headers, &app.config) {
        return problem::foreign_form(&visitor);
    }
    let name = cookie::session_name(&app.config);
    if let Some(session) = cookie::read(&headers, name) {
        door.sessions.end(session);
    }
    match cookie::set(&app.config, name, "", SignedDuration::ZERO) {
        Ok(cookie) => respond::with_cookie(respond::see_other("/login"), cookie),
        Err(failure) => problem::page(&visitor, &failure),
    }
}
