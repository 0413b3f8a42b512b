//! The calendar as other programs subscribe to it: iCalendar, RFC 5545.
//!
//! Every time is an instant in UTC, and what recurs is written out, one event for each time it takes place. So there is
//! no zone that a program could read differently, and an hour of the wall clock stays right when the clocks change.

use domain::Timestamp;
use domain::calendar::{Booking, EntryKind, EntryScope, Kept, OCCURRENCES_MAX, Occurrence, Stage};
use domain::id::EntryName;
use jiff::SignedDuration;

use crate::known::Known;

/// How far back and ahead the feed reaches.
const BACK_HOURS: i64 = 30 * 24;
const AHEAD_HOURS: i64 = 180 * 24;
/// Most events of a feed, the first ones.
const EVENTS_MAX: usize = 5_000;
/// Longest line, in bytes without its end; what is longer is folded.
const LINE_BYTES_MAX: usize = 75;
/// Most items of a change that its description names.
const ITEMS_TOLD_MAX: usize = 20;
/// Largest sequence number that every program reads.
const SEQUENCE_MAX: u64 = i32::MAX as u64;

/// Where the feed comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// Name of the log: with it an event's identifier is like no other one.
    pub log_name: &'a str,
    /// Address of the portal, for links.
    pub public_url: Option<&'a str>,
}

/// One event of the feed.
struct Event {
    uid: String,
    /// Grows with everything that happens to it.
    sequence: u64,
    changed_at: Timestamp,
    span: Occurrence,
    summary: String,
    description: String,
    category: &'static str,
    status: &'static str,
    url: Option<String>,
}

/// The feed as of `now`.
pub(crate) fn feed(known: &Known, origin: Origin<'_>, now: Timestamp) -> String {
    let far = |hours| SignedDuration::from_hours(hours);
    let from = now.saturating_sub(far(BACK_HOURS)).unwrap_or(Timestamp::MIN);
    let to = now.saturating_add(far(AHEAD_HOURS)).unwrap_or(Timestamp::MAX);
    let entries = known.calendar.kept().flat_map(|(name, kept)| {
        let times = kept.entry.schedule.occurrences(from, to, OCCURRENCES_MAX);
        times.into_iter().map(move |span| taking_place(name, kept, span, origin))
    });
    let changes = known.bookings.iter().filter_map(|booking| planned(booking, origin));
    let mut events: Vec<_> = entries.chain(changes).collect();
    events.retain(|event| event.span.end > from && event.span.start < to);
    events.sort_by(|one, other| (one.span, &one.uid).cmp(&(other.span, &other.uid)));
    events.truncate(EVENTS_MAX);
    write(&events)
}

fn taking_place(name: &EntryName, kept: &Kept, span: Occurrence, origin: Origin<'_>) -> Event {
    let (word, rule, category) = match kept.entry.kind {
        EntryKind::Freeze => ("Freeze", "Nothing that it covers is started in it but emergencies.", "FREEZE"),
        EntryKind::Maintenance => {
            ("Maintenance", "What it is defined for is started in such windows only.", "MAINTENANCE")
        }
    };
    Event {
        uid: format!("{name}-{}@{}", basic(span.start), origin.log_name),
        sequence: kept.version,
        changed_at: kept.at,
        span,
        summary: format!("{word} {name}: {}", kept.entry.title),
        description: format!("{rule}\n{}", covered(&kept.entry.scope)),
        category,
        status: "CONFIRMED",
        url: None,
    }
}

fn covered(scope: &EntryScope) -> String {
    let tiers = scope.tiers.iter().map(ToString::to_string);
    let names = scope.services.iter().map(ToString::to_string);
    let names = names.chain(scope.environments.iter().map(ToString::to_string)).chain(tiers);
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        "It covers everything.".to_owned()
    } else {
        format!("It covers {}.", names.join(", "))
    }
}

/// A change with a window; one without has no time that a calendar could show.
fn planned(booking: &Booking, origin: Origin<'_>) -> Option<Event> {
    let window = booking.window?;
    let id = booking.change;
    let level = booking.risk.map(|(_, level)| format!(", {level} risk")).unwrap_or_default();
    let items: Vec<_> = booking.items.iter().take(ITEMS_TOLD_MAX).map(ToString::to_string).collect();
    let more = booking.items.len().saturating_sub(ITEMS_TOLD_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let place = booking.environment.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
    let status = match booking.stage {
        Stage::Proposed => "TENTATIVE",
        Stage::Approved | Stage::Running => "CONFIRMED",
    };
    Some(Event {
        uid: format!("{id}@{}", origin.log_name),
        sequence: booking.version,
        changed_at: booking.updated_at,
        span: Occurrence { start: window.start, end: window.end },
        summary: format!("{id}: {}", booking.title),
        description: format!(
            "{} change, {}{level}.\nChanges {}{more}{place}.",
            booking.change_type,
            booking.stage,
            items.join(", ")
        ),
        category: "CHANGE",
        status,
        url: origin.public_url.map(|url| format!("{}/changes/{id}", url.trim_end_matches('/'))),
    })
}

fn write(events: &[Event]) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", "-//Cortex Change//Forward schedule of change//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
        ("X-WR-CALNAME", "Forward schedule of change"),
        ("REFRESH-INTERVAL;VALUE=DURATION", "PT15M"),
        ("X-PUBLISHED-TTL", "PT15M"),
    ] {
        line(&mut text, name, value);
    }
    for event in events {
        write_event(&mut text, event);
    }
    line(&mut text, "END", "VCALENDAR");
    text
}

fn write_event(text: &mut String, event: &Event) {
    line(text, "BEGIN", "VEVENT");
    line(text, "UID", &escaped(&event.uid));
    line(text, "SEQUENCE", &event.sequence.min(SEQUENCE_MAX).to_string());
    line(text, "DTSTAMP", &basic(event.changed_at));
    line(text, "LAST-MODIFIED", &basic(event.changed_at));
    line(text, "DTSTART", &basic(event.span.start));
    line(text, "DTEND", &basic(event.span.end));
    line(text, "SUMMARY", &escaped(&event.summary));
    line(text, "DESCRIPTION", &escaped(&event.description));
    line(text, "CATEGORIES", event.category);
    line(text, "STATUS", event.status);
    // It says when something is changed, not that whoever subscribes has no time.
    line(text, "TRANSP", "TRANSPARENT");
    if let Some(url) = &event.url {
        line(text, "URL", url);
    }
    line(text, "END", "VEVENT");
}

/// An instant to the second, in UTC.
fn basic(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text as a value. What cannot stand in one is left out.
fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => value.extend(['\\', c]),
            '\n' => value.push_str("\\n"),
            c if c.is_control() => {}
            c => value.push(c),
        }
    }
    value
}

/// Writes a content line, folded where it is too long, never within a character.
fn line(text: &mut String, name: &str, value: &str) {
    let mut bytes = 0;
    for c in name.chars().chain([':']).chain(value.chars()) {
        if bytes + c.len_utf8() > LINE_BYTES_MAX {
            text.push_str("\r\n ");
            bytes = 1;
        }
        text.push(c);
        bytes += c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_control_characters_left_out() {
        assert_eq!(escaped("a,b;c\\d\ne\r\u{7}f"), "a\\,b\\;c\\\\d\\nef");
    }

    #[test]
    fn folded_lines_are_short_and_unfold_to_what_they_were() {
        for letter in ["x", "é", "変", "🦀", "aé変🦀"] {
            for count in 0..160 {
                let (mut text, value) = (String::new(), letter.repeat(count));
                line(&mut text, "SUMMARY", &value);
                let whole = text.strip_suffix("\r\n").unwrap();
                assert!(whole.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX), "{whole}");
                assert_eq!(whole.replace("\r\n ", ""), format!("SUMMARY:{value}"));
            }
        }
    }
}
