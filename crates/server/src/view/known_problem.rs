//! Problems.

use api::Page;
use api::incident::ProblemBehind;
use api::known_problem as wire;
use domain::problem::{Problem, ProblemId, ProblemState};
use domain::text::FreeText;

use super::{time, with_names};
use crate::known::Known;

/// A page of the problems in one state, or of all of them, the newest first, after the one given.
pub(crate) fn known_problems(
    known: &Known,
    state: Option<ProblemState>,
    after: Option<ProblemId>,
    limit: usize,
) -> Page<wire::ProblemSummary> {
    let wanted = |problem: &&Problem| state.is_none_or(|state| problem.state == state);
    let mut found: Vec<&Problem> =
        known.problems.newest_first(after).filter(wanted).take(limit + 1).collect();
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next = found.last().filter(|_| !is_last).map(|last| last.id.to_string());
    Page { items: found.into_iter().map(problem_summary).collect(), next_cursor: next }
}

fn problem_summary(problem: &Problem) -> wire::ProblemSummary {
    wire::ProblemSummary {
        problem_id: problem.id.to_string(),
        title: problem.title.to_string(),
        state: problem.state.to_string(),
        incident_count: problem.incidents.len() as u64,
        opened_at: time(problem.opened_at),
        updated_at: time(problem.updated_at),
    }
}

/// One problem in full.
pub(crate) fn known_problem(known: &Known, problem: &Problem) -> wire::KnownProblem {
    let entries = problem.timeline.iter().map(|entry| super::incident::timeline_entry(known, entry));
    wire::KnownProblem {
        summary: problem_summary(problem),
        incidents: problem.incidents.iter().map(ToString::to_string).collect(),
        changes: problem.changes.iter().map(ToString::to_string).collect(),
        known_error: known_error(known, problem),
        remedy: problem.remedy.as_ref().map(|remedy| with_names(known, remedy.as_str())),
        timeline: entries.collect(),
    }
}

/// A problem as its incidents tell of it.
pub(super) fn behind(known: &Known, problem: &Problem) -> ProblemBehind {
    ProblemBehind {
        problem_id: problem.id.to_string(),
        title: problem.title.to_string(),
        state: problem.state.to_string(),
        known_error: known_error(known, problem),
    }
}

fn known_error(known: &Known, problem: &Problem) -> Option<wire::KnownError> {
    let told = |text: &FreeText| with_names(known, text.as_str());
    let (cause, workaround) = problem.known_error.as_ref()?;
    Some(wire::KnownError { cause: told(cause), workaround: told(workaround) })
}

#[cfg(test)]
mod tests {
    use domain::problem::{ProblemCommand, Problems};

    use super::*;
    use crate::view::fixture::{self, at, lead, text};

    #[test]
    fn incident_and_problem_tell_of_the_known_error_in_the_same_words_with_names() {
        let mut problems = Problems::default();
        let id = problems.next_id();
        let opened = problems.open("INC-2025-000007".parse().unwrap(), text("slow"), text("again")).unwrap();
        problems.evolve(1, at(1), &lead(), &opened);
        let (cause, workaround) = (text("act_lead turned it off"), text("ask act_lead"));
        let known_error = ProblemCommand::RecordKnownError { cause, workaround };
        let recorded = problems.decide(id, known_error).unwrap().unwrap();
        problems.evolve(2, at(2), &lead(), &recorded);

        let (known, problem) = (fixture::known(), problems.get(id).unwrap());
        let expected = wire::KnownError {
            cause: "tech-lead@cortex.ai turned it off".to_owned(),
            workaround: "ask tech-lead@cortex.ai".to_owned(),
        };
        assert_eq!(known_problem(&known, problem).known_error, Some(expected.clone()));
        assert_eq!(behind(&known, problem).known_error, Some(expected));
    }
}
