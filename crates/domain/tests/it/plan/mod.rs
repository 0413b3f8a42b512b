//! Plans: their validation and their runs.
#![expect(clippy::panic, reason = "helpers of tests stop the test that calls them")]

mod interrupted;
mod people;
mod random;
mod rehearsal;
mod reversibility;
mod simulation;
mod stored;
mod strategies;
mod table;
mod unwind;
mod validate;

use std::collections::BTreeMap;

use domain::id::{ActorId, StepName};
use domain::plan::{
    Capture, CaptureId, Captured, Cause, Check, Command, Finding, MonitorAnswer, Observation, Observed,
    Outcome, Part, Plan, Probe, RollbackPlan, Run, Step, StepKind, Strategy, Task,
};
use domain::rollback::Verdict;

fn name(text: &str) -> StepName {
    StepName::new(text).unwrap()
}

fn person() -> ActorId {
    ActorId::new("act_ada").unwrap()
}

fn command(argv: &[&str]) -> Command {
    Command {
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        environment: BTreeMap::new(),
        pass_environment: Vec::new(),
        working_directory: None,
    }
}

fn run(argv: &[&str]) -> StepKind {
    StepKind::Run(command(argv))
}

fn manual() -> StepKind {
    StepKind::Manual { instructions: "switch the cable".to_owned() }
}

fn check() -> Check {
    Check {
        probe: Probe::Command { command: command(&["./is-done"]), timeout_millis: 1_000 },
        interval_millis: 1_000,
        successes: 1,
    }
}

/// A step with an undo, without retries, that may not be repeated.
fn step(text: &str) -> Step {
    Step {
        name: name(text),
        kind: run(&["./do", text]),
        undo: Some(run(&["./undo", text])),
        check: None,
        timeout_seconds: 60,
        retries: 0,
        retry_delay_millis: 2_000,
        idempotent: false,
        captures: Vec::new(),
        reversibility: None,
    }
}

fn file(path: &str) -> Capture {
    Capture::File { path: path.to_owned() }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        strategy: Strategy::AllAtOnce,
        steps,
        estimated_duration_seconds: None,
        maintenance_window: false,
        soak_seconds: 0,
        stages: Vec::new(),
        tolerance: None,
        runs_on: std::collections::BTreeSet::new(),
        user_acceptance: None,
    }
}

fn rollback_plan(steps: Vec<Step>) -> RollbackPlan {
    let steps = steps.into_iter().map(|step| Step { undo: None, ..step }).collect();
    RollbackPlan { automated: true, steps, max_duration_seconds: Some(300), quarantine: Vec::new() }
}

fn do_step(text: &str) -> Task {
    Task::new(Part::Step, name(text))
}

fn undo(text: &str) -> Task {
    Task::new(Part::Undo, name(text))
}

fn rollback_step(text: &str) -> Task {
    Task::new(Part::RollbackStep, name(text))
}

fn started(task: &Task, attempt: u32) -> Observation {
    Observation::Started { task: task.clone(), attempt }
}

fn ended(task: &Task, attempt: u32, outcome: Outcome) -> Observation {
    Observation::Ended { task: task.clone(), attempt, outcome, duration_millis: 1_500, log: None }
}

fn checked(task: &Task, attempt: u32, finding: Finding) -> Observation {
    Observation::UnknownChecked { task: task.clone(), attempt, finding }
}

fn asked_back() -> Cause {
    Cause::Person { by: person(), reason: None }
}

fn rollback_requested(cause: Cause) -> Observation {
    Observation::RollbackRequested { cause }
}

/// What two monitors said before the first step.
fn monitors_asked() -> Observation {
    let answer = |monitor: &str, verdict| MonitorAnswer { monitor: name(monitor), verdict };
    Observation::MonitorsAsked {
        answers: vec![answer("front", Verdict::Pass), answer("back", Verdict::Error)],
    }
}

/// An honest snapshot of everything that the plan declares.
fn snapshot_of(plan: &Plan) -> Observation {
    let captured = |step: &Step, position: usize| Captured {
        capture: CaptureId { step: step.name.clone(), position: u16::try_from(position).unwrap() },
        digest: None,
    };
    let captures = plan.steps.iter().flat_map(|step| (0..step.captures.len()).map(|at| captured(step, at)));
    Observation::SnapshotTaken { captures: captures.collect() }
}

/// Folds observations of which each must be new.
fn fold(plan: &Plan, rollback: Option<&RollbackPlan>, start: Run, observations: &[Observation]) -> Run {
    observations.iter().fold(start, |run, observation| match run.observe(plan, rollback, observation) {
        Ok(Observed::New(run)) => run,
        Ok(Observed::Already) => panic!("`{observation}` is known already"),
        Err(error) => panic!("{error}"),
    })
}
