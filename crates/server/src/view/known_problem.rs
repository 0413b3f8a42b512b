//! Problems.

use api::Page;
use api::incident::ProblemBehind;
use api::known_problem as wire;
use domain::problem::{Problem, ProblemState};

use super::{time, with_names};
use crate::known::Known;

/// The problems in one state, or all of them, the newest first.
pub(crate) fn known_problems(known: &Known, state: Option<ProblemState>) -> Page<wire::KnownProblem> {
    let wanted = |problem: &&Problem| state.is_none_or(|state| problem.state == state);
    let all = known.problems.newest_first().filter(wanted);
    Page { items: all.map(|problem| known_problem(known, problem)).collect(), next_cursor: None }
}

/// One problem in full.
pub(crate) fn known_problem(known: &Known, problem: &Problem) -> wire::KnownProblem {
    let entries = problem.timeline.iter().map(|entry| super::incident::timeline_entry(known, entry));
    wire::KnownProblem {
        problem_id: problem.id.to_string(),
        title: problem.title.to_string(),
        state: problem.state.to_string(),
        incidents: problem.incidents.iter().map(ToString::to_string).collect(),
        changes: problem.changes.iter().map(ToString::to_string).collect(),
        known_error: problem.known_error.as_ref().map(|(cause, workaround)| wire::KnownError {
            cause: with_names(known, cause.as_str()),
            workaround: with_names(known, workaround.as_str()),
        }),
        remedy: problem.remedy.as_ref().map(|remedy| with_names(known, remedy.as_str())),
        opened_at: time(problem.opened_at),
        updated_at: time(problem.updated_at),
        timeline: entries.collect(),
    }
}

/// A problem as its incidents tell of it.
pub(super) fn behind(problem: &Problem) -> ProblemBehind {
    ProblemBehind {
        problem_id: problem.id.to_string(),
        title: problem.title.to_string(),
        state: problem.state.to_string(),
        known_error: problem.known_error.as_ref().map(|(cause, workaround)| wire::KnownError {
            cause: cause.to_string(),
            workaround: workaround.to_string(),
        }),
    }
}
