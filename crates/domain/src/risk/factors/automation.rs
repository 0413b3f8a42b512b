//! Automation level: how much of implementing, taking back and validating goes without hands.

use super::{Contribution, FactorValue, Weighed};
use crate::change::Content;
use crate::plan::{Step, StepKind};

const IMPLEMENTATION_TENTHS: i16 = 40;
const ROLLBACK_TENTHS: i16 = 40;
const VALIDATION_TENTHS: i16 = 20;

pub(super) fn weigh(content: &Content) -> Weighed {
    let part = |source, is_automated, tenths, yes: &str, no: &str| {
        if is_automated { Contribution::new(source, tenths, yes) } else { Contribution::new(source, 0, no) }
    };
    let contributions = vec![
        part(
            "implementation",
            is_implementation_automated(content),
            IMPLEMENTATION_TENTHS,
            "the plan runs without a person",
            "there is no plan, or a person carries out a step of it",
        ),
        part(
            "rollback",
            is_rollback_automated(content),
            ROLLBACK_TENTHS,
            "it is taken back without a person",
            "it cannot be taken back without a person",
        ),
        part(
            "validation",
            is_validation_automated(content),
            VALIDATION_TENTHS,
            "monitors or checks judge the result",
            "nothing but a person judges the result",
        ),
    ];
    Weighed { factor: FactorValue::of(contributions), missing: Vec::new() }
}

/// Whether the change can be taken back at all: by a rollback plan with steps, or because every step that changes
/// something has an undo.
pub fn has_way_back(content: &Content) -> bool {
    content.rollback_plan.as_ref().is_some_and(|plan| !plan.steps.is_empty()) || every_step_has_undo(content)
}

fn is_implementation_automated(content: &Content) -> bool {
    !steps(content).is_empty() && steps(content).iter().all(|step| !step.kind.is_manual())
}

/// A rollback first undoes the finished steps, then runs the rollback plan: neither may need a person.
fn is_rollback_automated(content: &Content) -> bool {
    let undos_are_automated =
        steps(content).iter().filter_map(|step| step.undo.as_ref()).all(|undo| !undo.is_manual());
    let plan = content.rollback_plan.as_ref().filter(|plan| !plan.steps.is_empty());
    undos_are_automated
        && match plan {
            Some(plan) => plan.runs_unattended(),
            None => every_step_has_undo(content),
        }
}

fn is_validation_automated(content: &Content) -> bool {
    let is_check = |step: &Step| matches!(step.kind, StepKind::Check(_) | StepKind::Bake(_));
    !content.monitors.is_empty() || steps(content).iter().any(is_check)
}

/// Whether every step that changes something has an undo. Without such a step there is nothing to vouch for.
fn every_step_has_undo(content: &Content) -> bool {
    let mut changing = steps(content).iter().filter(|step| step.kind.has_effect()).peekable();
    changing.peek().is_some() && changing.all(|step| step.undo.is_some())
}

fn steps(content: &Content) -> &[Step] {
    content.plan.as_ref().map_or(&[], |plan| &plan.steps)
}
