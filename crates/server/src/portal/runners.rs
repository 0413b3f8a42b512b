//! `/runners`: the runners that were seen in the last day, what they are fit for and what they work on.

use std::collections::BTreeSet;

use api::runner::Runner;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::actor::ActorKind;
use maud::{Markup, html};
use policy::{Action, Resource};

use super::frame::{Frame, SignedLog, document};
use super::icon::Icon;
use super::mark::{self, Told};
use super::visitor::Viewer;
use super::{format, problem, respond, trouble};
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::presence;
use crate::view as told;

const TITLE: &str = "Runners";

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    runners: Vec<Runner>,
}

/// The list.
pub(super) async fn show(State(app): State<SharedApp>, Viewer { caller, visitor }: Viewer) -> Response {
    let read = async {
        ask::about(&app, &caller, Action::Read, &Resource::System)?;
        let frame = Frame { log: SignedLog::read(&app).await?, ..visitor.frame() };
        presence::keep_up(&app).await?;
        let runners = told::runners(&app.known(), &BTreeSet::new(), visitor.now).items;
        Ok(respond::page(StatusCode::OK, view(&Model { frame, now: visitor.now, runners })))
    };
    read.await.unwrap_or_else(|failure: Failure| problem::page(&visitor, &failure))
}

impl Model {
    /// The page's answer in a sentence.
    fn answer(&self) -> String {
        let online = self.runners.iter().filter(|runner| runner.status == "online");
        let free: u64 = online.clone().map(free).sum();
        let online = u64::try_from(online.count()).unwrap_or(u64::MAX);
        match online {
            0 => "No runner is online: approved changes are started by pipelines and people only.".to_owned(),
            _ => format!(
                "{} online, {} free.",
                format::count(online, "runner is", "runners are"),
                format::count(free, "place is", "places are")
            ),
        }
    }
}

/// How many of its places are taken.
fn busy(runner: &Runner) -> u64 {
    let working_on = u64::try_from(runner.working_on.len()).unwrap_or(u64::MAX);
    working_on.saturating_sub(u64::from(runner.waiting))
}

/// How many changes more it would take on.
fn free(runner: &Runner) -> u64 {
    u64::from(runner.concurrency).saturating_sub(busy(runner))
}

fn view(model: &Model) -> Markup {
    let content = html! {
        div.page-head {
            h1 { (TITLE) }
            p { (model.answer()) }
        }
        section.card aria-labelledby="list" {
            h2.sr #list { "Runners seen in the last day" }
            @if model.runners.is_empty() {
                p.quiet { "None was seen in the last day. One is started with " code { "cortex-change runner --label LABEL" } "." }
            } @else {
                ul.incidents { @for runner in &model.runners { (row(runner, model.now)) } }
            }
        }
    };
    document(&model.frame, TITLE, &content)
}

fn row(runner: &Runner, now: Timestamp) -> Markup {
    let Runner {
        name,
        actor,
        host,
        version,
        labels,
        concurrency,
        working_on,
        waiting,
        status,
        last_seen_at,
        ..
    } = runner;
    let state = standing(status);
    html! {
        li {
            (state.bare_mark())
            div {
                p { (mark::actor(actor, Some(ActorKind::Service))) " on " (host) ", for " strong { (labels.join(", ")) } }
                p {
                    @if working_on.is_empty() { "Works on nothing" } @else { "Works on " }
                    @for (at, change) in working_on.iter().enumerate() {
                        @if at > 0 { ", " }
                        a href={ "/changes/" (change) } { (change) }
                    }
                    @if *waiting > 0 { " (" (waiting) " wait for a person)" }
                    ", " (busy(runner)) " of " (format::count(u64::from(*concurrency), "place", "places")) " taken"
                }
                p.quiet {
                    (state.words) ", last seen " (trouble::instant(last_seen_at, now)) ", release " (version) ", "
                    code { (name) }
                }
            }
        }
    }
}

/// How a runner stands.
fn standing(status: &str) -> Told {
    match status {
        "online" => Told::step(Icon::Run, "state state-good", "Online"),
        "draining" => Told::step(Icon::Await, "state state-wait", "Takes nothing on any more"),
        _ => Told::step(Icon::Lost, "state state-bad", "Offline"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fixture::{self, NOW};

    fn runner(status: &str, working_on: &[&str]) -> Runner {
        Runner {
            name: "host7-1-0a".to_owned(),
            actor: "runner <eu>".to_owned(),
            host: "host7".to_owned(),
            version: "0.1.0".to_owned(),
            labels: vec!["docker".to_owned(), "eu".to_owned()],
            concurrency: 2,
            working_on: working_on.iter().map(|change| (*change).to_owned()).collect(),
            waiting: 0,
            status: status.to_owned(),
            first_seen_at: "2025-12-30T17:00:00Z".to_owned(),
            last_seen_at: "2025-12-30T17:10:00Z".to_owned(),
        }
    }

    fn page(runners: Vec<Runner>) -> String {
        view(&Model { frame: fixture::frame("/runners"), now: NOW, runners }).into_string()
    }

    #[test]
    fn the_page_says_who_is_there_and_how_many_places_are_free() {
        let html = page(vec![runner("online", &["CHG-2026-000007"]), runner("offline", &[])]);
        for part in [
            "1 runner is online, 1 place is free.",
            "runner &lt;eu&gt;",
            "<strong>docker, eu</strong>",
            "<a href=\"/changes/CHG-2026-000007\">CHG-2026-000007</a>",
            "1 of 2 places taken",
            "Offline, last seen",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        let waiting = Runner { waiting: 1, ..runner("online", &["CHG-2026-000007"]) };
        let html = page(vec![waiting]);
        assert!(
            html.contains("2 places are free") && html.contains("(1 wait for a person), 0 of 2"),
            "{html}"
        );
        assert!(page(vec![runner("draining", &[])]).contains("No runner is online"));
        assert!(page(Vec::new()).contains("cortex-change runner --label LABEL"));
    }
}
