//! `/incidents`: what went wrong, the newest first.

use api::incident::IncidentSummary;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::incident::IncidentState;
use maud::{Markup, html};
use policy::{Action, Resource};
use store::{IncidentFilter, IncidentQuery};

use super::frame::{Frame, SignedLog, document};
use super::trouble::{self, Asked, ROWS_MAX};
use super::visitor::Viewer;
use super::{problem, respond};
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::view as told;

const TITLE: &str = "Incidents";
const PATH: &str = "/incidents";

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    asked: Asked,
    rows: Vec<IncidentSummary>,
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
        let filter = IncidentFilter { state: asked.state()?, ..IncidentFilter::default() };
        let query = IncidentQuery { filter, after: asked.cursor()?, limit: ROWS_MAX };
        let page = app.store.list_incidents(query).await?;
        let frame = Frame { log: SignedLog::read(&app).await?, ..visitor.frame() };
        let rows = page.rows.iter().map(told::incident_summary).collect();
        let next = page.next.map(|cursor| cursor.to_string());
        let model = Model { frame, now: visitor.now, asked, rows, next };
        Ok(respond::page(StatusCode::OK, view(&model)))
    };
    read.await.unwrap_or_else(|failure: Failure| problem::page(&visitor, &failure))
}

fn view(model: &Model) -> Markup {
    let Model { frame, now, asked, rows, next } = model;
    let states: Vec<_> = IncidentState::ALL.iter().map(|state| state.as_str()).collect();
    let hint = html! {
        "One is opened by itself when a change is taken back. " code { "cortex-change incident open" } " reports another."
    };
    let content = html! {
        div.page-head {
            h1 { (TITLE) }
            p { "What went wrong, the newest first. What lies behind it is a " a href="/problems" { "problem" } "." }
        }
        (trouble::views(PATH, &states, asked))
        section.card aria-labelledby="list" {
            h2.sr #list { "Matching incidents" }
            @if rows.is_empty() { (trouble::nothing(PATH, asked, "No incidents yet", &hint)) }
            @else {
                ul.incidents { @for row in rows { (trouble::incident(row, *now)) } }
                (trouble::pager(PATH, asked, rows.len(), next.as_deref()))
            }
        }
    };
    document(frame, TITLE, &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fixture::{self, NOW};

    fn shown(query: &str, rows: &[&str], next: Option<&str>) -> String {
        let address = format!("{PATH}?{query}");
        let Query(asked) = Query::try_from_uri(&address.parse().unwrap()).unwrap();
        let row = |id: &&str| IncidentSummary {
            incident_id: (*id).to_owned(),
            change_id: Some("CHG-2025-001234".to_owned()),
            state: "investigating".to_owned(),
            severity: "major".to_owned(),
            title: "<b>shop</b> is slow".to_owned(),
            opened_at: "2025-12-30T17:00:00Z".to_owned(),
            updated_at: "2025-12-30T17:00:00Z".to_owned(),
        };
        let rows = rows.iter().map(row).collect();
        let next = next.map(ToOwned::to_owned);
        view(&Model { frame: fixture::frame(&address), now: NOW, asked, rows, next }).into_string()
    }

    #[test]
    fn a_row_leads_to_its_incident_and_the_next_page_keeps_the_state() {
        let html = shown("state=investigating&cursor=x", &["INC-2025-000007"], Some("y z"));
        for part in [
            "<a href=\"/incidents/INC-2025-000007\">&lt;b&gt;shop&lt;/b&gt; is slow</a>",
            "Major, investigating, opened ",
            "href=\"/incidents?state=investigating&amp;cursor=y+z\"",
            "href=\"/incidents?state=investigating\" aria-current=\"true\"",
            "<a href=\"/incidents\" aria-current=\"page\">",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }

    #[test]
    fn an_empty_list_says_whether_that_is_all() {
        assert!(shown("", &[], None).contains("No incidents yet"));
        let none_closed = shown("state=closed", &[], None);
        assert!(
            none_closed.contains("Nothing is closed") && none_closed.contains("Show all"),
            "{none_closed}"
        );
    }
}
