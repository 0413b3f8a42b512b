//! Rehearsals: a plan and its way back, carried out somewhere else before it is carried out where it counts.
//!
//! What is rehearsed is what a program does. What only a person can do, and what watches traffic that a rehearsal does
//! not have, is left out and named. Where it goes is said by a [`Target`]; what came of it is a [`Rehearsal`], evidence
//! that belongs to one digest: with another content it is evidence of nothing.

mod target;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use target::{NotElsewhere, REPLACEMENTS_MAX, Somewhere, Target};

use super::definition::{Plan, Probe, RollbackPlan, Step, StepKind};
use super::observation::{CaptureId, InvalidObservation, Observation};
use super::task::{Outcome, Part, Task};
use crate::canonical::Digest;
use crate::change::Line;
use crate::id::StepName;

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Digest of the content that was rehearsed.
    pub digest: Digest,
    /// Name of the target.
    pub target: Line,
    /// Digest of the file that says what the target is.
    pub target_digest: Digest,
    /// The machine that it was carried out on.
    pub host: Line,
    /// How long it took, in milliseconds.
    pub duration_millis: u64,
    /// What was carried out, in order, forward and back, with the last attempt of each.
    pub tasks: Vec<RehearsedTask>,
    /// What was left out because no program does it, or because it watches what a rehearsal does not have.
    pub left_out: Vec<Task>,
    /// How many things were saved before.
    pub captures: u32,
    /// What was not as before in the end.
    pub differing: Vec<CaptureId>,
    /// Steps that were begun and that nothing takes back.
    pub left_in_place: Vec<StepName>,
}

/// One task of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RehearsedTask {
    /// The task.
    pub task: Task,
    /// How its last attempt ended.
    pub outcome: Outcome,
    /// How long that took, in milliseconds.
    pub duration_millis: u64,
}

/// What a rehearsal carries out of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsable {
    /// The plan without what is left out.
    pub plan: Plan,
    /// The rollback plan without what is left out, to be carried out without a person.
    pub rollback_plan: RollbackPlan,
    /// What is left out.
    pub left_out: Vec<Task>,
}

/// Evidence that cannot be of this plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRehearsal {
    /// Nothing was carried out.
    #[error("nothing of the plan was rehearsed: every step of it is for a person or watches traffic")]
    Nothing,
    /// Something that the plan does not have, or that stands twice.
    #[error("`{task}` is not a task of the plan that can be rehearsed, or stands twice")]
    Foreign {
        /// The task.
        task: String,
    },
    /// Something that should have been rehearsed and was not, although everything else succeeded.
    #[error("`{task}` was not rehearsed, although nothing before it failed")]
    Missing {
        /// The task.
        task: String,
    },
    /// The captures are not those of the plan.
    #[error("{given} things were saved, but the rehearsed steps declare {declared}")]
    Captures {
        /// What the evidence says.
        given: u32,
        /// What the plan says.
        declared: usize,
    },
    /// A text or a time that is not accepted.
    #[error(transparent)]
    Outcome(#[from] InvalidObservation),
}

impl StepKind {
    /// Whether a rehearsal carries it out: a program does it, and it does not ask what watches the traffic of production.
    pub fn is_rehearsed(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Http(_)
            | Self::Wait { .. }
            | Self::Traffic(_)
            | Self::Flag(_)
            | Self::Sql(_)
            | Self::Kubernetes(_)
            | Self::Restore => true,
            Self::Check(check) => match check.probe {
                Probe::Http { .. } | Probe::Command { .. } => true,
                Probe::Prometheus(_) | Probe::Alertmanager(_) | Probe::Findings(_) => false,
            },
            Self::Manual { .. } | Self::Hold(_) | Self::Bake(_) => false,
        }
    }
}

impl Rehearsable {
    /// What a rehearsal of this plan carries out. Quarantine steps are for a breach and are left out too.
    pub fn of(plan: &Plan, rollback_plan: Option<&RollbackPlan>) -> Self {
        let mut left_out = Vec::new();
        let mut steps = Vec::new();
        for step in &plan.steps {
            if !step.kind.is_rehearsed() {
                left_out.push(Task::new(Part::Step, step.name.clone()));
                continue;
            }
            let undo = step.undo.clone().filter(StepKind::is_rehearsed);
            if undo.is_none() && step.undo.is_some() {
                left_out.push(Task::new(Part::Undo, step.name.clone()));
            }
            steps.push(Step { undo, ..step.clone() });
        }
        let back = rollback_plan.map_or(&[][..], |plan| &plan.steps);
        let (back, of_others): (Vec<&Step>, Vec<&Step>) =
            back.iter().partition(|step| step.kind.is_rehearsed());
        left_out.extend(of_others.iter().map(|step| Task::new(Part::RollbackStep, step.name.clone())));
        let quarantine = rollback_plan.into_iter().flat_map(|plan| &plan.quarantine);
        left_out.extend(quarantine.map(|step| Task::new(Part::Quarantine, step.name.clone())));
        Self {
            plan: Plan { steps, stages: Vec::new(), ..plan.clone() },
            rollback_plan: RollbackPlan {
                automated: true,
                steps: back.into_iter().cloned().collect(),
                max_duration_seconds: rollback_plan.and_then(|plan| plan.max_duration_seconds),
                quarantine: Vec::new(),
            },
            left_out,
        }
    }

    /// Every task of a rehearsal in which nothing fails.
    pub fn tasks(&self) -> impl Iterator<Item = Task> {
        let of = |part, step: &Step| Task::new(part, step.name.clone());
        let steps = self.plan.steps.iter().map(move |step| of(Part::Step, step));
        let undone = self.plan.steps.iter().rev().filter(|step| step.undo.is_some());
        let undos = undone.map(move |step| of(Part::Undo, step));
        let back = self.rollback_plan.steps.iter().map(move |step| of(Part::RollbackStep, step));
        steps.chain(undos).chain(back)
    }

    /// How many things are saved before the first step.
    pub fn captures(&self) -> usize {
        self.plan.steps.iter().map(|step| step.captures.len()).sum()
    }
}

impl Rehearsal {
    /// Whether everything that was rehearsed succeeded, forward and back, and what was saved is as before.
    pub fn passed(&self) -> bool {
        let succeeded = |rehearsed: &RehearsedTask| rehearsed.outcome == Outcome::Succeeded;
        !self.tasks.is_empty() && self.tasks.iter().all(succeeded) && self.differing.is_empty()
    }

    /// Checks evidence that came from outside against the plan it is about.
    ///
    /// # Errors
    /// When it names what the plan does not have, or passes without all that the plan has.
    pub fn check(&self, plan: &Plan, rollback_plan: Option<&RollbackPlan>) -> Result<(), InvalidRehearsal> {
        let rehearsable = Rehearsable::of(plan, rollback_plan);
        let known: BTreeSet<Task> = rehearsable.tasks().collect();
        if self.tasks.is_empty() {
            return Err(InvalidRehearsal::Nothing);
        }
        let mut seen = BTreeSet::new();
        for RehearsedTask { task, outcome, duration_millis } in &self.tasks {
            if !known.contains(task) || !seen.insert(task) {
                return Err(InvalidRehearsal::Foreign { task: task.to_string() });
            }
            let (outcome, duration_millis) = (outcome.clone(), *duration_millis);
            Observation::Ended { task: task.clone(), attempt: 1, outcome, duration_millis, log: None }
                .validate()?;
        }
        let foreign = |task: &Task| InvalidRehearsal::Foreign { task: task.to_string() };
        if let Some(task) = self.left_out.iter().find(|task| !rehearsable.left_out.contains(task)) {
            return Err(foreign(task));
        }
        let has_step = |name: &StepName| seen.contains(&Task::new(Part::Step, name.clone()));
        let named = self.differing.iter().map(|capture| &capture.step).chain(&self.left_in_place);
        if let Some(stray) = named.into_iter().find(|name| !has_step(name)) {
            return Err(foreign(&Task::new(Part::Step, stray.clone())));
        }
        let declared = rehearsable.captures();
        if usize::try_from(self.captures) != Ok(declared) || self.differing.len() > declared {
            return Err(InvalidRehearsal::Captures { given: self.captures, declared });
        }
        let missing = || known.iter().find(|task| !seen.contains(task));
        match missing().filter(|_| self.passed()) {
            Some(task) => Err(InvalidRehearsal::Missing { task: task.to_string() }),
            None => Ok(()),
        }
    }
}
