//! The newest rehearsal of a change.

use api::rehearsal::{RehearsalView, RehearsedTask};

use super::{Lines, cell, instant};
use crate::shell::{Paint, plain};

/// What came of it, for those who decide.
pub(crate) fn section(lines: &mut Lines, rehearsal: &RehearsalView, paint: Paint) {
    lines.heading(paint, "Rehearsal");
    let sign = match (rehearsal.is_current, rehearsal.passed) {
        (false, _) => paint.caution(paint.sign("●", "*")),
        (true, true) => paint.good(paint.sign("✓", "+")),
        (true, false) => paint.bad(paint.sign("✗", "x")),
    };
    for (at, line) in in_lines(rehearsal).into_iter().enumerate() {
        lines.line(if at == 0 { format!("  {sign} {line}") } else { format!("    {line}") });
    }
    lines.field(paint, "rehearsed", Some(&format!("{} by {}", instant(&rehearsal.at), plain(&rehearsal.by))));
    lines.field(paint, "digest", Some(&rehearsal.digest));
}

/// What came of it, line by line.
pub(crate) fn in_lines(rehearsal: &RehearsalView) -> Vec<String> {
    let RehearsalView { target, host, tasks, captures, differing, left_out, left_in_place, .. } = rehearsal;
    let failed: Vec<&RehearsedTask> = tasks.iter().filter(|task| !task.succeeded).collect();
    let ended = if rehearsal.passed {
        format!("{} steps and undos succeeded, {captures} saved things are as before", tasks.len())
    } else {
        format!("{} of {} steps and undos failed", failed.len(), tasks.len())
    };
    let took = format!("{}.{} s", rehearsal.duration_ms / 1_000, rehearsal.duration_ms % 1_000 / 100);
    let (target, host) = (cell(target), cell(host));
    let mut lines = vec![format!("rehearsed on {target} from {host} in {took}: {ended}")];
    if !rehearsal.is_current {
        lines.push("the change asks for something else since: this is evidence of nothing".to_owned());
    }
    lines.extend(failed.iter().map(|task| {
        let why = task.failure.as_deref().map(|why| format!(" {}", cell(why)));
        format!("{}{}", cell(&task.task), why.unwrap_or_default())
    }));
    let named = [
        ("not as before, what was saved by", differing),
        ("left out", left_out),
        ("nothing takes back", left_in_place),
    ];
    let named = named.into_iter().filter(|(_, names)| !names.is_empty());
    lines.extend(named.map(|(what, names)| format!("{what}: {}", cell(&names.join(", ")))));
    lines
}
