//! Conflicts and free times.

use api::slot::{Conflicts, Slots};

use super::{Lines, Table, cell, instant, span, words};
use crate::shell::{Paint, plain};

/// Free times, and what was passed over to find them.
pub(crate) fn slots(slots: &Slots, paint: Paint) -> String {
    let mut lines = Lines::default();
    if slots.slots.is_empty() {
        let (from, to) = (instant(&slots.from), instant(&slots.to));
        lines.line(paint.caution(format!("nothing is free from {from} to {to}")));
    } else {
        let mut table = Table::new(paint, &["FREE FROM", "TO", "FREE UNTIL"], 2);
        for slot in &slots.slots {
            let [start, end, free_until] = [&slot.start, &slot.end, &slot.free_until].map(|at| instant(at));
            table.row([paint.strong(start), end, free_until]);
        }
        lines.line(table.into_text());
    }
    if !slots.passed_over.is_empty() {
        lines.heading(paint, &format!("Not free for {}", span(slots.duration_seconds)));
    }
    for passed in &slots.passed_over {
        let (from, until) = (instant(&passed.from), instant(&passed.until));
        lines.line(format!("  {from} to {until}  {}", plain(&passed.reason)));
    }
    lines.into_text()
}

/// Other changes that get in the way, one a row.
pub(crate) fn conflicts(conflicts: &Conflicts, paint: Paint) -> String {
    let mut table = Table::new(paint, &["CHANGE", "STAGE", "FROM", "TO", "LEADS TO", "WHY"], 5);
    for conflict in &conflicts.items {
        let leads_to = words(&conflict.treatment);
        table.row([
            paint.strong(plain(&conflict.change_id)),
            words(&conflict.stage),
            instant(&conflict.start),
            instant(&conflict.end),
            if conflict.holds { paint.bad(format!("{leads_to}, holds it back")) } else { leads_to },
            cell(&conflict.reason),
        ]);
    }
    table.into_text()
}
