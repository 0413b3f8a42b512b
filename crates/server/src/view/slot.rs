//! What gets in the way of a change, and when nothing does.

use api::slot as wire;
use domain::Timestamp;
use domain::calendar::{Conflict, Found, ObstacleKind, PassedOver, Slot, Treatment, Wanted};
use domain::change::Change;
use domain::id::ChangeId;

use super::time;
use crate::gates;
use crate::known::Known;

/// A conflict of `change` with another one.
pub(crate) fn conflict(known: &Known, change: ChangeId, conflict: &Conflict) -> wire::Conflict {
    let Conflict { other, stage, kind, treatment, item, other_item, host, start, end, .. } = conflict;
    wire::Conflict {
        change_id: other.to_string(),
        title: known.bookings.get(*other).map(|booking| booking.title.to_string()),
        stage: stage.to_string(),
        kind: kind.to_string(),
        treatment: treatment.to_string(),
        holds: conflict.holds(change),
        item: item.to_string(),
        other_item: other_item.to_string(),
        host: host.as_ref().map(ToString::to_string),
        start: time(*start),
        end: time(*end),
        reason: conflict_in_words(conflict),
    }
}

/// A conflict in a sentence, with its time and what it leads to.
pub(super) fn conflict_in_words(conflict: &Conflict) -> String {
    let (start, end) = (time(conflict.start), time(conflict.end));
    let leads_to = match conflict.treatment {
        Treatment::Ignore => "which holds neither back",
        Treatment::Wait => "and one waits while the other is under way",
        Treatment::Deny => "and the younger one makes way",
    };
    format!("{}, from {start} to {end}, {leads_to}", conflict.sentence())
}

/// What gets in the way of a change in its window, or from `now` on.
pub(crate) fn conflicts(known: &Known, change: &Change, now: Timestamp) -> wire::Conflicts {
    let span = gates::span(change, now);
    let found = gates::conflicts(known, change, now);
    wire::Conflicts {
        change_id: change.id.to_string(),
        from: time(span.start),
        to: time(span.end),
        items: found.iter().map(|one| conflict(known, change.id, one)).collect(),
    }
}

/// Free times.
pub(crate) fn slots(wanted: &Wanted, found: &Found) -> wire::Slots {
    let slots = found.slots.iter().map(|Slot { start, free_until }| wire::Slot {
        start: time(*start),
        end: time(start.saturating_add(wanted.length).unwrap_or(Timestamp::MAX)),
        free_until: time(*free_until),
    });
    wire::Slots {
        from: time(wanted.from),
        to: time(wanted.until),
        duration_seconds: wanted.length.unsigned_abs().as_secs(),
        slots: slots.collect(),
        passed_over: found.passed_over.iter().map(passed_over).collect(),
    }
}

fn passed_over(PassedOver { from, obstacle }: &PassedOver) -> wire::PassedOver {
    let until = time(obstacle.span.end);
    let (kind, names, reason) = match &obstacle.what {
        ObstacleKind::Freeze(name) => ("freeze", vec![name.to_string()], format!("the freeze {name} is on")),
        ObstacleKind::Closed(windows) => {
            let names: Vec<_> = windows.iter().map(ToString::to_string).collect();
            let reason = format!("none of its maintenance windows is open: {}", names.join(", "));
            ("maintenance", names, reason)
        }
        ObstacleKind::Conflict(conflict) => {
            ("conflict", vec![conflict.other.to_string()], conflict_in_words(conflict))
        }
    };
    wire::PassedOver { from: time(*from), until, kind: kind.to_owned(), names, reason }
}
