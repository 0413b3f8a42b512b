//! `/problems`: what lies behind incidents, the newest first.

use api::known_problem::ProblemSummary;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::problem::ProblemState;
use maud::{Markup, html};
use policy::{Action, Resource};

use super::frame::{Frame, SignedLog, document};
use super::trouble::{self, Asked, ROWS_MAX};
use super::visitor::Viewer;
use super::{format, problem, respond};
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::view as told;

const TITLE: &str = "Problems behind incidents";
const PATH: &str = "/problems";

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    asked: Asked,
    rows: Vec<ProblemSummary>,
    /// Where the next page begins.
    next: Option<String>,
}

/// The list.
pub(super) async fn show(
    State(app): State<SharedApp>,
    Viewer { caller, visitor }: Viewer,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let read = async {
        let Query(asked) = query.map_err(|error| api::FieldError::new("query", error))?;
        ask::about(&app, &caller, Action::Read, &Resource::System)?;
        let frame = Frame { log: SignedLog::read(&app).await?, ..visitor.frame() };
        let page = told::known_problems(&app.known(), asked.state()?, asked.cursor()?, ROWS_MAX);
        let model = Model { frame, now: visitor.now, asked, rows: page.items, next: page.next_cursor };
        Ok(respond::page(StatusCode::OK, view(&model)))
    };
    read.await.unwrap_or_else(|failure: Failure| problem::page(&visitor, &failure))
}

fn view(model: &Model) -> Markup {
    let Model { frame, now, asked, rows, next } = model;
    let states: Vec<_> = ProblemState::ALL.iter().map(|state| state.as_str()).collect();
    let hint = html! { "One is opened from an incident: " code { "cortex-change problem open" } "." };
    let content = html! {
        div.page-head {
            h1 { (TITLE) }
            p { "What " a href="/incidents" { "incidents" } " have in common, and how to live with it until it is removed." }
        }
        (trouble::views(PATH, &states, asked))
        section.card aria-labelledby="list" {
            h2.sr #list { "Matching problems" }
            @if rows.is_empty() { (trouble::nothing(PATH, asked, "No problems yet", &hint)) }
            @else {
                ul.incidents { @for one in rows { (row(one, *now)) } }
                (trouble::pager(PATH, asked, rows.len(), next.as_deref()))
            }
        }
    };
    document(frame, TITLE, &content)
}

fn row(problem: &ProblemSummary, now: Timestamp) -> Markup {
    let ProblemSummary { problem_id, title, state, incident_count, updated_at, .. } = problem;
    html! {
        li {
            (trouble::problem_state(state).bare_mark())
            div {
                p { a href={ "/problems/" (problem_id) } { (title) } }
                p.quiet {
                    code { (problem_id) } ", " (format::words(state).to_lowercase()) ", "
                    (format::count(*incident_count, "incident", "incidents")) ", last event " (trouble::instant(updated_at, now))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fixture::{self, NOW};

    #[test]
    fn a_row_says_how_many_incidents_it_led_to_and_leads_to_the_problem() {
        let row = ProblemSummary {
            problem_id: "PRB-7".to_owned(),
            title: "Pool runs <dry>".to_owned(),
            state: "known_error".to_owned(),
            incident_count: 3,
            opened_at: "2025-12-29T17:00:00Z".to_owned(),
            updated_at: "2025-12-30T17:00:00Z".to_owned(),
        };
        let frame = fixture::frame(PATH);
        let html = view(&Model { frame, now: NOW, asked: Asked::default(), rows: vec![row], next: None });
        let html = html.into_string();
        for part in [
            "<a href=\"/problems/PRB-7\">Pool runs &lt;dry&gt;</a>",
            "known error, 3 incidents",
            "?state=known_error",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }
}
