//! The page for an address that is none.

use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;

use super::problem;
use super::visitor::Visitor;
use crate::app::SharedApp;
use crate::failure::Failure;

/// Answers addresses of pages that do not exist.
pub(crate) async fn not_found(State(app): State<SharedApp>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let Ok(visitor) = Visitor::from_request_parts(&mut parts, &app).await;
    page(&visitor)
}

/// The same, where the visitor is known already.
pub(super) fn page(visitor: &Visitor) -> Response {
    const SHOWN_CHARS_MAX: usize = 120;
    let name = visitor.address.chars().take(SHOWN_CHARS_MAX).collect();
    problem::page(visitor, &Failure::NotFound { what: "page", name })
}
