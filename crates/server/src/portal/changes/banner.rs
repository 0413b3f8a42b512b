//! What stands above the list because it concerns whoever looks: stops in force, and reviews that their side owes.

use domain::Timestamp;
use domain::id::ChangeId;
use domain::stop::Stop;
use maud::{Markup, html};

use crate::known::Known;
use crate::portal::format;
use crate::portal::icon::Icon;
use crate::view::scope_in_words;

/// Stops, or changes, that one banner tells of.
const SHOWN_MAX: usize = 5;

/// A stop in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stopped {
    pub(super) id: String,
    pub(super) what: String,
    pub(super) reason: String,
    pub(super) set_by: String,
    pub(super) set_at: Timestamp,
    pub(super) except_emergency: bool,
}

impl Stopped {
    pub(super) fn of(known: &Known, stop: &Stop) -> Self {
        Self {
            id: stop.id.to_string(),
            what: scope_in_words(known, &stop.scope),
            reason: stop.reason.to_string(),
            set_by: known.directory.name_of(&stop.set_by),
            set_at: stop.set_at,
            except_emergency: stop.except_emergency,
        }
    }
}

/// Says that the line is stopped, and where; nothing while no stop is in force.
pub(super) fn stops(stops: &[Stopped], now: Timestamp) -> Markup {
    let more = stops.len().saturating_sub(SHOWN_MAX);
    html! {
        @if !stops.is_empty() {
            section.stops role="alert" aria-labelledby="stops" {
                h2 #stops { (Icon::Warning.mark()) "The line is stopped" }
                ul.plain-list {
                    @for stop in stops.iter().take(SHOWN_MAX) {
                        li {
                            strong { (stop.id) " " (stop.what) }
                            @if stop.except_emergency { ", but for emergencies" }
                            ": " (stop.reason)
                            " " span.quiet { "Set by " (stop.set_by) ", " (format::age(stop.set_at, now)) " ago" }
                        }
                    }
                    @if more > 0 { li { "and " (more) " more" } }
                }
                p.quiet { "Lift one with " code { "cortex-change stop lift" } "." }
            }
        }
    }
}

/// Says that whoever looks may ask for no emergency change, and why; nothing while they may.
pub(super) fn debts(debts: &[ChangeId]) -> Markup {
    let more = debts.len().saturating_sub(SHOWN_MAX);
    html! {
        @if !debts.is_empty() {
            section.stops role="alert" aria-labelledby="debts" {
                h2 #debts { (Icon::Warning.mark()) "Your emergency lane is closed" }
                p {
                    "Not reviewed in time: "
                    @for (at, id) in debts.iter().take(SHOWN_MAX).enumerate() {
                        @if at > 0 { ", " }
                        a href={ "/changes/" (id) } { (id) }
                    }
                    @if more > 0 { " and " (more) " more" }
                    "."
                }
                p.quiet { "It opens when the e-CAB has reviewed them. Until then ask for a normal change." }
            }
        }
    }
}
