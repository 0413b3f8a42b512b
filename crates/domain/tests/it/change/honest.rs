//! What an honest runner reports next, and what a person who is asked answers.

use domain::change::{Change, Command, Deadline};
use domain::plan::{Action, Failure, Observation, Outcome, Run, Task, TaskState};

/// How the next attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    Good,
    Bad,
}

fn run(change: &Change) -> Option<&Run> {
    change.execution().map(|execution| &execution.run)
}

fn next_action(change: &Change) -> Option<Action> {
    let plan = change.content.plan.as_ref()?;
    Some(run(change)?.next_action(plan, change.content.rollback_plan.as_ref()))
}

/// The attempt that runs, if one does.
fn running(run: &Run) -> Option<(Task, u32)> {
    run.task_states().find_map(|(task, state)| match state {
        TaskState::Started { attempt } => Some((task, *attempt)),
        _ => None,
    })
}

/// What the runner sees next; nothing when it waits for somebody.
pub(super) fn observation(change: &Change, luck: Luck) -> Option<Observation> {
    if let Some((task, attempt)) = running(run(change)?) {
        let outcome = match luck {
            Luck::Good => Outcome::Succeeded,
            Luck::Bad => Outcome::Failed { failure: Failure::ExitStatus { status: 1 } },
        };
        return Some(Observation::Ended { task, attempt, outcome, duration_millis: 1_500, log: None });
    }
    match next_action(change)? {
        Action::Execute { task, attempt, .. } => Some(Observation::Started { task, attempt }),
        Action::ReportRollbackEnded => Some(Observation::RollbackEnded),
        _ => None,
    }
}

/// The runner's next report.
pub(super) fn report(change: &Change, luck: Luck) -> Option<Command> {
    let observation = Box::new(observation(change, luck)?);
    Some(Command::Observe { observation, fencing_token: change.execution()?.runner.fencing_token() })
}

/// The answer to the question that the run asks.
pub(super) fn answer(change: &Change, luck: Luck) -> Option<Command> {
    let question = run(change)?.question()?;
    let answers = question.kind.answers();
    let decision = match luck {
        Luck::Good => answers[0],
        Luck::Bad => answers[answers.len() - 1],
    };
    Some(Command::DecideStep { step: question.task.step, decision, comment: None })
}

/// The first deadline that will pass.
pub(super) fn next_deadline(change: &Change) -> Option<Deadline> {
    let running = Deadline::ALL.iter().filter(|deadline| change.due_at(**deadline).is_some());
    running.min_by_key(|deadline| change.due_at(**deadline)).copied()
}
