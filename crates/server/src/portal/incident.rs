//! `/incidents/{id}`: what happened, what changed before, why, and what lies behind it.

use api::incident::{Incident, ProblemBehind, RootCause, Suspect, Suspects};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use maud::{Markup, html};
use policy::{Action, Resource};

use super::frame::{Frame, SignedLog, document};
use super::visitor::{Viewer, Visitor};
use super::{format, problem, respond, trouble};
use crate::app::App;
use crate::app::SharedApp;
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::use_cases::suspects;
use crate::{load, view as told};

/// Suspects that are shown; the command line has the others.
const SUSPECTS_SHOWN_MAX: usize = 5;

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    incident: Incident,
    suspects: Suspects,
}

/// One incident.
pub(super) async fn show(
    State(app): State<SharedApp>,
    Viewer { caller, visitor }: Viewer,
    Path(name): Path<String>,
) -> Response {
    match model(&app, &caller, &visitor, &name).await {
        Ok(model) => respond::page(StatusCode::OK, view(&model)),
        Err(failure) => problem::page(&visitor, &failure),
    }
}

async fn model(app: &App, caller: &Caller, visitor: &Visitor, name: &str) -> Result<Model, Failure> {
    ask::about(app, caller, Action::Read, &Resource::System)?;
    let incident = load::incident(app, trouble::named("incident", name)?).await?;
    let about = suspects::trouble(app, &incident).await?;
    let suspects = told::suspects(&about, suspects::rank(app, &about).await?);
    let frame = Frame { log: SignedLog::read(app).await?, ..visitor.frame() };
    let incident = told::incident(&app.known(), &incident);
    Ok(Model { frame, now: visitor.now, incident, suspects })
}

impl Model {
    /// Where the incident is and what follows, in a sentence.
    fn answer(&self) -> &'static str {
        match (self.incident.summary.state.as_str(), &self.incident.root_cause) {
            ("open", _) => "Nobody has taken it yet.",
            ("investigating", _) => "Somebody is looking for the cause.",
            ("resolved", None) => "The effect is gone. It can be closed once its root cause is recorded.",
            ("resolved", Some(_)) => "The effect is gone and the root cause recorded. It can be closed.",
            _ => "It is over, and its root cause is recorded.",
        }
    }

    /// Whether it may still be said which change led to it.
    fn is_to_link(&self) -> bool {
        self.incident.summary.change_id.is_none() && self.incident.summary.state != "closed"
    }

    /// The command that moves it on.
    fn next_command(&self) -> Option<String> {
        let id = &self.incident.summary.incident_id;
        match self.incident.summary.state.as_str() {
            "open" => Some(format!("cortex-change incident update {id} --state investigating")),
            "investigating" => Some(format!("cortex-change incident update {id} --state resolved")),
            "resolved" => {
                Some(format!("cortex-change incident update {id} --state closed --cause … --remedy …"))
            }
            _ => None,
        }
    }
}

fn view(model: &Model) -> Markup {
    let Model { frame, now, incident, suspects } = model;
    let content = html! {
        (head(model))
        div.with-rail {
            div.stack {
                (trouble::timeline(&incident.timeline, *now))
                (changed_before(&incident.summary.incident_id, suspects, model.is_to_link()))
            }
            div.stack {
                (root_cause(incident.root_cause.as_ref()))
                (behind(&incident.problems))
            }
        }
    };
    let title = format!("{} {}", incident.summary.incident_id, incident.summary.title);
    document(frame, &title, &content)
}

fn head(model: &Model) -> Markup {
    let summary = &model.incident.summary;
    html! {
        section.card.head-card aria-labelledby="title" {
            nav.crumb aria-label="Breadcrumb" {
                ol {
                    li { a href="/incidents" { "Incidents" } }
                    li aria-current="page" { code { (summary.incident_id) } }
                }
            }
            h1 #title { (summary.title) }
            p.answer { (model.answer()) }
            ul.facts aria-label="Facts" {
                li { (trouble::incident_state(&summary.state).mark()) }
                li { span.badge { (format::words(&summary.severity)) } }
                @match &summary.change_id {
                    Some(id) => li { "After " a href={ "/changes/" (id) } { (id) } },
                    None => li { "No change is linked to it" },
                }
                @if !model.incident.affected.is_empty() { li { "Of " (model.incident.affected.join(", ")) } }
                @if model.incident.began_at != summary.opened_at {
                    li.quiet { "Began " (trouble::instant(&model.incident.began_at, model.now)) }
                }
                li.quiet { "Opened " (trouble::instant(&summary.opened_at, model.now)) }
            }
            @if let Some(command) = model.next_command() { p.quiet { "Next: " code { (command) } } }
        }
    }
}

fn root_cause(recorded: Option<&RootCause>) -> Markup {
    html! {
        section.card aria-labelledby="cause" {
            h2 #cause { "Root cause" }
            @match recorded {
                Some(RootCause { cause, remedy }) => dl.pairs {
                    dt { "Cause" } dd.prose { (cause) }
                    dt { "Remedy" } dd.prose { (remedy) }
                },
                None => p.quiet { "Not recorded yet." },
            }
        }
    }
}

fn behind(problems: &[ProblemBehind]) -> Markup {
    html! {
        section.card aria-labelledby="problems" {
            h2 #problems { "Problems behind it" }
            @if problems.is_empty() {
                p.quiet { "None is known. " code { "cortex-change problem open" } " opens one." }
            }
            ul.incidents {
                @for one in problems {
                    li {
                        (trouble::problem_state(&one.state).bare_mark())
                        div {
                            p { a href={ "/problems/" (one.problem_id) } { (one.title) } }
                            p.quiet { code { (one.problem_id) } ", " (format::words(&one.state).to_lowercase()) }
                            @if let Some(known) = &one.known_error { (trouble::known_error(known)) }
                        }
                    }
                }
            }
        }
    }
}

fn changed_before(id: &str, suspects: &Suspects, is_to_link: bool) -> Markup {
    let more = suspects.items.len().saturating_sub(SUSPECTS_SHOWN_MAX);
    html! {
        section.card aria-labelledby="suspects" {
            div.card-head {
                h2 #suspects { "What changed before" }
                p.quiet { "A ranking, no probability" }
            }
            @if suspects.items.is_empty() {
                p.quiet { "No change was at work in the seven days before." }
            }
            ol.similar { @for one in suspects.items.iter().take(SUSPECTS_SHOWN_MAX) { (suspect(one)) } }
            @if more > 0 {
                p.quiet { (more) " more: " code { "cortex-change incident suspects " (id) } }
            }
            @if is_to_link && !suspects.items.is_empty() {
                p.quiet { "If one of them led to it: " code { "cortex-change incident link " (id) " --change …" } }
            }
        }
    }
}

fn suspect(suspect: &Suspect) -> Markup {
    html! {
        li {
            b { (suspect.points) " of 100" }
            a href={ "/changes/" (suspect.change_id) } { (suspect.title) }
            p.quiet {
                @for (at, reason) in suspect.reasons.iter().enumerate() {
                    @if at > 0 { "; " }
                    (format::marked(&reason.reason)) " (" (reason.points) ")"
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use api::incident::{IncidentSummary, Reason, TimelineEntry};
    use api::known_problem::KnownError;

    use super::*;
    use crate::portal::fixture::{self, NOW};

    fn shown(state: &str, root_cause: Option<RootCause>) -> String {
        shown_of(Some("CHG-2025-001234"), state, root_cause)
    }

    fn shown_of(change: Option<&str>, state: &str, root_cause: Option<RootCause>) -> String {
        let id = "INC-2025-000007".to_owned();
        let at = "2025-12-30T17:00:00Z".to_owned();
        let known = KnownError { cause: "too small".to_owned(), workaround: "<i>restart</i>".to_owned() };
        let behind = ProblemBehind {
            problem_id: "PRB-7".to_owned(),
            title: "Pool runs dry".to_owned(),
            state: "known_error".to_owned(),
            known_error: Some(known),
        };
        let suspect = |number: u32| Suspect {
            change_id: format!("CHG-2025-00000{number}"),
            title: format!("change {number}"),
            state: "closed".to_owned(),
            points: 70 - number,
            distance: Some(1),
            reasons: vec![Reason { points: 40, reason: "it changed `shop` itself".to_owned() }],
        };
        let incident = Incident {
            summary: IncidentSummary {
                incident_id: id,
                change_id: change.map(ToOwned::to_owned),
                state: state.to_owned(),
                severity: "major".to_owned(),
                title: "shop is slow".to_owned(),
                opened_at: at.clone(),
                updated_at: at.clone(),
            },
            version: 3,
            affected: change.is_none().then(|| "shop".to_owned()).into_iter().collect(),
            began_at: if change.is_some() { at.clone() } else { "2025-12-30T16:50:00Z".to_owned() },
            timeline: vec![TimelineEntry {
                timestamp: at.clone(),
                actor: "ann".to_owned(),
                details: "p99 is 3 s".to_owned(),
            }],
            root_cause,
            problems: vec![behind],
        };
        let suspects = Suspects {
            of: vec!["shop".to_owned()],
            at,
            items: (1..=7).map(suspect).collect(),
            looked_at: 7,
            is_cut: false,
        };
        let frame = fixture::frame("/incidents/INC-2025-000007");
        view(&Model { frame, now: NOW, incident, suspects }).into_string()
    }

    #[test]
    fn an_incident_tells_what_happened_what_changed_and_what_lies_behind_it() {
        let html = shown("investigating", None);
        for part in [
            "Somebody is looking for the cause.",
            "cortex-change incident update INC-2025-000007 --state resolved",
            "href=\"/changes/CHG-2025-001234\"",
            "p99 is 3 s",
            "<b>69 of 100</b>",
            "it changed <code>shop</code> itself (40)",
            "2 more: ",
            "href=\"/problems/PRB-7\"",
            "&lt;i&gt;restart&lt;/i&gt;",
            "Not recorded yet.",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert!(!html.contains("change 6"), "{html}");
    }

    #[test]
    fn a_reported_incident_tells_of_what_it_is_and_how_a_change_is_linked_to_it() {
        let html = shown_of(None, "open", None);
        for part in [
            "No change is linked to it",
            "Of shop",
            "Began ",
            "cortex-change incident link INC-2025-000007 --change …",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        for html in [shown("open", None), shown_of(None, "closed", None)] {
            assert!(!html.contains("incident link"), "{html}");
        }
    }

    #[test]
    fn a_closed_incident_tells_its_root_cause_and_asks_for_nothing() {
        let cause = RootCause { cause: "a limit".to_owned(), remedy: "raised".to_owned() };
        let html = shown("closed", Some(cause));
        assert!(html.contains("It is over") && html.contains("raised") && !html.contains("Next: "), "{html}");
    }
}
