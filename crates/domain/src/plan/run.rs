//! The run of a plan: what observations make of it.
//!
//! [`Run::observe`] is the transition table. It is total: every observation in every state leads to a new state, is
//! recognised as known, or is refused, and a refused one changes nothing. The alternative, a table of phases with the
//! tasks inside, was rejected because every phase would repeat the life of a task.

use serde::{Deserialize, Serialize};

use super::definition::{Plan, RollbackPlan, Step};
use super::next::Action;
use super::observation::{Captured, Cause, MonitorAnswer, Observation};
use super::script::Script;
use super::task::{Decision, Failure, Fold, Outcome, Part, Task, TaskState};
use super::tolerance::Tolerance;
use super::unwind::{Restoration, Tracked, Unwinding};
use crate::id::ActorId;
use crate::rollback::RollbackSpeed;

/// The run of a plan, folded from its observations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub(super) auto_rollback: bool,
    /// What the monitors said before the first step, once they have been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) watched: Option<Vec<MonitorAnswer>>,
    pub(super) snapshot: Snapshot,
    /// The plan's steps, in order.
    pub(super) steps: Vec<Tracked>,
    /// How many targets may fail without stopping it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tolerance: Option<Tolerance>,
    pub(super) course: Course,
}

/// Whether the state before the first step has been saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "snapshot", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Snapshot {
    /// No step declares anything.
    NotNeeded,
    /// Not yet.
    Due,
    /// Saved.
    Taken { captures: Vec<Captured> },
}

/// Which way the run goes. Waiting for a person is not a course: it follows from the tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "course", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Course {
    Forward,
    Paused,
    RollingBack(Unwinding),
    Finished,
    RolledBack(Unwinding),
    RollbackFailed(Unwinding),
}

/// What an observation did to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "taken apart at once; a box would cost an allocation per observation"
)]
pub enum Observed {
    /// It leads to this run.
    New(Run),
    /// It was known before and must not be recorded again.
    Already,
}

/// An observation that cannot be true of this run: from a runner that is behind, or in conflict with what is recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{observation}` does not fit a run that is {phase}, where the next action is to {next}: \
     read the run again and do what it says next"
)]
pub struct IllegalObservation {
    /// The run's phase, in a word.
    pub phase: &'static str,
    /// What the run does next.
    pub next: String,
    /// The refused observation, in a sentence.
    pub observation: String,
}

impl Run {
    /// The run of `plan` before its first observation. A rollback plan that needs a person is never begun without one,
    /// whatever `auto_rollback` says.
    pub fn start(plan: &Plan, rollback_plan: Option<&RollbackPlan>, auto_rollback: bool) -> Self {
        Self::start_held(plan, rollback_plan, auto_rollback, false)
    }

    /// The same, with every hold that holds where it is demanded, if `is_held`. Otherwise those holds are no part of it.
    pub fn start_held(
        plan: &Plan,
        rollback_plan: Option<&RollbackPlan>,
        auto_rollback: bool,
        is_held: bool,
    ) -> Self {
        let is_part = |step: &&Step| is_held || !step.kind.holds_on_demand();
        let script = Script { plan, rollback_plan };
        let has_captures = script.captures().next().is_some();
        let run = Self {
            auto_rollback: auto_rollback && rollback_plan.is_none_or(RollbackPlan::runs_unattended),
            watched: None,
            snapshot: if has_captures { Snapshot::Due } else { Snapshot::NotNeeded },
            steps: plan.steps.iter().filter(is_part).map(Tracked::pending).collect(),
            tolerance: plan.tolerance.clone(),
            course: Course::Forward,
        };
        // Nothing but holds that nobody demanded is nothing to do.
        run.settled(script)
    }

    /// Folds an observation. Observing the same thing again changes nothing, so a runner may repeat a report whose
    /// answer was lost.
    ///
    /// # Errors
    /// When the observation cannot be true of this run.
    pub fn observe(
        &self,
        plan: &Plan,
        rollback_plan: Option<&RollbackPlan>,
        observation: &Observation,
    ) -> Result<Observed, IllegalObservation> {
        let script = Script { plan, rollback_plan };
        match self.fold(script, observation) {
            Fold::New(run) => Ok(Observed::New(run.settled(script))),
            Fold::Already => Ok(Observed::Already),
            Fold::Illegal => Err(IllegalObservation {
                phase: self.phase().as_str(),
                next: self.next(script).to_string(),
                observation: observation.to_string(),
            }),
        }
    }

    /// The transition table.
    fn fold(&self, script: Script<'_>, observation: &Observation) -> Fold<Self> {
        match observation {
            Observation::MonitorsAsked { answers } => self.monitors_asked(answers),
            Observation::SnapshotTaken { captures } => self.snapshot_taken(script, captures),
            Observation::SnapshotFailed { reason } => {
                self.snapshot_failed(script, &Cause::SnapshotFailed { reason: reason.clone() })
            }
            Observation::Started { task, attempt } => self.started(script, task, *attempt),
            Observation::Ended { task, attempt, outcome, .. } => self.ended(script, task, *attempt, outcome),
            Observation::UnknownChecked { task, attempt, finding } => {
                self.with_task(task, |state| state.checked(*attempt, *finding))
            }
            Observation::PersonDecided { task, attempt, decision, by } => {
                self.decided(script, task, *attempt, *decision, by)
            }
            Observation::RunnerLost => self.runner_lost(script),
            Observation::PauseRequested => self.paused(),
            Observation::ResumeRequested => self.resumed(),
            Observation::RollbackRequested { cause } => self.rollback_requested(script, cause),
            Observation::RollbackTimedOut => self.rollback_timed_out(),
            Observation::SnapshotRestored { differing } => {
                let restoration = Restoration::Done { differing: differing.clone() };
                self.snapshot_restored(script, restoration)
            }
            Observation::RollbackEnded => self.rollback_ended(script),
        }
    }

    /// Turns round when a step has failed, and ends when nothing is left to do. A rollback is ended by its own
    /// observation instead, so that whoever follows the run always sees it begin before it ends.
    fn settled(self, script: Script<'_>) -> Self {
        if !self.is_forward() {
            return self;
        }
        let is_over = |tracked: &Tracked| tracked.state.is_done() || self.is_left_behind(&tracked.step);
        if self.steps.iter().all(is_over) {
            return self.on(Course::Finished);
        }
        let mut counted = self.steps.iter().filter(|tracked| !self.is_left_behind(&tracked.step));
        let failed = counted.find_map(|tracked| match &tracked.state {
            TaskState::Failed { failure, .. } if !script.is_asked_about(&tracked.step, failure) => {
                Some(tracked.step.clone())
            }
            TaskState::Failed { .. }
            | TaskState::Pending
            | TaskState::Started { .. }
            | TaskState::Asked { .. }
            | TaskState::Succeeded { .. }
            | TaskState::Retrying { .. }
            | TaskState::Unknown { .. }
            | TaskState::Cleared { .. } => None,
        });
        match failed {
            Some(step) if self.auto_rollback => self.turned_round(script, &Cause::StepFailed { step }),
            Some(_) | None => self,
        }
    }

    /// Said of the time before the change, so only as long as nothing has begun.
    fn monitors_asked(&self, answers: &[MonitorAnswer]) -> Fold<Self> {
        match &self.watched {
            None if self.is_forward() && !self.has_begun() => {
                Fold::New(Self { watched: Some(answers.to_vec()), ..self.clone() })
            }
            None => Fold::Illegal,
            Some(known) => Fold::already_if(known == answers),
        }
    }

    fn snapshot_taken(&self, script: Script<'_>, captures: &[Captured]) -> Fold<Self> {
        let is_whole = script.captures().eq(captures.iter().map(|captured| captured.capture.clone()));
        match &self.snapshot {
            Snapshot::Due if self.is_forward() && is_whole => {
                let snapshot = Snapshot::Taken { captures: captures.to_vec() };
                Fold::New(Self { snapshot, ..self.clone() })
            }
            Snapshot::Taken { captures: known } => Fold::already_if(known == captures),
            Snapshot::Due | Snapshot::NotNeeded => Fold::Illegal,
        }
    }

    fn snapshot_failed(&self, script: Script<'_>, cause: &Cause) -> Fold<Self> {
        if self.snapshot == Snapshot::Due && self.is_forward() {
            return Fold::New(self.clone().turned_round(script, cause));
        }
        Fold::already_if(matches!(self.unwinding().map(|u| &u.cause), Some(Cause::SnapshotFailed { .. })))
    }

    /// Only the next action may be started: this is what makes runs sequential and rollbacks final.
    fn started(&self, script: Script<'_>, task: &Task, attempt: u32) -> Fold<Self> {
        let due = self.next(script);
        let is_due = matches!(&due, Action::Execute { task: due, attempt: number, .. } if due == task && *number == attempt);
        let is_manual = script.kind(task).is_some_and(|kind| kind.is_manual());
        self.with_task(task, |state| {
            if is_due {
                return Fold::New(TaskState::started(attempt, is_manual));
            }
            Fold::already_if(attempt > 0 && (state.attempt() == attempt || state.is_past(attempt)))
        })
    }

    fn ended(&self, script: Script<'_>, task: &Task, attempt: u32, outcome: &Outcome) -> Fold<Self> {
        let is_abandoned = task.part == Part::Step && !self.is_forward();
        let retries = script.step(task).map_or(0, |step| u32::from(step.retries));
        self.with_task(task, |state| state.ended(attempt, outcome, if is_abandoned { 0 } else { retries }))
    }

    fn decided(
        &self,
        script: Script<'_>,
        task: &Task,
        attempt: u32,
        decision: Decision,
        by: &ActorId,
    ) -> Fold<Self> {
        let is_step = task.part == Part::Step;
        if !is_step {
            return self.with_task(task, |state| state.decided(attempt, decision, by, false));
        }
        let gives_up = decision == Decision::GiveUp;
        if !self.is_forward() {
            // Once the run turns round, answers about its steps come too late, except as repetitions.
            let is_known = gives_up && self.is_given_up_by(by);
            return self.with_task(task, |state| match state.decided(attempt, decision, by, false) {
                Fold::New(_) | Fold::Illegal => Fold::already_if(is_known && state.attempt() == attempt),
                Fold::Already => Fold::Already,
            });
        }
        let turn = |run: Self| run.turned_round(script, &Cause::Person { by: by.clone(), reason: None });
        // Nobody is asked about a target that the run goes on without: another step may be running by now.
        let is_asked = !self.is_left_behind(&task.step);
        match self.state_of(task) {
            Some(TaskState::Failed { attempt: failed, .. }) if is_asked && gives_up && *failed == attempt => {
                Fold::New(turn(self.clone()))
            }
            Some(_) | None => {
                let folded = self.with_task(task, |state| state.decided(attempt, decision, by, is_asked));
                if gives_up { folded.map(turn) } else { folded }
            }
        }
    }

    fn runner_lost(&self, script: Script<'_>) -> Fold<Self> {
        self.running().map_or(Fold::Already, |(task, _)| {
            let (is_repeatable, has_check) = (script.is_repeatable(&task), script.has_check(&task));
            self.with_task(&task, |state| state.runner_lost(is_repeatable, has_check))
        })
    }

    fn paused(&self) -> Fold<Self> {
        match &self.course {
            Course::Forward => Fold::New(self.clone().on(Course::Paused)),
            Course::Paused => Fold::Already,
            Course::RollingBack(_) | Course::Finished | Course::RolledBack(_) | Course::RollbackFailed(_) => {
                Fold::Illegal
            }
        }
    }

    fn resumed(&self) -> Fold<Self> {
        match &self.course {
            Course::Paused => Fold::New(self.clone().on(Course::Forward)),
            Course::Forward => Fold::Already,
            Course::RollingBack(_) | Course::Finished | Course::RolledBack(_) | Course::RollbackFailed(_) => {
                Fold::Illegal
            }
        }
    }

    fn rollback_requested(&self, script: Script<'_>, cause: &Cause) -> Fold<Self> {
        match &self.course {
            Course::Forward | Course::Paused | Course::Finished => {
                Fold::New(self.clone().turned_round(script, cause))
            }
            Course::RollingBack(unwinding)
                if unwinding.speed == RollbackSpeed::Gradual && cause.speed() == RollbackSpeed::Immediate =>
            {
                let faster = Unwinding { speed: cause.speed(), ..unwinding.clone() };
                Fold::New(self.clone().on(Course::RollingBack(faster)))
            }
            // A failed rollback is tried again by a person only: nothing automatic may do so for ever.
            Course::RollbackFailed(unwinding) if matches!(cause, Cause::Person { .. }) => {
                Fold::New(self.clone().on(Course::RollingBack(unwinding.clone().retried(cause))))
            }
            Course::RollingBack(_) | Course::RolledBack(_) | Course::RollbackFailed(_) => Fold::Already,
        }
    }

    fn rollback_timed_out(&self) -> Fold<Self> {
        match &self.course {
            Course::RollingBack(unwinding) if !unwinding.is_overdue => {
                Fold::New(self.clone().on(Course::RollingBack(unwinding.clone().timed_out())))
            }
            Course::RollingBack(unwinding) | Course::RollbackFailed(unwinding) => {
                Fold::already_if(unwinding.is_overdue)
            }
            Course::Forward | Course::Paused | Course::Finished | Course::RolledBack(_) => Fold::Illegal,
        }
    }

    fn snapshot_restored(&self, script: Script<'_>, restoration: Restoration) -> Fold<Self> {
        match &self.course {
            Course::RollingBack(unwinding) if self.next(script) == Action::RestoreSnapshot => Fold::New(
                self.clone().on(Course::RollingBack(Unwinding { restoration, ..unwinding.clone() })),
            ),
            Course::RollingBack(unwinding)
            | Course::RolledBack(unwinding)
            | Course::RollbackFailed(unwinding) => Fold::already_if(unwinding.restoration == restoration),
            Course::Forward | Course::Paused | Course::Finished => Fold::Illegal,
        }
    }

    fn rollback_ended(&self, script: Script<'_>) -> Fold<Self> {
        match &self.course {
            Course::RollingBack(unwinding) if self.next(script) == Action::ReportRollbackEnded => {
                let end = if unwinding.is_complete() { Course::RolledBack } else { Course::RollbackFailed };
                Fold::New(self.clone().on(end(unwinding.clone())))
            }
            Course::RolledBack(_) | Course::RollbackFailed(_) => Fold::Already,
            Course::Forward | Course::Paused | Course::Finished | Course::RollingBack(_) => Fold::Illegal,
        }
    }

    /// Begins the rollback of everything that was begun. Nobody waits for a person any more.
    fn turned_round(mut self, script: Script<'_>, cause: &Cause) -> Self {
        for tracked in &mut self.steps {
            tracked.state.stop_asking(Failure::Cancelled);
        }
        let begun = self.steps.iter().filter(|tracked| tracked.state.is_begun());
        let begun: Vec<_> = begun.filter_map(|tracked| script.step(&tracked.task(Part::Step))).collect();
        let has_snapshot = matches!(self.snapshot, Snapshot::Taken { .. });
        let unwinding = Unwinding::of(script, &begun, has_snapshot, cause);
        self.on(Course::RollingBack(unwinding))
    }

    fn on(self, course: Course) -> Self {
        Self { course, ..self }
    }

    /// Folds into one task. Once a run is over nothing new can happen to its tasks.
    fn with_task(&self, task: &Task, fold: impl FnOnce(&TaskState) -> Fold<TaskState>) -> Fold<Self> {
        let Some(state) = self.state_of(task) else { return Fold::Illegal };
        match fold(state) {
            Fold::New(_) if self.is_over() => Fold::Illegal,
            folded @ (Fold::New(_) | Fold::Already | Fold::Illegal) => folded.map(|state| {
                let mut run = self.clone();
                if let Some(tracked) = run.tracked_mut(task) {
                    tracked.state = state;
                }
                run
            }),
        }
    }

    fn is_given_up_by(&self, person: &ActorId) -> bool {
        matches!(self.unwinding().map(|u| &u.cause), Some(Cause::Person { by, .. }) if by == person)
    }

    fn tracked_mut(&mut self, task: &Task) -> Option<&mut Tracked> {
        let tasks = match (task.part, &mut self.course) {
            (Part::Step, _) => &mut self.steps,
            (Part::Undo, Course::RollingBack(unwinding)) => &mut unwinding.undos,
            (Part::RollbackStep, Course::RollingBack(unwinding)) => &mut unwinding.steps,
            (Part::Quarantine, Course::RollingBack(unwinding)) => &mut unwinding.quarantine,
            (
                Part::Undo | Part::RollbackStep | Part::Quarantine,
                Course::Forward
                | Course::Paused
                | Course::Finished
                | Course::RolledBack(_)
                | Course::RollbackFailed(_),
            ) => return None,
        };
        tasks.iter_mut().find(|tracked| tracked.step == task.step)
    }
}
