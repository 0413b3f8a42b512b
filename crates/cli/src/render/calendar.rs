//! The calendar.

use api::calendar::{CalendarEntry, Schedule};

use super::{Lines, Table, cell, instant, words};
use crate::shell::{Paint, plain};

/// Entries, one a row.
pub(crate) fn entries(entries: &[CalendarEntry], paint: Paint) -> String {
    let mut table = Table::new(paint, &["NAME", "KIND", "FROM", "FOR", "RECURS", "COVERS", "TITLE"], 6);
    for entry in entries {
        let recurs = entry.rule.as_deref().map_or_else(|| "once".to_owned(), |rule| plain(rule).into_owned());
        let until = entry.until.as_deref().map(|until| format!(" until {}", instant(until)));
        table.row([
            paint.strong(plain(&entry.name)),
            words(&entry.kind),
            format!("{} {}", plain(&entry.starts), plain(&entry.zone)),
            cell(&entry.duration),
            recurs + &until.unwrap_or_default(),
            covers(entry),
            cell(&entry.title),
        ]);
    }
    table.into_text()
}

fn covers(entry: &CalendarEntry) -> String {
    let tiers = entry.tiers.iter().map(|tier| format!("Tier {tier}"));
    let names = entry.services.iter().chain(&entry.environments).map(|name| plain(name).into_owned());
    let all: Vec<_> = names.chain(tiers).collect();
    if all.is_empty() { "everything".to_owned() } else { all.join(", ") }
}

/// What takes place between two instants.
pub(crate) fn schedule(schedule: &Schedule, paint: Paint) -> String {
    let mut rows: Vec<(&str, [String; 6])> = Vec::new();
    for one in &schedule.occurrences {
        let kind = if one.kind == "freeze" { paint.bad("freeze") } else { words(&one.kind) };
        let times = [instant(&one.start), instant(&one.end)];
        rows.push((&one.start, row(times, kind, &one.name, "", &one.title)));
    }
    for change in &schedule.changes {
        let times = [instant(&change.start), instant(&change.end)];
        let level = change.level.as_deref().unwrap_or_default();
        rows.push((&change.start, row(times, words(&change.stage), &change.change_id, level, &change.title)));
    }
    rows.sort_by_key(|(start, _)| *start);
    let mut table = Table::new(paint, &["FROM", "TO", "WHAT", "NAME", "RISK", "TITLE"], 5);
    rows.into_iter().for_each(|(_, cells)| table.row(cells));
    let mut lines = Lines::default();
    lines.line(table.into_text());
    for change in &schedule.changes {
        for conflict in &change.conflicts {
            let (id, reason) = (plain(&change.change_id), plain(&conflict.reason));
            let word =
                if conflict.treatment == "ignore" { words("meets") } else { paint.caution("conflict") };
            lines.line(format!("{word}: {id} and {reason}"));
        }
    }
    for exception in &schedule.overrides {
        let (change, freeze, by) =
            (plain(&exception.change_id), plain(&exception.freeze), plain(&exception.by));
        let (until, reason) = (instant(&exception.until), plain(&exception.reason));
        lines.line(format!("{change} is excepted from {freeze} until {until} by {by}: {reason}"));
    }
    lines.into_text()
}

fn row([from, to]: [String; 2], what: String, name: &str, level: &str, title: &str) -> [String; 6] {
    [from, to, what, cell(name), cell(level), cell(title)]
}
