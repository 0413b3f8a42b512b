//! Programs that stand in for what a person does, so that a request with them can be assessed. They are never run.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::Content;
use crate::id::StepName;
use crate::plan::definition::STEP_TIMEOUT_SECONDS_DEFAULT;
use crate::plan::{Command, Monitor, Plan, Probe, RollbackPlan, Step, StepKind, Strategy};

/// Pause between two looks, in milliseconds.
const INTERVAL_MILLIS: u64 = 1_000;

fn command() -> Command {
    Command {
        argv: vec!["true".to_owned()],
        environment: BTreeMap::new(),
        pass_environment: Vec::new(),
        working_directory: None,
    }
}

fn name() -> StepName {
    StepName::new("supposed").unwrap_or_else(|error| unreachable!("a word is a name: {error}"))
}

fn step() -> Step {
    Step {
        name: name(),
        kind: StepKind::Run(command()),
        undo: None,
        check: None,
        timeout_seconds: STEP_TIMEOUT_SECONDS_DEFAULT,
        retries: 0,
        retry_delay_millis: 0,
        idempotent: false,
        captures: Vec::new(),
        reversibility: None,
    }
}

fn run_what_is_manual(kind: &mut StepKind) {
    if kind.is_manual() {
        *kind = StepKind::Run(command());
    }
}

/// The plan with a program in the place of everything that a person does; a plan of one program where there is none.
pub(super) fn run_implementation(content: &mut Content) {
    let plan = content.plan.get_or_insert_with(|| Plan {
        strategy: Strategy::AllAtOnce,
        steps: vec![step()],
        estimated_duration_seconds: None,
        maintenance_window: false,
        soak_seconds: 0,
        stages: Vec::new(),
        tolerance: None,
        runs_on: BTreeSet::new(),
        user_acceptance: None,
    });
    plan.steps.iter_mut().for_each(|step| run_what_is_manual(&mut step.kind));
}

/// A rollback that is run from its first undo to its last step.
pub(super) fn run_rollback(content: &mut Content) {
    let undos =
        content.plan.iter_mut().flat_map(|plan| &mut plan.steps).filter_map(|step| step.undo.as_mut());
    undos.for_each(run_what_is_manual);
    let plan = content.rollback_plan.get_or_insert_with(|| RollbackPlan {
        automated: true,
        steps: Vec::new(),
        max_duration_seconds: None,
        quarantine: Vec::new(),
    });
    plan.automated = true;
    if plan.steps.is_empty() {
        plan.steps.push(step());
    }
    plan.steps.iter_mut().for_each(|step| run_what_is_manual(&mut step.kind));
}

/// A monitor besides those there are, unless there is one.
pub(super) fn run_monitor(content: &mut Content) {
    if content.monitors.is_empty() {
        let probe = Probe::Command { command: command(), timeout_millis: INTERVAL_MILLIS };
        content.monitors.push(Monitor { name: name(), probe, interval_millis: INTERVAL_MILLIS });
    }
}
