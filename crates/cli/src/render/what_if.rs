//! What would be if facts of a change were different: before beside after, and what would lower the level.

use api::change::Risk;
use api::risk::{Lower, Suggestion, WhatIf};

use super::risk::waterfall;
use super::{Lines, Table, cell, level, words};
use crate::shell::{Paint, plain};

/// Before, after, and what would lower the level.
pub(crate) fn what_if(answer: &WhatIf, paint: Paint) -> String {
    let mut lines = Lines::default();
    let WhatIf { change_id, before, after, facts, lower, .. } = answer;
    lines.line(format!("{}  {}", paint.strong(plain(change_id)), in_a_line(&before.risk, paint)));
    for note in &answer.notes {
        lines.line(format!("  {} {}", paint.dim("note:"), plain(note)));
    }
    if let Some(after) = after {
        lines.heading(paint, &format!("Supposed: {}", in_a_line(&after.risk, paint)));
        for fact in facts {
            let alone = match (fact.alters, facts.len()) {
                (false, _) => paint.dim("alters nothing in the assessment"),
                (true, 1) => String::new(),
                (true, _) => paint.dim(format!("alone: {} of 100, {}", fact.score, plain(&fact.level))),
            };
            lines.line(format!("  {}  {alone}", plain(&fact.sentence)));
        }
        differences(&mut lines, answer, paint);
        for (title, risk) in [("Before", &before.risk), ("After", &after.risk)] {
            lines.heading(paint, &format!("{title}, before it is limited to 0 to 100: {:.1}", risk.raw));
            waterfall(&mut lines, &risk.explanation, risk.raw, paint);
        }
    }
    let risk = after.as_ref().map_or(&before.risk, |after| &after.risk);
    self::lower(&mut lines, change_id, lower, risk, paint);
    lines.into_text()
}

fn in_a_line(risk: &Risk, paint: Paint) -> String {
    let percent = risk.probability.percent;
    format!("risk {} of 100, {}, {percent:.1} % to fail", risk.score, level(paint, &risk.level))
}

fn differences(lines: &mut Lines, answer: &WhatIf, paint: Paint) {
    if answer.differences.is_empty() {
        lines.heading(paint, "Nothing is different");
        return;
    }
    let mut table = Table::new(paint, &["", "BEFORE", "AFTER"], 2);
    for one in &answer.differences {
        table.row([cell(&one.what), words(&one.before), words(&one.after)]);
    }
    lines.heading(paint, "What is different");
    table.into_text().lines().for_each(|line| lines.line(format!("  {line}")));
}

fn lower(lines: &mut Lines, id: &str, lower: &Lower, risk: &Risk, paint: Paint) {
    if lower.suggestions.is_empty() && lower.assessed == 0 {
        lines.heading(paint, "Nothing to lower: the level is low and no person has to approve");
        return;
    }
    let heading = match (lower.suggestions.is_empty(), lower.complete) {
        (false, _) => format!("What would lower it, the least effort first ({} assessed)", lower.assessed),
        (true, true) => {
            format!("Nothing that the requester can alter lowers it ({} assessed)", lower.assessed)
        }
        (true, false) => {
            format!("None of the {} altered requests that were assessed lowers it", lower.assessed)
        }
    };
    lines.heading(paint, &heading);
    for suggestion in &lower.suggestions {
        lines.line(format!("  {}  {}", then(suggestion, risk, paint), plain(&suggestion.facts.join("; "))));
        if let Some(options) = &suggestion.options {
            let command = format!("cortex-change risk what-if {} {}", plain(id), plain(options));
            lines.line(format!("    {}", paint.dim(command)));
        }
    }
    lines.heading(paint, "What holds it");
    lower.held_by.iter().for_each(|reason| lines.line(format!("  {}", plain(reason))));
}

/// `low (12), nobody has to approve; 3 changes`
fn then(suggestion: &Suggestion, risk: &Risk, paint: Paint) -> String {
    let people = if suggestion.needs_people { "" } else { ", nobody has to approve" };
    let same = if suggestion.level == risk.level { "still " } else { "" };
    let changes =
        if suggestion.changes > 1 { format!(", {} changes", suggestion.changes) } else { String::new() };
    format!("{same}{} ({}){people}{changes}:", level(paint, &suggestion.level), suggestion.score)
}
