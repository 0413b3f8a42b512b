//! The web portal: pages rendered on the server, readable without a script.
//!
//! To add a page: write `portal/<page>.rs` with its handler, its `PartialEq` model, `view(&Model) -> Markup` and tests,
//! and its line in [`router`]. Everything visible goes through [`frame::document`], everything sent through
//! [`respond`], whose headers forbid scripts, foreign content and framing.

mod approvals;
mod assets;
mod attempts;
mod boards;
mod calendar;
mod change;
mod changes;
mod cookie;
mod format;
mod frame;
mod icon;
mod incident;
mod incidents;
mod known_problem;
mod known_problems;
mod login;
mod logout;
mod mark;
mod missing;
mod origin;
mod problem;
mod problems;
mod respond;
mod runners;
mod session;
mod theme;
mod trouble;
mod visitor;

#[cfg(test)]
mod fixture;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::app::SharedApp;
use attempts::Attempts;
use session::Sessions;

pub(crate) use missing::not_found;

/// Largest form that a page sends, in bytes.
const FORM_BYTES_MAX: usize = 4 * 1024;

/// What the pages share besides the application: who is signed in, and who tried to.
#[derive(Debug, Default)]
struct Door {
    sessions: Sessions,
    attempts: Attempts,
}

/// All pages. [`not_found`] answers for addresses that are not among them.
pub(crate) fn router() -> Router<SharedApp> {
    Router::new()
        .route("/", get(start))
        .route("/approvals", get(approvals::show))
        .route("/boards", get(boards::show))
        .route("/calendar", get(calendar::show))
        .route("/changes", get(changes::show))
        .route("/changes/{id}", get(change::show))
        .route("/docs/problems", get(problems::show))
        .route("/incidents", get(incidents::show))
        .route("/incidents/{id}", get(incident::show))
        .route("/problems", get(known_problems::show))
        .route("/problems/{id}", get(known_problem::show))
        .route("/runners", get(runners::show))
        .route("/login", get(login::show).post(login::sign_in))
        .route("/logout", post(logout::sign_out))
        .route("/theme", post(theme::choose))
        .route("/assets/{file}", get(assets::serve))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(Extension(Arc::new(Door::default())))
}

async fn start() -> Response {
    respond::see_other(respond::START)
}
