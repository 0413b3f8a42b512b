//! `/problems/{id}`: what lies behind incidents, how to live with it, what removed it.

use api::known_problem::KnownProblem;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use maud::{Markup, html};
use policy::{Action, Resource};

use super::frame::{Frame, SignedLog, document};
use super::visitor::Viewer;
use super::{problem, respond, trouble};
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::view as told;

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    problem: KnownProblem,
}

/// One problem.
pub(super) async fn show(
    State(app): State<SharedApp>,
    Viewer { caller, visitor }: Viewer,
    Path(name): Path<String>,
) -> Response {
    let read = async {
        ask::about(&app, &caller, Action::Read, &Resource::System)?;
        let id = trouble::named("problem", &name)?;
        let frame = Frame { log: SignedLog::read(&app).await?, ..visitor.frame() };
        let problem = {
            let known = app.known();
            told::known_problem(&known, known.problems.get(id)?)
        };
        Ok(respond::page(StatusCode::OK, view(&Model { frame, now: visitor.now, problem })))
    };
    read.await.unwrap_or_else(|failure: Failure| problem::page(&visitor, &failure))
}

/// Where the problem is and what follows, in a sentence.
fn answer(problem: &KnownProblem) -> &'static str {
    match (problem.summary.state.as_str(), &problem.known_error) {
        ("open", _) => "Nobody has taken it yet.",
        ("investigating", Some(_)) => "It has come back. Somebody is looking at it again.",
        ("investigating", None) => "Somebody is looking for the cause.",
        ("known_error", _) => "The cause is known, and how to live with it until it is removed.",
        ("resolved", _) => "The cause is removed. It can be closed when it does not come back.",
        _ => "It has not come back.",
    }
}

fn view(model: &Model) -> Markup {
    let Model { frame, now, problem } = model;
    let content = html! {
        (head(problem, *now))
        div.with-rail {
            div.stack {
                (known_error(problem))
                (trouble::timeline(&problem.timeline, *now))
            }
            div.stack {
                (links("Incidents", "incidents", "/incidents/", &problem.incidents))
                (links("Changes", "changes", "/changes/", &problem.changes))
            }
        }
    };
    let title = format!("{} {}", problem.summary.problem_id, problem.summary.title);
    document(frame, &title, &content)
}

fn head(problem: &KnownProblem, now: Timestamp) -> Markup {
    let summary = &problem.summary;
    html! {
        section.card.head-card aria-labelledby="title" {
            nav.crumb aria-label="Breadcrumb" {
                ol {
                    li { a href="/incidents" { "Incidents" } }
                    li { a href="/problems" { "Problems" } }
                    li aria-current="page" { code { (summary.problem_id) } }
                }
            }
            h1 #title { (summary.title) }
            p.answer { (answer(problem)) }
            ul.facts aria-label="Facts" {
                li { (trouble::problem_state(&summary.state).mark()) }
                li.quiet { "Opened " (trouble::instant(&summary.opened_at, now)) }
            }
        }
    }
}

fn known_error(problem: &KnownProblem) -> Markup {
    html! {
        section.card aria-labelledby="known" {
            h2 #known { "Known error" }
            @match &problem.known_error {
                Some(known) => (trouble::known_error(known)),
                None => p.quiet { "Not known yet." },
            }
            @if let Some(remedy) = &problem.remedy { dl.pairs { dt { "Remedy" } dd.prose { (remedy) } } }
        }
    }
}

fn links(title: &str, id: &str, path: &str, names: &[String]) -> Markup {
    html! {
        section.card aria-labelledby=(id) {
            h2 id=(id) { (title) }
            @if names.is_empty() { p.quiet { "None is linked." } }
            ul.plain-list { @for name in names { li { a href={ (path) (name) } { (name) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use api::incident::TimelineEntry;
    use api::known_problem::{KnownError, ProblemSummary};

    use super::*;
    use crate::portal::fixture::{self, NOW};

    #[test]
    fn a_problem_that_has_come_back_still_tells_how_to_live_with_it() {
        let at = "2025-12-30T17:00:00Z".to_owned();
        let problem = KnownProblem {
            summary: ProblemSummary {
                problem_id: "PRB-7".to_owned(),
                title: "Pool runs dry".to_owned(),
                state: "investigating".to_owned(),
                incident_count: 1,
                opened_at: at.clone(),
                updated_at: at.clone(),
            },
            incidents: vec!["INC-2025-000007".to_owned()],
            changes: vec![],
            known_error: Some(KnownError {
                cause: "too small".to_owned(),
                workaround: "restart & wait".to_owned(),
            }),
            remedy: None,
            timeline: vec![TimelineEntry {
                timestamp: at,
                actor: "ann".to_owned(),
                details: "again".to_owned(),
            }],
        };
        let html = view(&Model { frame: fixture::frame("/problems/PRB-7"), now: NOW, problem }).into_string();
        for part in [
            "It has come back.",
            "restart &amp; wait",
            "href=\"/incidents/INC-2025-000007\"",
            "None is linked.",
            "<title>PRB-7 Pool runs dry · Cortex Change</title>",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }
}
