//! What waits for approval, what an approver must have seen, and authority that is lent.

use api::approval::{ApprovalSheet, Delegation, Say, WaitingApproval};
use serde_json::Value;

use super::{Lines, Table, cell, change, instant, level, words};
use crate::shell::{Paint, plain};

/// Changes that wait, one a row.
pub(crate) fn list(waiting: &[WaitingApproval], paint: Paint) -> String {
    let headings = ["CHANGE", "UNTIL", "RISK", "STAGE", "WAITS FOR", "YOU MAY", "TITLE"];
    let mut table = Table::new(paint, &headings, 6);
    for one in waiting {
        let risk = one.risk.as_ref().map(|risk| format!("{:>3} {}", risk.score, level(paint, &risk.level)));
        let gates = one.outstanding.iter().map(|gate| format!("{} × {}", gate.count, words(&gate.role)));
        let mut awaited: Vec<_> = gates.collect();
        awaited.extend(one.escalated_to.iter().map(|role| format!("or {}", words(role))));
        let yours: Vec<_> = one.yours.iter().map(say).collect();
        table.row([
            paint.strong(plain(&one.change_id)),
            instant(&one.deadline),
            risk.unwrap_or_else(|| "-".to_owned()),
            format!("{} of {}", one.stage.number, one.stage.of),
            awaited.join(", "),
            if yours.is_empty() { "-".to_owned() } else { yours.join(", ") },
            cell(&one.title),
        ]);
    }
    table.into_text()
}

fn say(say: &Say) -> String {
    match &say.in_place_of {
        Some(other) => format!("{} for {}", words(&say.role), plain(other)),
        None => words(&say.role),
    }
}

/// Everything that an approver must have seen: what runs as it is approved, the requester's words fenced, what is missing.
pub(crate) fn sheet(sheet: &ApprovalSheet, paint: Paint) -> String {
    let mut lines = Lines::default();
    change::before_approval(&mut lines, &sheet.change, paint);
    lines.heading(paint, "What will run, exactly as it is approved");
    for line in pretty(&sheet.canonical).lines() {
        lines.line(format!("  {}", plain(line)));
    }
    lines.heading(paint, "Digest");
    lines.field(paint, "digest", Some(&sheet.digest));
    lines.field(paint, "is over", Some("the text above in canonical form; it was computed here and agrees"));
    change::missing(&mut lines, &sheet.change, paint);
    decisions(&mut lines, sheet, paint);
    lines.into_text()
}

/// The canonical text with one value a line, its members in their order.
fn pretty(canonical: &str) -> String {
    let value = serde_json::from_str::<Value>(canonical);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| canonical.to_owned())
}

fn decisions(lines: &mut Lines, sheet: &ApprovalSheet, paint: Paint) {
    let id = plain(&sheet.change.change_id);
    if !sheet.yours.is_empty() {
        lines.heading(paint, "What you may do");
    }
    for one in &sheet.yours {
        let place = one.in_place_of.as_deref().map(|other| format!(" --for {}", plain(other)));
        let how = format!("--as {}{}", plain(&one.role), place.unwrap_or_default());
        lines.line(format!("  cortex-change approve {id} {how} --digest {}", plain(&sheet.digest)));
        lines.line(format!("  cortex-change reject {id} {how} --reason TEXT"));
    }
    if let Some(role) = &sheet.overridden_by {
        lines.field(paint, "overridden by", Some(&format!("{}, with a reason", words(role))));
    }
}

/// Delegations, one a row.
pub(crate) fn delegations(delegations: &[Delegation], paint: Paint) -> String {
    let headings = ["DELEGATION", "BY", "TO", "ROLES", "FROM", "UNTIL", "ONLY", "STATE", "REASON"];
    let mut table = Table::new(paint, &headings, 8);
    for one in delegations {
        let roles: Vec<_> = one.roles.iter().map(|role| words(role)).collect();
        let only: Vec<_> =
            one.services.iter().chain(&one.levels).map(|name| plain(name).into_owned()).collect();
        let away = if one.away { ", away" } else { "" };
        table.row([
            paint.strong(plain(&one.delegation_id)),
            cell(&one.by),
            cell(&one.to),
            roles.join(", "),
            instant(&one.from),
            instant(&one.until),
            if only.is_empty() { "everything".to_owned() } else { only.join(", ") },
            format!("{}{away}", words(&one.state)),
            cell(&one.reason),
        ]);
    }
    table.into_text()
}
