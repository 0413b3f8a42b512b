//! What the change waits for: what is missing, who can clear it, by when.

use api::change::{self as wire, Blocker};
use domain::Timestamp;
use maud::{Markup, html};

use crate::portal::format;
use crate::portal::icon::Icon;

/// What the change waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    blockers: Vec<Blocker>,
    /// What a running plan asks a person.
    question: Option<String>,
    /// Why no runner takes it on.
    awaits_runner: Option<String>,
    retrospective: Option<wire::Retrospective>,
}

impl Missing {
    pub(super) fn of(told: &wire::Change) -> Self {
        let question = told.implementation.as_ref().and_then(|run| run.waiting_for.clone());
        let open = |retrospective: &&wire::Retrospective| retrospective.state != "done";
        let retrospective = told.retrospective.as_ref().filter(open).cloned();
        let awaits_runner = told.awaits_runner.clone();
        Self { blockers: told.blockers.clone(), question, awaits_runner, retrospective }
    }
}

/// The card; nothing where nothing is missing.
pub(super) fn card(missing: &Missing, now: Timestamp) -> Markup {
    let Missing { blockers, question, awaits_runner, retrospective } = missing;
    if blockers.is_empty() && question.is_none() && awaits_runner.is_none() && retrospective.is_none() {
        return html! {};
    }
    html! {
        section.card.missing aria-labelledby="missing" {
            h2 #missing { "What is missing" }
            ul {
                @for Blocker { missing, cleared_by, deadline, next_command, .. } in blockers {
                    li {
                        (Icon::Await.mark())
                        div {
                            b { (format::marked(&format::sentence(missing))) }
                            p { "Cleared by " (cleared_by) "." }
                            @if let Some(command) = next_command { p { code { (command) } } }
                            @if let Some(deadline) = deadline { (until(deadline, now)) }
                        }
                    }
                }
                @if let Some(question) = question {
                    li {
                        (Icon::Await.mark())
                        div {
                            b { (format::marked(&format::sentence(question))) }
                            p {
                                "Cleared by the requester's side, a technical lead, an e-CAB member or a change "
                                "manager, with " code { "cortex-change decide" } "."
                            }
                        }
                    }
                }
                @if let Some(awaits) = awaits_runner {
                    li {
                        (Icon::Lost.mark())
                        div {
                            b { (format::marked(&format::sentence(awaits))) }
                            p {
                                "Cleared by starting one, see " a href="/runners" { "runners" } "; or whoever may starts "
                                "the change with " code { "cortex-change implement" } "."
                            }
                        }
                    }
                }
                @if let Some(retrospective) = retrospective {
                    li {
                        (Icon::Await.mark())
                        div {
                            b { "The retrospective review of this emergency change is " (retrospective.state) "." }
                            p { "Cleared by an e-CAB member, with a review." }
                            (until(&retrospective.at, now))
                        }
                    }
                }
            }
        }
    }
}

/// The deadline of something, as it stands on the wire.
fn until(deadline: &str, now: Timestamp) -> Markup {
    html! {
        @match deadline.parse::<Timestamp>() {
            Ok(at) => p.due { (format::due(at, now)) ", " (format::date_time(at)) },
            Err(_) => p.due { (deadline) },
        }
    }
}
