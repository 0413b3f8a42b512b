//! The audit trail, newest first: every entry with its place in the log and whether the newest checkpoint covers it.

use api::audit::TrailEntry;
use domain::Timestamp;
use domain::change::ChangeEvent;
use maud::{Markup, html};

use super::Kinds;
use crate::known::Known;
use crate::portal::frame::SignedLog;
use crate::portal::icon::Icon;
use crate::portal::{format, mark};
use crate::record::Recorded;
use crate::view;

/// Entries shown at once.
const ENTRIES_SHOWN_MAX: usize = 100;

/// A part of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timeline {
    /// The shown entries, newest first.
    entries: Vec<Entry>,
    kinds: Kinds,
    /// Entries of the whole trail.
    total: usize,
    /// Entries of the whole trail that the newest checkpoint covers.
    covered: usize,
    log: Option<SignedLog>,
    /// From which version on older entries follow.
    older: Option<u64>,
    /// Whether newer entries were left out.
    is_part: bool,
}

/// One entry.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    at: Timestamp,
    told: TrailEntry,
    is_covered: bool,
}

impl Timeline {
    pub(super) fn of(
        known: &Known,
        trail: &[Recorded<ChangeEvent>],
        before: Option<u64>,
        log: Option<SignedLog>,
    ) -> Self {
        let is_covered = |recorded: &Recorded<ChangeEvent>| log.is_some_and(|log| recorded.index < log.size);
        let shown =
            trail.iter().rev().filter(|recorded| before.is_none_or(|before| recorded.version < before));
        let entries: Vec<_> = shown
            .take(ENTRIES_SHOWN_MAX)
            .map(|recorded| Entry {
                at: recorded.envelope.at,
                told: view::trail_entry(known, recorded),
                is_covered: is_covered(recorded),
            })
            .collect();
        let oldest = entries.last().map(|entry| entry.told.version);
        Self {
            kinds: Kinds::of(known, entries.iter().map(|entry| &entry.told.actor)),
            entries,
            total: trail.len(),
            covered: trail.iter().filter(|recorded| is_covered(recorded)).count(),
            log,
            older: oldest.filter(|version| *version > 1),
            is_part: before.is_some(),
        }
    }

    /// Whether the newest checkpoint covers the trail, in a sentence.
    fn proof(&self) -> String {
        let Some(log) = self.log else {
            return "No checkpoint has been signed yet.".to_owned();
        };
        let (size, at) = (format::count(log.size, "entry", "entries"), format::date_time(log.at));
        match self.total.saturating_sub(self.covered) {
            0 => format!("Covered by the checkpoint over {size}, signed {at}."),
            1 => format!("1 entry is newer than the checkpoint over {size}, signed {at}."),
            newer => format!("{newer} entries are newer than the checkpoint over {size}, signed {at}."),
        }
    }
}

pub(super) fn card(timeline: &Timeline, id: &str, now: Timestamp) -> Markup {
    let is_whole = timeline.covered == timeline.total && timeline.log.is_some();
    html! {
        section.card #trail aria-labelledby="trail-head" {
            div.card-head {
                h2 #trail-head { "Audit trail" }
                p class=(if is_whole { "proof good" } else { "proof quiet" }) {
                    (if is_whole { Icon::Shield.mark() } else { Icon::Await.mark() })
                    (timeline.proof())
                }
            }
            ol.trail reversed[true] {
                @for entry in &timeline.entries { (row(entry, &timeline.kinds, now)) }
            }
            div.pager {
                span.quiet {
                    "Newest first. " (timeline.entries.len()) " of "
                    (format::count(timeline.total as u64, "entry", "entries")) "."
                }
                @if timeline.is_part { a.btn href={ "/changes/" (id) "#trail" } { "Newest" } }
                @if let Some(version) = timeline.older {
                    a.btn href={ "/changes/" (id) "?before=" (version) "#trail" } { "Older" }
                }
            }
        }
    }
}

fn row(entry: &Entry, kinds: &Kinds, now: Timestamp) -> Markup {
    let Entry { at, told, is_covered } = entry;
    html! {
        li {
            p.when { (format::instant(*at, &format!("{}:{}", format::short(*at, now), at.strftime("%S")))) }
            div.what {
                p {
                    b { (format::words(&told.action)) } " "
                    (mark::actor(&told.actor, kinds.get(&told.actor)))
                    @if let Some(other) = &told.on_behalf_of { span.quiet { " for " (other) } }
                }
                p.prose { (format::marked(&told.details)) }
                @if !told.policies.is_empty() {
                    p.quiet { "Decided by " (told.policies.join(", ")) }
                }
            }
            p.entry {
                "Entry " (format::grouped(told.log_index))
                @if *is_covered { span.good title="Covered by the newest checkpoint" { (Icon::Shield.mark()) span.sr { ", covered by the newest checkpoint" } } }
                @else { span.quiet title="Newer than the newest checkpoint" { (Icon::Blank.mark()) span.sr { ", newer than the newest checkpoint" } } }
            }
        }
    }
}
