//! The calendar: its entries, and what takes place between two instants.

use api::calendar as wire;
use domain::Timestamp;
use domain::calendar::{Entry, OCCURRENCES_MAX};
use domain::change::Change;
use domain::id::EntryName;

use super::{texts, time};
use crate::known::Known;

const DAY_MINUTES: u32 = 24 * 60;

/// An entry.
pub(crate) fn calendar_entry(name: &EntryName, entry: &Entry) -> wire::CalendarEntry {
    let Entry { kind, title, schedule, scope } = entry;
    wire::CalendarEntry {
        name: name.to_string(),
        kind: kind.to_string(),
        title: title.to_string(),
        starts: schedule.starts.to_string(),
        zone: schedule.zone.to_string(),
        duration: duration(schedule.minutes),
        rule: schedule.rule.as_ref().map(ToString::to_string),
        until: schedule.until.map(time),
        services: texts(&scope.services),
        tiers: scope.tiers.iter().map(|tier| tier.number()).collect(),
        environments: texts(&scope.environments),
    }
}

/// What takes place from `from` until `to`, beside the changes that have a window then.
pub(crate) fn calendar_schedule(
    known: &Known,
    (from, to): (Timestamp, Timestamp),
    changes: &[Change],
    truncated: bool,
) -> wire::Schedule {
    let mut occurrences = Vec::new();
    let mut is_cut = truncated;
    for (name, entry) in known.calendar.entries() {
        let found = entry.schedule.occurrences(from, to, OCCURRENCES_MAX);
        is_cut |= found.len() >= OCCURRENCES_MAX;
        occurrences.extend(found.into_iter().map(|one| (one, name, entry)));
    }
    occurrences.sort_by_key(|(one, name, _)| (*one, (*name).clone()));
    is_cut |= occurrences.len() > OCCURRENCES_MAX;
    occurrences.truncate(OCCURRENCES_MAX);
    let told = occurrences.into_iter().map(|(one, name, entry)| wire::CalendarOccurrence {
        name: name.to_string(),
        kind: entry.kind.to_string(),
        title: entry.title.to_string(),
        start: time(one.start),
        end: time(one.end),
    });
    let overrides = known.calendar.overrides(from).map(|exception| wire::FreezeOverride {
        freeze: exception.freeze.to_string(),
        change_id: exception.change.to_string(),
        reason: exception.reason.to_string(),
        by: known.directory.name_of(&exception.by),
        until: time(exception.until),
    });
    let planned = changes.iter().filter_map(|change| {
        let window = change.content.window.filter(|window| window.end > from && window.start < to)?;
        Some((window, change))
    });
    let mut planned: Vec<_> = planned.collect();
    planned.sort_by_key(|(window, change)| (window.start, change.id));
    let planned = planned.into_iter().map(|(window, change)| wire::ScheduledChange {
        change_id: change.id.to_string(),
        title: change.content.title.to_string(),
        state: change.state_name().to_string(),
        start: time(window.start),
        end: time(window.end),
    });
    wire::Schedule {
        from: time(from),
        to: time(to),
        occurrences: told.collect(),
        overrides: overrides.collect(),
        changes: planned.collect(),
        truncated: is_cut,
    }
}

fn duration(minutes: u32) -> String {
    if minutes.is_multiple_of(DAY_MINUTES) {
        return format!("{}d", minutes / DAY_MINUTES);
    }
    if minutes.is_multiple_of(60) { format!("{}h", minutes / 60) } else { format!("{minutes}m") }
}
