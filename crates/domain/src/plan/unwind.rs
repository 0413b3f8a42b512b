//! The way back: which tasks a rollback consists of, and how far it has come.

use serde::{Deserialize, Serialize};

use super::definition::Step;
use super::observation::{CaptureId, Captured, Cause};
use super::script::Script;
use super::task::{Failure, Part, Task, TaskState};
use crate::id::StepName;
use crate::rollback::RollbackSpeed;

/// A named task's state within its part of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tracked {
    pub(super) step: StepName,
    pub(super) state: TaskState,
}

impl Tracked {
    pub(super) fn pending(step: &Step) -> Self {
        Self { step: step.name.clone(), state: TaskState::Pending }
    }

    pub(super) fn task(&self, part: Part) -> Task {
        Task::new(part, self.step.clone())
    }
}

/// Whether the saved state has been put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "restoration", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Restoration {
    /// Nothing was saved, or nothing was begun.
    NotNeeded,
    /// Not yet.
    Due,
    /// Done and compared.
    Done { differing: Vec<CaptureId> },
}

/// A rollback. What it consists of is settled when it begins, because no step starts after that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unwinding {
    /// What led to it first.
    pub(super) cause: Cause,
    pub(super) speed: RollbackSpeed,
    /// Whether it has taken longer than its plan allows.
    pub(super) is_overdue: bool,
    /// Undos of the steps that were begun, last step first.
    pub(super) undos: Vec<Tracked>,
    /// What isolates the changed thing, where that was demanded, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) quarantine: Vec<Tracked>,
    /// The rollback plan's steps, in order.
    pub(super) steps: Vec<Tracked>,
    pub(super) restoration: Restoration,
    /// Steps that were begun, can have changed something, and that nothing takes back.
    pub(super) left_in_place: Vec<StepName>,
}

impl Unwinding {
    /// The rollback of the `begun` steps. Without any there is nothing to do.
    pub(super) fn of(script: Script<'_>, begun: &[&Step], has_snapshot: bool, cause: &Cause) -> Self {
        let rollback_steps = if begun.is_empty() { &[] } else { script.rollback_steps() };
        let is_isolated = cause.demands_quarantine() && !begun.is_empty();
        let quarantine = if is_isolated { script.quarantine_steps() } else { &[] };
        let is_left = |step: &Step| {
            let is_covered = step.undo.is_some() || !step.captures.is_empty() || !rollback_steps.is_empty();
            step.kind.has_effect() && !is_covered
        };
        Self {
            cause: cause.clone(),
            speed: cause.speed(),
            is_overdue: false,
            undos: begun
                .iter()
                .rev()
                .filter(|step| step.undo.is_some())
                .map(|step| Tracked::pending(step))
                .collect(),
            quarantine: quarantine.iter().map(Tracked::pending).collect(),
            steps: rollback_steps.iter().map(Tracked::pending).collect(),
            restoration: if has_snapshot && !begun.is_empty() {
                Restoration::Due
            } else {
                Restoration::NotNeeded
            },
            left_in_place: begun.iter().filter(|step| is_left(step)).map(|step| step.name.clone()).collect(),
        }
    }

    /// A further request: what had failed is done again, then the snapshot is restored again, because an undo that
    /// runs late may have touched what was restored before it.
    pub(super) fn retried(mut self, cause: &Cause) -> Self {
        for tracked in self.undos.iter_mut().chain(&mut self.quarantine).chain(&mut self.steps) {
            tracked.state.clear_failure();
        }
        let restoration = match self.restoration {
            Restoration::NotNeeded => Restoration::NotNeeded,
            Restoration::Due | Restoration::Done { .. } => Restoration::Due,
        };
        Self { is_overdue: false, speed: cause.speed(), restoration, ..self }
    }

    /// Its time is over: nothing further is started, and nobody is waited for.
    pub(super) fn timed_out(mut self) -> Self {
        for tracked in self.undos.iter_mut().chain(&mut self.quarantine).chain(&mut self.steps) {
            tracked.state.stop_asking(Failure::TimedOut);
        }
        Self { is_overdue: true, ..self }
    }

    /// Its tasks in order.
    pub(super) fn tasks(&self) -> impl Iterator<Item = (Part, &Tracked)> {
        let undos = self.undos.iter().map(|tracked| (Part::Undo, tracked));
        let quarantine = self.quarantine.iter().map(|tracked| (Part::Quarantine, tracked));
        undos.chain(quarantine).chain(self.steps.iter().map(|tracked| (Part::RollbackStep, tracked)))
    }

    /// The undos that lead the traffic back, with all that come before them, and the other undos. Between the two the
    /// changed thing is isolated: nobody uses it any more, and nothing of it has been destroyed.
    pub(super) fn undos_by_traffic(&self, script: Script<'_>) -> (&[Tracked], &[Tracked]) {
        let last = self.undos.iter().rposition(|tracked| script.leads_traffic(&tracked.step));
        self.undos.split_at_checked(last.map_or(0, |last| last + 1)).unwrap_or((&self.undos, &[]))
    }

    /// Whether everything that was begun has been taken back as far as the plan provides for it. A rollback that had no
    /// means at all to take back what was begun has not done so.
    pub(super) fn is_complete(&self) -> bool {
        let is_restored = match &self.restoration {
            Restoration::NotNeeded => true,
            Restoration::Due => false,
            Restoration::Done { differing } => differing.is_empty(),
        };
        let had_means = self.tasks().next().is_some() || self.restoration != Restoration::NotNeeded;
        is_restored
            && self.tasks().all(|(_, tracked)| tracked.state.is_done())
            && (had_means || self.left_in_place.is_empty())
    }

    /// Names of the steps that are not taken back, each once: their undo is not done, what they declared to be saved is
    /// not as it was `captured`, or nothing could take them back; and of the rollback steps that are not done.
    pub(super) fn not_undone(&self, captured: &[Captured]) -> Vec<StepName> {
        if self.is_complete() {
            return Vec::new();
        }
        let differing: Vec<&CaptureId> = match &self.restoration {
            Restoration::NotNeeded => Vec::new(),
            Restoration::Due => captured.iter().map(|captured| &captured.capture).collect(),
            Restoration::Done { differing } => differing.iter().collect(),
        };
        let unfinished = self.tasks().filter(|(_, tracked)| !tracked.state.is_done());
        let unfinished = unfinished.map(|(_, tracked)| &tracked.step);
        let differing = differing.into_iter().map(|capture| &capture.step);
        let mut names: Vec<StepName> = Vec::new();
        for name in unfinished.chain(differing).chain(&self.left_in_place) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}
