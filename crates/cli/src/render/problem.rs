//! Problems: one in full, or a list of them.

use api::known_problem::{KnownProblem, ProblemSummary};

use super::{Lines, Table, cell, instant, words};
use crate::shell::{Paint, plain};

/// A problem in full.
pub(crate) fn in_full(problem: &KnownProblem, paint: Paint) -> String {
    let (mut lines, summary) = (Lines::default(), &problem.summary);
    lines.line(format!("{}  {}", paint.strong(plain(&summary.problem_id)), cell(&summary.title)));
    lines.line(words(&summary.state));
    lines.field(paint, "incidents", Some(&problem.incidents.join(", ")));
    lines.field(paint, "changes", Some(problem.changes.join(", ")).as_deref().filter(|all| !all.is_empty()));
    lines.field(paint, "opened", Some(&instant(&summary.opened_at)));
    lines.heading(paint, "Known error");
    match &problem.known_error {
        Some(known) => {
            lines.field(paint, "cause", Some(&known.cause));
            lines.field(paint, "workaround", Some(&known.workaround));
        }
        None => lines.line(
            "  not known yet: `cortex-change problem known-error ID --cause TEXT --workaround TEXT` records it",
        ),
    }
    lines.field(paint, "remedy", problem.remedy.as_deref());
    lines.heading(paint, "Timeline");
    for entry in &problem.timeline {
        let when = paint.dim(instant(&entry.timestamp));
        lines.line(format!("  {when}  {}: {}", plain(&entry.actor), cell(&entry.details)));
    }
    lines.into_text()
}

/// A list of problems.
pub(crate) fn list(problems: &[ProblemSummary], paint: Paint) -> String {
    const TITLE: usize = 4;
    let mut table = Table::new(paint, &["PROBLEM", "STATE", "INCIDENTS", "OPENED", "TITLE"], TITLE);
    for problem in problems {
        table.row([
            cell(&problem.problem_id),
            words(&problem.state),
            problem.incident_count.to_string(),
            instant(&problem.opened_at),
            cell(&problem.title),
        ]);
    }
    table.into_text()
}
