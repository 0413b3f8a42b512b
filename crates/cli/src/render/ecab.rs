//! The emergency change advisory board.

use api::ecab::{Debt, OnCall, OnCallAt, Roster};

use super::{Lines, Table, cell, instant};
use crate::shell::{Paint, plain};

/// Who is on call, the roster, and what is to be reviewed.
pub(crate) fn roster(roster: &Roster, paint: Paint) -> String {
    let mut lines = Lines::default();
    on_call_lines(&mut lines, "On call now", &roster.on_call, roster.covered, paint);
    lines.heading(paint, "Roster");
    for rotation in &roster.rotations {
        let members = rotation.members.join(", ");
        lines.field(paint, &rotation.name, Some(&members));
        let next = rotation.next_handover.as_deref().map(|at| format!(", next at {}", instant(at)));
        let rule = format!("handed over by {} {}{}", rotation.rule, rotation.zone, next.unwrap_or_default());
        lines.field(paint, "", Some(&rule));
    }
    for shift in &roster.shifts {
        let instead = shift.instead_of.as_deref().map(|name| format!(" instead of {name}"));
        let (from, to) = (instant(&shift.from), instant(&shift.to));
        let text =
            format!("{} from {from} to {to}{}: {}", shift.actor, instead.unwrap_or_default(), shift.reason);
        lines.field(paint, &shift.shift_id, Some(&text));
    }
    if roster.rotations.is_empty() && roster.shifts.is_empty() {
        lines.line("  nobody is named; `cortex-change ecab roster set` names them");
    }
    let members = if roster.members.is_empty() { "nobody".to_owned() } else { roster.members.join(", ") };
    lines.field(paint, "Members", Some(&members));
    if !roster.debt.is_empty() {
        lines.heading(paint, "To be reviewed");
        lines.line(debt(&roster.debt, paint));
    }
    lines.into_text()
}

/// Who is on call at an instant.
pub(crate) fn on_call(told: &OnCallAt, paint: Paint) -> String {
    let mut lines = Lines::default();
    on_call_lines(
        &mut lines,
        &format!("On call at {}", instant(&told.at)),
        &told.on_call,
        told.covered,
        paint,
    );
    lines.into_text()
}

fn on_call_lines(lines: &mut Lines, heading: &str, on_call: &[OnCall], covered: bool, paint: Paint) {
    lines.heading(paint, heading);
    for one in on_call {
        let by = match (&one.rotation, &one.shift_id) {
            (Some(rotation), None) => format!(", {}", plain(rotation)),
            (Some(rotation), Some(shift)) => format!(", {} by {}", plain(rotation), plain(shift)),
            (None, Some(shift)) => format!(", by {}", plain(shift)),
            (None, None) => String::new(),
        };
        let until =
            one.until.as_deref().map(|until| format!(" until {}", instant(until))).unwrap_or_default();
        let cannot = if one.authorises { "" } else { ": cannot authorise, is inactive or not of the e-CAB" };
        lines.line(format!("  {}{by}{until}{}", paint.strong(plain(&one.actor)), paint.bad(cannot)));
    }
    if !covered {
        lines.line("  nobody who can authorise: every member of the e-CAB counts as on call");
    }
}

/// Emergency changes that are to be reviewed, one a row.
pub(crate) fn debt(debts: &[Debt], paint: Paint) -> String {
    let mut table = Table::new(paint, &["CHANGE", "REVIEW BY", "STATE", "REQUESTER"], 3);
    for debt in debts {
        let state = if debt.overdue { paint.bad("overdue: no further emergency") } else { "due".to_owned() };
        table.row([
            paint.strong(plain(&debt.change_id)),
            instant(&debt.due),
            state,
            cell(&debt.requesters.join(", ")),
        ]);
    }
    table.into_text()
}
