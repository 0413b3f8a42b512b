//! Problems: one in full, or a list of them.

use api::known_problem::KnownProblem;

use super::{Lines, Table, cell, instant, words};
use crate::shell::{Paint, plain};

/// A problem in full.
pub(crate) fn in_full(problem: &KnownProblem, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.line(format!("{}  {}", paint.strong(plain(&problem.problem_id)), cell(&problem.title)));
    lines.line(words(&problem.state));
    lines.field(paint, "incidents", Some(&problem.incidents.join(", ")));
    lines.field(paint, "changes", Some(problem.changes.join(", ")).as_deref().filter(|all| !all.is_empty()));
    lines.field(paint, "opened", Some(&instant(&problem.opened_at)));
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
pub(crate) fn list(problems: &[KnownProblem], paint: Paint) -> String {
    const TITLE: usize = 4;
    let mut table = Table::new(paint, &["PROBLEM", "STATE", "INCIDENTS", "OPENED", "TITLE"], TITLE);
    for problem in problems {
        table.row([
            cell(&problem.problem_id),
            words(&problem.state),
            problem.incidents.len().to_string(),
            instant(&problem.opened_at),
            cell(&problem.title),
        ]);
    }
    table.into_text()
}
