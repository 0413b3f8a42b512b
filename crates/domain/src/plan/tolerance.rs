//! How many targets of a rolling change may fail without stopping it.
//!
//! A target fails with a step of it that fails for good. While no more have failed than are tolerated, the rest of its
//! steps is left out and the others go on; the next one that fails is a failure like any other. What was begun on a
//! target that failed stays until the change is taken back: then it is undone with everything else.

use serde::{Deserialize, Serialize};

use super::run::Run;
use super::task::TaskState;
use super::unwind::Tracked;
use super::validate::{Field, PlanError, quoted};
use crate::id::StepName;
use crate::plan::definition::Step;
use crate::plan::strategy::{TARGETS_MAX, is_target_name};

/// How many targets may fail, and which there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// So many may fail. At least one, and fewer than there are.
    pub max_failures: u16,
    /// Every target, in the order in which they are changed.
    pub targets: Vec<Member>,
}

/// One target of a rolling change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its steps, in the plan's order.
    pub steps: Vec<StepName>,
}

impl Tolerance {
    /// Targets have steps of the plan, none in two of them, and one at least must succeed.
    pub(super) fn validate(&self, steps: &[Step], field: &Field<'_>) -> Result<(), PlanError> {
        let targets = field.at("targets");
        targets.count(self.targets.len(), 2..=TARGETS_MAX, "targets")?;
        let failures_max = u64::try_from(self.targets.len()).unwrap_or(u64::MAX).saturating_sub(1);
        let max_failures = u64::from(self.max_failures);
        field.at("max_failures").within(max_failures, 1..=failures_max, "targets, fewer than there are")?;
        let mut rest = steps.iter();
        for (at, member) in self.targets.iter().enumerate() {
            let is_known = self.targets.iter().take(at).any(|other| other.name == member.name);
            if is_known || !is_target_name(&member.name) {
                let expected = "different names of letters, digits and `._:/@-`";
                return Err(targets.refuse(quoted(&member.name), expected));
            }
            let target = targets.at(&member.name);
            let of_target = target.at("steps");
            of_target.count(member.steps.len(), 1..=steps.len(), "steps")?;
            if let Some(name) = member.steps.iter().find(|name| !rest.any(|step| step.name == **name)) {
                let expected = "names of the plan's steps, in the plan's order, each in one target";
                return Err(of_target.refuse(format!("a list with `{name}`"), expected));
            }
        }
        Ok(())
    }
}

impl Run {
    /// The targets that failed and are tolerated, in order: the rest of their steps is left out.
    pub(super) fn left_behind(&self) -> impl Iterator<Item = &Member> {
        let has_failed = |member: &&Member| {
            let failed = |tracked: &Tracked| {
                let is_failed =
                    matches!(&tracked.state, TaskState::Failed { failure, .. } if !failure.is_deliberate());
                is_failed && member.steps.contains(&tracked.step)
            };
            self.steps.iter().any(failed)
        };
        self.tolerance.iter().flat_map(move |tolerance| {
            let tolerated = usize::from(tolerance.max_failures);
            tolerance.targets.iter().filter(has_failed).take(tolerated)
        })
    }

    /// Whether a step is of a target that failed and is tolerated.
    pub(super) fn is_left_behind(&self, step: &StepName) -> bool {
        self.left_behind().any(|member| member.steps.contains(step))
    }

    /// Names of the targets that failed while the run went on without them. A run that goes back takes them back too.
    pub fn failed_targets(&self) -> Vec<&str> {
        if self.cause().is_some() {
            return Vec::new();
        }
        self.left_behind().map(|member| member.name.as_str()).collect()
    }
}
