//! What a runner does next, derived from the state alone, so that a runner that takes over goes on correctly.

use std::fmt;

use super::definition::{Plan, RollbackPlan, StepKind};
use super::run::{Course, Run, Snapshot};
use super::script::Script;
use super::task::{Part, Remedy, Task, TaskState};
use super::unwind::{Restoration, Tracked, Unwinding};
use super::view::{Question, QuestionKind};
use crate::rollback::RollbackSpeed;

/// Something for the runner to do. It reports what came of it as an observation and asks again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Save everything that the steps declare; report `SnapshotTaken` or `SnapshotFailed`.
    TakeSnapshot,
    /// Wait, report `Started`, execute, report `Ended`. For a manual task report `Started` alone: it puts the question.
    Execute {
        /// The task.
        task: Task,
        /// The attempt to report.
        attempt: u32,
        /// Pause before it starts, in milliseconds.
        delay_millis: u64,
        /// Longest time it may take, in seconds; then it is stopped and `TimedOut`.
        timeout_seconds: u64,
    },
    /// Ask the step's check whether the attempt has taken effect; report `UnknownChecked`.
    CheckUnknown {
        /// The task.
        task: Task,
        /// The attempt.
        attempt: u32,
        /// Longest time for an answer, in seconds; without one the check cannot tell.
        timeout_seconds: u64,
    },
    /// A person must answer. For a manual task the runner may report `Ended` with `TimedOut` when nobody does.
    AskPerson {
        /// The question.
        question: Question,
    },
    /// Stop the running attempt with its whole process group; report how it `Ended`.
    Kill {
        /// The task.
        task: Task,
        /// The attempt.
        attempt: u32,
    },
    /// Put back and compare everything that was saved; report `SnapshotRestored`.
    RestoreSnapshot,
    /// Nothing may be begun now: the running attempt must end, or somebody must resume.
    Await,
    /// Every step is done: finish the implementation.
    Finish,
    /// The rollback has nothing left to do: report `RollbackEnded`, then look at the phase.
    ReportRollbackEnded,
    /// The run is over.
    Stop,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakeSnapshot => f.write_str("take the snapshot"),
            Self::Execute { task, attempt, .. } => write!(f, "execute {task}, attempt {attempt}"),
            Self::CheckUnknown { task, attempt, .. } => write!(f, "check {task}, attempt {attempt}"),
            Self::AskPerson { question } => write!(f, "wait for a person: {question}"),
            Self::Kill { task, attempt } => write!(f, "stop {task}, attempt {attempt}"),
            Self::RestoreSnapshot => f.write_str("restore the snapshot"),
            Self::Await => f.write_str("wait"),
            Self::Finish => f.write_str("finish"),
            Self::ReportRollbackEnded => f.write_str("report the end of the rollback"),
            Self::Stop => f.write_str("stop"),
        }
    }
}

impl Run {
    /// What to do next. Asking again without a new observation gives the same answer.
    pub fn next_action(&self, plan: &Plan, rollback_plan: Option<&RollbackPlan>) -> Action {
        self.next(Script { plan, rollback_plan })
    }

    pub(super) fn next(&self, script: Script<'_>) -> Action {
        match &self.course {
            Course::Forward => self.next_forward(script),
            Course::Paused => match self.next_forward(script) {
                Action::TakeSnapshot | Action::Execute { .. } => Action::Await,
                other @ (Action::CheckUnknown { .. }
                | Action::AskPerson { .. }
                | Action::Kill { .. }
                | Action::RestoreSnapshot
                | Action::Await
                | Action::Finish
                | Action::ReportRollbackEnded
                | Action::Stop) => other,
            },
            Course::RollingBack(unwinding) => self.next_backward(script, unwinding),
            Course::Finished => Action::Finish,
            Course::RolledBack(_) | Course::RollbackFailed(_) => Action::Stop,
        }
    }

    /// The snapshot, then the first step that is not done.
    fn next_forward(&self, script: Script<'_>) -> Action {
        if self.snapshot == Snapshot::Due {
            return Action::TakeSnapshot;
        }
        let mut steps = self.steps.iter().filter(|tracked| !self.is_left_behind(&tracked.step));
        let next = steps.find_map(|tracked| action_for(script, Part::Step, tracked));
        next.unwrap_or(Action::Finish)
    }

    /// The running attempt's end, then the undos, then the rollback plan up to its first failure, then the snapshot. What
    /// is to be isolated is isolated as soon as the traffic is led back.
    fn next_backward(&self, script: Script<'_>, unwinding: &Unwinding) -> Action {
        if let Some((task, attempt)) = self.running() {
            // Nothing is gained by the end of a step that only waits or looks.
            let has_effect = script.kind(&task).is_none_or(StepKind::has_effect);
            let is_immediate = unwinding.speed == RollbackSpeed::Immediate;
            let is_stopped_step = task.part == Part::Step && (is_immediate || !has_effect);
            let is_stopped = is_stopped_step || unwinding.is_overdue;
            return if is_stopped { Action::Kill { task, attempt } } else { Action::Await };
        }
        if unwinding.is_overdue {
            return Action::ReportRollbackEnded;
        }
        let has_failed = |tracked: &&Tracked| matches!(tracked.state, TaskState::Failed { .. });
        // A failed undo does not keep the others from restoring what they can, and neither does a failed quarantine.
        let (leading_back, other_undos) = unwinding.undos_by_traffic(script);
        let mut leading_back = leading_back.iter().filter(|tracked| !has_failed(tracked));
        let mut quarantine = unwinding.quarantine.iter().filter(|tracked| !has_failed(tracked));
        let mut undos = other_undos.iter().filter(|tracked| !has_failed(tracked));
        // The rollback plan's steps build on each other.
        let mut steps = unwinding.steps.iter().take_while(|tracked| !has_failed(tracked));
        leading_back
            .find_map(|tracked| action_for(script, Part::Undo, tracked))
            .or_else(|| quarantine.find_map(|tracked| action_for(script, Part::Quarantine, tracked)))
            .or_else(|| undos.find_map(|tracked| action_for(script, Part::Undo, tracked)))
            .or_else(|| steps.find_map(|tracked| action_for(script, Part::RollbackStep, tracked)))
            .or_else(|| (unwinding.restoration == Restoration::Due).then_some(Action::RestoreSnapshot))
            .unwrap_or(Action::ReportRollbackEnded)
    }

    /// The attempt that is recorded as started and not as ended: at most one.
    pub(super) fn running(&self) -> Option<(Task, u32)> {
        self.tasks().find_map(|(part, tracked)| match tracked.state {
            TaskState::Started { attempt } => Some((tracked.task(part), attempt)),
            TaskState::Pending
            | TaskState::Asked { .. }
            | TaskState::Succeeded { .. }
            | TaskState::Retrying { .. }
            | TaskState::Failed { .. }
            | TaskState::Unknown { .. }
            | TaskState::Cleared { .. } => None,
        })
    }
}

/// What brings a task forward; nothing when it is done.
fn action_for(script: Script<'_>, part: Part, tracked: &Tracked) -> Option<Action> {
    let task = tracked.task(part);
    let step = script.step(&task)?;
    let timeout_seconds = step.timeout_seconds;
    let execute = |task, attempt: u32, delay_millis| {
        Some(Action::Execute { task, attempt: attempt.saturating_add(1), delay_millis, timeout_seconds })
    };
    let ask = |task, attempt, kind| Some(Action::AskPerson { question: Question { task, attempt, kind } });
    match tracked.state {
        TaskState::Pending => execute(task, 0, 0),
        TaskState::Started { .. } => Some(Action::Await),
        TaskState::Asked { attempt } => ask(task, attempt, QuestionKind::Manual),
        TaskState::Succeeded { .. } => None,
        TaskState::Retrying { attempt, .. } => execute(task, attempt, step.retry_delay_millis),
        TaskState::Failed { attempt, .. } => ask(task, attempt, QuestionKind::Failed),
        TaskState::Unknown { attempt, remedy: Remedy::Repeat } | TaskState::Cleared { attempt } => {
            execute(task, attempt, 0)
        }
        TaskState::Unknown { attempt, remedy: Remedy::Check } => {
            Some(Action::CheckUnknown { task, attempt, timeout_seconds })
        }
        TaskState::Unknown { attempt, remedy: Remedy::AskPerson } => {
            ask(task, attempt, QuestionKind::Unknown)
        }
    }
}
