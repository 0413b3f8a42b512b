//! Views of a run for people, pages and other parts of the product, computed on demand.

use std::collections::BTreeMap;
use std::fmt;

use super::definition::{Plan, StepKind};
use super::observation::{Captured, Cause, MonitorAnswer, Observation};
use super::run::{Course, Run, Snapshot};
use super::strategy::Stage;
use super::task::{Decision, Part, Remedy, Task, TaskState};
use super::unwind::{Restoration, Tracked, Unwinding};
use crate::change::kind::words;
use crate::id::{ActorId, StepName};

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase<'a> {
    /// Working through the steps.
    Forward,
    /// Starts nothing until resumed.
    Paused,
    /// Cannot go on before a person has answered.
    Holding {
        /// The question.
        question: Question,
    },
    /// Taking everything back. It may still ask: see [`Run::question`].
    RollingBack {
        /// Why.
        cause: &'a Cause,
    },
    /// Every step is done.
    Finished,
    /// Everything is taken back.
    RolledBack,
    /// Not everything could be taken back.
    RollbackFailed {
        /// Why it was to be taken back.
        cause: &'a Cause,
    },
}

impl Phase<'_> {
    /// The phase in a word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Paused => "paused",
            Self::Holding { .. } => "holding",
            Self::RollingBack { .. } => "rolling_back",
            Self::Finished => "finished",
            Self::RolledBack => "rolled_back",
            Self::RollbackFailed { .. } => "rollback_failed",
        }
    }
}

/// What a person must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The task in question.
    pub task: Task,
    /// The attempt in question.
    pub attempt: u32,
    /// What is asked.
    pub kind: QuestionKind,
}

words!(
    /// What a person is asked about a task.
    QuestionKind, "question", {
        /// Carry it out and confirm it: `done` or `give_up`.
        Manual = "manual",
        /// Nobody saw it end. Has it taken effect: `done`, `redo` or `give_up`?
        Unknown = "unknown",
        /// It failed: `redo` or `give_up`?
        Failed = "failed",
    }
);

impl QuestionKind {
    /// The answers that are accepted.
    pub fn answers(self) -> &'static [Decision] {
        match self {
            Self::Manual => &[Decision::Done, Decision::GiveUp],
            Self::Unknown => &[Decision::Done, Decision::Redo, Decision::GiveUp],
            Self::Failed => &[Decision::Redo, Decision::GiveUp],
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, attempt, kind } = self;
        match kind {
            QuestionKind::Manual => write!(f, "carry out {task} and confirm it"),
            QuestionKind::Unknown => {
                write!(f, "nobody saw {task} end, attempt {attempt}: say whether it has taken effect")
            }
            QuestionKind::Failed => write!(f, "{task} failed, attempt {attempt}: redo it or give it up"),
        }
    }
}

words!(
    /// Where one step of the plan is, its undo included.
    StepStatus, "step status", {
        /// Never begun.
        Pending = "pending",
        /// Its end has not been seen.
        Started = "started",
        /// A person has been asked to carry it out.
        Asked = "asked",
        /// Done.
        Succeeded = "succeeded",
        /// Failed or cleared up, and about to be executed again.
        Retrying = "retrying",
        /// Failed.
        Failed = "failed",
        /// The runner was lost while it ran.
        Unknown = "unknown",
        /// To be undone, or being undone.
        Undoing = "undoing",
        /// Undone.
        Undone = "undone",
        /// Its undo failed.
        UndoFailed = "undo_failed",
        /// The runner was lost while its undo ran.
        UndoUnknown = "undo_unknown",
        /// Begun, and nothing takes it back.
        LeftInPlace = "left_in_place",
        /// Left out, because an earlier step of its target failed and that is tolerated.
        Skipped = "skipped",
    }
);

words!(
    /// Where a stage of a plan is.
    StageStatus, "stage status", {
        /// Not reached.
        Pending = "pending",
        /// Its steps are carried out.
        UnderWay = "under_way",
        /// Waits for a person.
        Holding = "holding",
        /// Is watched.
        Baking = "baking",
        /// Done and found well.
        Passed = "passed",
        /// Failed, could not be decided, or nobody saw its end.
        Stuck = "stuck",
        /// Taken back, or being taken back.
        TakenBack = "taken_back",
    }
);

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Tasks that are done on the present way, forward or back.
    pub done: usize,
    /// Tasks on the present way.
    pub total: usize,
    /// The task that is under way or next.
    pub current: Option<Task>,
    /// The phase in a word.
    pub phase: &'static str,
}

/// What a run has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// It has not ended.
    Unfinished,
    /// Every step is done.
    AllSucceeded,
    /// It was given up before any step was begun.
    NothingDone,
    /// Everything that can be taken back is taken back.
    Undone {
        /// Steps that were begun and that nothing takes back.
        left_in_place: Vec<StepName>,
    },
    /// Not everything could be taken back.
    PartlyUndone {
        /// Steps and rollback steps that failed to take effect backwards.
        not_undone: Vec<StepName>,
        /// Steps that were begun and that nothing takes back.
        left_in_place: Vec<StepName>,
    },
}

impl Run {
    /// Where the run is.
    pub fn phase(&self) -> Phase<'_> {
        match (&self.course, self.question()) {
            (Course::Forward | Course::Paused, Some(question)) => Phase::Holding { question },
            (Course::Forward, None) => Phase::Forward,
            (Course::Paused, None) => Phase::Paused,
            (Course::RollingBack(Unwinding { cause, .. }), _) => Phase::RollingBack { cause },
            (Course::Finished, _) => Phase::Finished,
            (Course::RolledBack(_), _) => Phase::RolledBack,
            (Course::RollbackFailed(Unwinding { cause, .. }), _) => Phase::RollbackFailed { cause },
        }
    }

    /// What a person must answer before the run can go on, on either way.
    pub fn question(&self) -> Option<Question> {
        if self.is_over() {
            return None;
        }
        self.way().find_map(|(part, tracked)| {
            let (attempt, kind) = match tracked.state {
                TaskState::Asked { attempt } => (attempt, QuestionKind::Manual),
                TaskState::Unknown { attempt, remedy: Remedy::AskPerson } => (attempt, QuestionKind::Unknown),
                TaskState::Failed { attempt, .. } if part == Part::Step => (attempt, QuestionKind::Failed),
                TaskState::Pending
                | TaskState::Started { .. }
                | TaskState::Succeeded { .. }
                | TaskState::Retrying { .. }
                | TaskState::Failed { .. }
                | TaskState::Unknown { remedy: Remedy::Repeat | Remedy::Check, .. }
                | TaskState::Cleared { .. } => return None,
            };
            Some(Question { task: tracked.task(part), attempt, kind })
        })
    }

    /// The observation that `by` answers the present question about `step` with `decision`; nothing when no such
    /// question is open or the answer does not fit it.
    pub fn answer(&self, step: &StepName, decision: Decision, by: &ActorId) -> Option<Observation> {
        let Question { task, attempt, kind } =
            self.question().filter(|question| question.task.step == *step)?;
        let fits = kind.answers().contains(&decision);
        fits.then(|| Observation::PersonDecided { task, attempt, decision, by: by.clone() })
    }

    /// Whether a step that fails for good is followed by a rollback without asking.
    pub fn auto_rollback(&self) -> bool {
        self.auto_rollback
    }

    /// Whether the run takes back what it did and has not come to the end of it.
    pub fn is_rolling_back(&self) -> bool {
        matches!(self.course, Course::RollingBack(_))
    }

    /// Why the run was turned round, if it was.
    pub fn cause(&self) -> Option<&Cause> {
        self.unwinding().map(|unwinding| &unwinding.cause)
    }

    /// Whether the rollback was stopped because it took too long.
    pub fn is_overdue(&self) -> bool {
        self.unwinding().is_some_and(|unwinding| unwinding.is_overdue)
    }

    /// Whether a step was begun.
    pub fn has_begun(&self) -> bool {
        self.steps.iter().any(|tracked| tracked.state.is_begun())
    }

    /// What the monitors said before the first step; nothing before they were asked.
    pub fn watched(&self) -> Option<&[MonitorAnswer]> {
        self.watched.as_deref()
    }

    /// What the snapshot found, in the plan's order; empty before it is taken.
    pub fn captures(&self) -> &[Captured] {
        match &self.snapshot {
            Snapshot::NotNeeded | Snapshot::Due => &[],
            Snapshot::Taken { captures } => captures,
        }
    }

    /// The state of a task, where the run has one of that name.
    pub fn state_of(&self, task: &Task) -> Option<&TaskState> {
        let is_it = |(part, tracked): &(Part, &Tracked)| *part == task.part && tracked.step == task.step;
        self.tasks().find(is_it).map(|(_, tracked)| &tracked.state)
    }

    /// Every task and its state: steps in order, then undos and rollback steps in the order in which they run.
    pub fn task_states(&self) -> impl Iterator<Item = (Task, &TaskState)> {
        self.tasks().map(|(part, tracked)| (tracked.task(part), &tracked.state))
    }

    /// Every step of the plan and where it is, in order.
    pub fn step_statuses(&self) -> impl Iterator<Item = (&StepName, StepStatus)> {
        self.steps.iter().map(|tracked| {
            let undo = self.unwinding().and_then(|u| u.undos.iter().find(|undo| undo.step == tracked.step));
            let status = match undo {
                Some(undo) => undo_status(&undo.state),
                None if self.left_in_place().contains(&tracked.step) => StepStatus::LeftInPlace,
                None if self.is_skipped(tracked) => StepStatus::Skipped,
                None => forward_status(&tracked.state),
            };
            (&tracked.step, status)
        })
    }

    /// Whether it is left out because an earlier step of its target failed.
    fn is_skipped(&self, tracked: &Tracked) -> bool {
        self.unwinding().is_none() && !tracked.state.is_begun() && self.is_left_behind(&tracked.step)
    }

    /// Every stage of the plan and where it is, in order.
    pub fn stage_statuses<'a>(&self, plan: &'a Plan) -> Vec<(&'a Stage, StageStatus)> {
        let statuses: BTreeMap<_, _> = self.step_statuses().collect();
        let status = |stage: &Stage| {
            // A target that failed and is tolerated is over.
            let status = |name| {
                let is_over = self.unwinding().is_none() && self.is_left_behind(name);
                let status = *statuses.get(name)?;
                Some(if is_over { StepStatus::Succeeded } else { status })
            };
            let of_steps = stage.steps.iter().filter_map(|name| Some((name, status(name)?)));
            let of_steps: Vec<_> = of_steps.collect();
            let any = |wanted: &[StepStatus]| of_steps.iter().any(|(_, status)| wanted.contains(status));
            let is_bake = |name: &StepName| {
                let mut steps = plan.steps.iter();
                steps.any(|step| step.name == *name && matches!(step.kind, StepKind::Bake(_)))
            };
            let bakes =
                |(name, status): &(&StepName, StepStatus)| *status == StepStatus::Started && is_bake(name);
            let is_back =
                self.unwinding().is_some() && !of_steps.iter().all(|(_, it)| *it == StepStatus::Pending);
            if is_back {
                StageStatus::TakenBack
            } else if any(&[StepStatus::Failed, StepStatus::Unknown]) {
                StageStatus::Stuck
            } else if any(&[StepStatus::Asked]) {
                StageStatus::Holding
            } else if of_steps.iter().any(bakes) {
                StageStatus::Baking
            } else if of_steps.iter().all(|(_, status)| *status == StepStatus::Succeeded) {
                StageStatus::Passed
            } else if of_steps.iter().all(|(_, status)| *status == StepStatus::Pending) {
                StageStatus::Pending
            } else {
                StageStatus::UnderWay
            }
        };
        plan.stages.iter().map(|stage| (stage, status(stage))).collect()
    }

    /// What became of a demanded quarantine, in a sentence; nothing where none was demanded.
    pub fn quarantine(&self) -> Option<&'static str> {
        let unwinding = self.unwinding().filter(|unwinding| unwinding.cause.demands_quarantine())?;
        let states = || unwinding.quarantine.iter().map(|tracked| &tracked.state);
        Some(if unwinding.quarantine.is_empty() {
            "a quarantine was demanded, and the rollback plan has no quarantine steps: nothing was isolated"
        } else if states().all(TaskState::is_done) {
            "the changed thing is isolated and kept for examination"
        } else if states().any(|state| matches!(state, TaskState::Failed { .. })) {
            "the changed thing could not be isolated"
        } else {
            "the changed thing is to be isolated"
        })
    }

    /// Steps that were begun, can have changed something, and that nothing takes back; known once a rollback begins.
    pub fn left_in_place(&self) -> &[StepName] {
        self.unwinding().map_or(&[], |unwinding| &unwinding.left_in_place)
    }

    /// Names of the steps, and of the rollback steps, that a rollback has not taken back or not done so far.
    pub fn not_undone(&self) -> Vec<StepName> {
        self.unwinding().map_or_else(Vec::new, |unwinding| unwinding.not_undone(self.captures()))
    }

    /// What the run has come to.
    pub fn outcome(&self) -> RunOutcome {
        match &self.course {
            Course::Forward | Course::Paused | Course::RollingBack(_) => RunOutcome::Unfinished,
            Course::Finished => RunOutcome::AllSucceeded,
            Course::RolledBack(_) if !self.has_begun() => RunOutcome::NothingDone,
            Course::RolledBack(unwinding) => {
                RunOutcome::Undone { left_in_place: unwinding.left_in_place.clone() }
            }
            Course::RollbackFailed(unwinding) => RunOutcome::PartlyUndone {
                not_undone: self.not_undone(),
                left_in_place: unwinding.left_in_place.clone(),
            },
        }
    }

    /// How far the run has come on its present way.
    pub fn progress(&self) -> Progress {
        let way: Vec<_> = self.way().collect();
        let (done, total) = match self.unwinding().map(|unwinding| &unwinding.restoration) {
            None | Some(Restoration::NotNeeded) => (0, 0),
            Some(Restoration::Due) => (0, 1),
            Some(Restoration::Done { .. }) => (1, 1),
        };
        let is_over = |state: &TaskState| state.is_done() || matches!(state, TaskState::Failed { .. });
        let is_current = |(part, tracked): &&(Part, &Tracked)| {
            if *part == Part::Step { !tracked.state.is_done() } else { !is_over(&tracked.state) }
        };
        Progress {
            done: done + way.iter().filter(|(_, tracked)| tracked.state.is_done()).count(),
            total: total + way.len(),
            current: way.iter().find(is_current).map(|(part, tracked)| tracked.task(*part)),
            phase: self.phase().as_str(),
        }
    }

    pub(super) fn is_forward(&self) -> bool {
        matches!(self.course, Course::Forward | Course::Paused)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.course, Course::Finished | Course::RolledBack(_) | Course::RollbackFailed(_))
    }

    pub(super) fn unwinding(&self) -> Option<&Unwinding> {
        match &self.course {
            Course::Forward | Course::Paused | Course::Finished => None,
            Course::RollingBack(unwinding)
            | Course::RolledBack(unwinding)
            | Course::RollbackFailed(unwinding) => Some(unwinding),
        }
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = (Part, &Tracked)> {
        let steps = self.steps.iter().map(|tracked| (Part::Step, tracked));
        steps.chain(self.unwinding().into_iter().flat_map(Unwinding::tasks))
    }

    /// The tasks of the run's present way, forward or back. Forward, targets that failed are left behind.
    fn way(&self) -> impl Iterator<Item = (Part, &Tracked)> {
        let is_forward = self.unwinding().is_none();
        self.tasks().filter(move |(part, tracked)| {
            let is_of_way = (*part == Part::Step) == is_forward;
            is_of_way && !(is_forward && self.is_left_behind(&tracked.step))
        })
    }
}

fn forward_status(state: &TaskState) -> StepStatus {
    match state {
        TaskState::Pending => StepStatus::Pending,
        TaskState::Started { .. } => StepStatus::Started,
        TaskState::Asked { .. } => StepStatus::Asked,
        TaskState::Succeeded { .. } => StepStatus::Succeeded,
        TaskState::Retrying { .. } | TaskState::Cleared { .. } => StepStatus::Retrying,
        TaskState::Failed { .. } => StepStatus::Failed,
        TaskState::Unknown { .. } => StepStatus::Unknown,
    }
}

fn undo_status(state: &TaskState) -> StepStatus {
    match state {
        TaskState::Pending
        | TaskState::Started { .. }
        | TaskState::Asked { .. }
        | TaskState::Retrying { .. }
        | TaskState::Cleared { .. } => StepStatus::Undoing,
        TaskState::Succeeded { .. } => StepStatus::Undone,
        TaskState::Failed { .. } => StepStatus::UndoFailed,
        TaskState::Unknown { .. } => StepStatus::UndoUnknown,
    }
}
