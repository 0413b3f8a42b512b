//! The definitions that a run follows, looked up by task.

use super::definition::{Plan, RollbackPlan, Step, StepKind};
use super::observation::CaptureId;
use super::strategy::Undecided;
use super::task::{Failure, Part, Task};
use crate::id::StepName;

/// A plan and its rollback plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script<'a> {
    pub(super) plan: &'a Plan,
    pub(super) rollback_plan: Option<&'a RollbackPlan>,
}

impl<'a> Script<'a> {
    /// The steps of the rollback plan, if there is one.
    pub(super) fn rollback_steps(self) -> &'a [Step] {
        self.rollback_plan.map_or(&[], |plan| &plan.steps)
    }

    /// The steps that isolate the changed thing, if there are any.
    pub(super) fn quarantine_steps(self) -> &'a [Step] {
        self.rollback_plan.map_or(&[], |plan| &plan.quarantine)
    }

    /// The step that defines a task.
    pub(super) fn step(self, task: &Task) -> Option<&'a Step> {
        let steps = match task.part {
            Part::Step | Part::Undo => &self.plan.steps,
            Part::RollbackStep => self.rollback_steps(),
            Part::Quarantine => self.quarantine_steps(),
        };
        steps.iter().find(|step| step.name == task.step)
    }

    /// What is executed for a task.
    pub(super) fn kind(self, task: &Task) -> Option<&'a StepKind> {
        let step = self.step(task)?;
        match task.part {
            Part::Step | Part::RollbackStep | Part::Quarantine => Some(&step.kind),
            Part::Undo => step.undo.as_ref(),
        }
    }

    /// Whether executing a task twice is the same as executing it once. Undos are written so that they can be repeated:
    /// a rollback that stops half-way must be able to go on without asking.
    pub(super) fn is_repeatable(self, task: &Task) -> bool {
        let is_marked = self.step(task).is_some_and(|step| step.idempotent);
        task.part == Part::Undo || is_marked || self.kind(task).is_some_and(StepKind::is_idempotent)
    }

    /// Whether a failure of a step is for a person to answer, also where failures are undone without asking.
    pub(super) fn is_asked_about(self, step: &StepName, failure: &Failure) -> bool {
        if matches!(failure, Failure::Advised { .. }) {
            return true;
        }
        let is_undecided = matches!(failure, Failure::Undecided { .. });
        let asks =
            |step: &Step| matches!(&step.kind, StepKind::Bake(bake) if bake.undecided == Undecided::Ask);
        is_undecided && self.plan.steps.iter().find(|known| known.name == *step).is_some_and(asks)
    }

    /// Whether a step of the plan leads traffic: it is of a stage with a weight, and changes something.
    pub(super) fn leads_traffic(self, step: &StepName) -> bool {
        let mut stages = self.plan.stages.iter().filter(|stage| stage.weight.is_some());
        stages.any(|stage| stage.steps.contains(step))
    }

    /// Whether a check can tell if a task has taken effect.
    pub(super) fn has_check(self, task: &Task) -> bool {
        task.part != Part::Undo && self.step(task).is_some_and(|step| step.check.is_some())
    }

    /// Everything that the steps declare to be saved, in order.
    pub(super) fn captures(self) -> impl Iterator<Item = CaptureId> {
        self.plan.steps.iter().flat_map(|step| {
            (0..).zip(&step.captures).map(|(position, _)| CaptureId { step: step.name.clone(), position })
        })
    }
}

impl Task {
    /// What is executed for this task; nothing when the definitions are not those of the run.
    pub fn kind_in<'a>(
        &self,
        plan: &'a Plan,
        rollback_plan: Option<&'a RollbackPlan>,
    ) -> Option<&'a StepKind> {
        Script { plan, rollback_plan }.kind(self)
    }

    /// The step that defines this task, with its timeout, check and retries.
    pub fn step_in<'a>(&self, plan: &'a Plan, rollback_plan: Option<&'a RollbackPlan>) -> Option<&'a Step> {
        Script { plan, rollback_plan }.step(self)
    }
}
