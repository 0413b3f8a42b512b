//! What the pages of incidents and of problems share: how their lists are asked for, rows, timelines, known errors.

use std::fmt::Display;
use std::str::FromStr;

use api::incident::{IncidentSummary, TimelineEntry};
use api::known_problem::KnownError;
use domain::Timestamp;
use domain::incident::IncidentState;
use domain::problem::ProblemState;
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::mark::Told;
use super::{format, icon::Icon};
use crate::failure::Failure;

/// Rows of one page.
pub(super) const ROWS_MAX: usize = 50;

/// The query of a list's address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    state: String,
    cursor: String,
}

impl Asked {
    /// Where those are in their life that are asked for; nothing for all of them.
    pub(super) fn state<T: FromStr<Err: Display>>(&self) -> Result<Option<T>, Failure> {
        read("state", &self.state)
    }

    /// Where the page begins.
    pub(super) fn cursor<T: FromStr<Err: Display>>(&self) -> Result<Option<T>, Failure> {
        read("cursor", &self.cursor)
    }

    /// Whether only some are asked for.
    pub(super) fn narrows(&self) -> bool {
        !self.state.is_empty()
    }

    fn address(&self, path: &str) -> String {
        let fields = [("state", &self.state), ("cursor", &self.cursor)];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(given).finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

fn read<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<Option<T>, Failure> {
    let given = (!text.is_empty()).then(|| text.parse());
    given.transpose().map_err(|error| api::FieldError::new(field, error).into())
}

/// Lists that are one click away: all, and one for each state.
pub(super) fn views(path: &str, states: &[&str], asked: &Asked) -> Markup {
    html! {
        nav.tabs aria-label="Views" {
            @for state in [""].iter().chain(states) {
                @let address = Asked { state: (*state).to_owned(), cursor: String::new() }.address(path);
                a href=(address) aria-current=[(asked.state == *state).then_some("true")] {
                    (if state.is_empty() { "All".to_owned() } else { format::words(state) })
                }
            }
        }
    }
}

/// What leads to the other pages of a list.
pub(super) fn pager(path: &str, asked: &Asked, rows: usize, next: Option<&str>) -> Markup {
    let at = |cursor: &str| Asked { cursor: cursor.to_owned(), ..asked.clone() }.address(path);
    html! {
        nav.pager aria-label="Pages" {
            span.quiet { (rows) " on this page" }
            @if !asked.cursor.is_empty() { a.btn href=(at("")) { "First page" } }
            @if let Some(next) = next { a.btn href=(at(next)) { "Next page" } }
        }
    }
}

/// What stands where a list has nothing to show.
pub(super) fn nothing(path: &str, asked: &Asked, none_yet: &str, hint: &Markup) -> Markup {
    html! {
        div.empty {
            (Icon::Check.mark())
            @if asked.narrows() {
                p.empty-head { "Nothing is " (format::words(&asked.state).to_lowercase()) }
                p { a.btn href=(path) { "Show all" } }
            } @else {
                p.empty-head { (none_yet) }
                p.quiet { (hint) }
            }
        }
    }
}

/// One incident in a list.
pub(super) fn incident(incident: &IncidentSummary, now: Timestamp) -> Markup {
    let IncidentSummary { incident_id, title, state, severity, opened_at, .. } = incident;
    html! {
        li {
            (incident_state(state).bare_mark())
            div {
                p { a href={ "/incidents/" (incident_id) } { (title) } }
                p.quiet {
                    code { (incident_id) } ", " (format::words(severity)) ", " (format::words(state).to_lowercase())
                    ", opened " (instant(opened_at, now))
                }
            }
        }
    }
}

/// Where an incident is in its life.
pub(super) fn incident_state(word: &str) -> Told {
    match word.parse() {
        Ok(IncidentState::Open) | Err(_) => Told::step(Icon::Warning, "state state-bad", "Open"),
        Ok(IncidentState::Investigating) => Told::step(Icon::Search, "state state-live", "Investigating"),
        Ok(IncidentState::Resolved) => Told::step(Icon::Check, "state state-good", "Resolved"),
        Ok(IncidentState::Closed) => Told::step(Icon::Done, "state", "Closed"),
    }
}

/// Where a problem is in its life.
pub(super) fn problem_state(word: &str) -> Told {
    match word.parse() {
        Ok(ProblemState::Open) | Err(_) => Told::step(Icon::Warning, "state state-bad", "Open"),
        Ok(ProblemState::Investigating) => Told::step(Icon::Search, "state state-live", "Investigating"),
        Ok(ProblemState::KnownError) => Told::step(Icon::Await, "state state-wait", "Known error"),
        Ok(ProblemState::Resolved) => Told::step(Icon::Check, "state state-good", "Resolved"),
        Ok(ProblemState::Closed) => Told::step(Icon::Done, "state", "Closed"),
    }
}

/// What happened, in order.
pub(super) fn timeline(entries: &[TimelineEntry], now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="timeline" {
            h2 #timeline { "Timeline" }
            ol.trail {
                @for entry in entries {
                    li {
                        p.when { (instant(&entry.timestamp, now)) }
                        div.what {
                            p.quiet { (entry.actor) }
                            p.prose { (format::marked(&entry.details)) }
                        }
                    }
                }
            }
        }
    }
}

/// A cause that is known, and how to live with it.
pub(super) fn known_error(known: &KnownError) -> Markup {
    html! {
        dl.pairs {
            dt { "Cause" } dd.prose { (known.cause) }
            dt { "Workaround" } dd.prose { (known.workaround) }
        }
    }
}

/// An instant of the wire, as pages write it.
pub(super) fn instant(at: &str, now: Timestamp) -> Markup {
    match at.parse() {
        Ok(at) => format::instant(at, &format::short(at, now)),
        Err(_) => html! { (at) },
    }
}

/// The identifier that an address names, or that there is nothing of that name.
pub(super) fn named<T: FromStr>(what: &'static str, name: &str) -> Result<T, Failure> {
    const SHOWN_CHARS_MAX: usize = 80;
    let shown = name.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect();
    name.parse().map_err(|_| Failure::NotFound { what, name: shown })
}
