//! The calendar: its entries, and what takes place between two instants.

use api::calendar as wire;
use domain::Timestamp;
use domain::calendar::{Booking, Entry, OCCURRENCES_MAX, Occurrence, Planned};
use domain::id::EntryName;

use super::{conflict, texts, time};
use crate::known::Known;

/// Most changes that are shown at once, the first ones.
const SCHEDULED_MAX: usize = 500;
/// Most items of a change that are named.
const ITEMS_TOLD_MAX: usize = 10;
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

/// What takes place from `from` until `to`, as seen at `now`.
pub(crate) fn calendar_schedule(
    known: &Known,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> wire::Schedule {
    let mut occurrences = Vec::new();
    let mut is_cut = false;
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
    let (changes, has_more) = scheduled(known, (from, to), now);
    wire::Schedule {
        from: time(from),
        to: time(to),
        occurrences: told.collect(),
        overrides: overrides.collect(),
        changes,
        truncated: is_cut || has_more,
    }
}

/// The changes that take some of the time, by their beginning, and whether there are more.
fn scheduled(
    known: &Known,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> (Vec<wire::ScheduledChange>, bool) {
    let booked = known.bookings.iter().filter_map(|booking| {
        // What was planned is shown where it was, also when its time is over.
        let planned = booking.window.map(|window| Occurrence { start: window.start, end: window.end });
        let span = booking.span(now).or(planned)?;
        (span.end > from && span.start < to).then_some((span, booking))
    });
    let mut booked: Vec<_> = booked.collect();
    booked.sort_by_key(|(span, booking)| (*span, booking.change));
    let has_more = booked.len() > SCHEDULED_MAX;
    booked.truncate(SCHEDULED_MAX);
    let told = booked.into_iter().map(|(span, booking)| scheduled_change(known, booking, span, now));
    (told.collect(), has_more)
}

fn scheduled_change(
    known: &Known,
    booking: &Booking,
    span: Occurrence,
    now: Timestamp,
) -> wire::ScheduledChange {
    let environment = booking.environment.as_ref();
    let planned = Planned { change: Some(booking.change), items: &booking.items, environment, span };
    let conflicts = known.bookings.conflicts(&known.cmdb, &planned, now);
    wire::ScheduledChange {
        change_id: booking.change.to_string(),
        title: booking.title.to_string(),
        change_type: booking.change_type.to_string(),
        stage: booking.stage.to_string(),
        score: booking.risk.map(|(score, _)| score.get()),
        level: booking.risk.map(|(_, level)| level.to_string()),
        items: texts(booking.items.iter().take(ITEMS_TOLD_MAX)),
        environment: environment.map(ToString::to_string),
        start: time(span.start),
        end: time(span.end),
        conflicts: conflicts.iter().map(|one| conflict(known, booking.change, one)).collect(),
    }
}

/// Whole minutes, as people write them.
pub(super) fn duration(minutes: u32) -> String {
    if minutes.is_multiple_of(DAY_MINUTES) {
        return format!("{}d", minutes / DAY_MINUTES);
    }
    if minutes.is_multiple_of(60) { format!("{}h", minutes / 60) } else { format!("{minutes}m") }
}
