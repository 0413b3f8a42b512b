//! Plans of every strategy, whose steps leave marks and can be disturbed one by one.

use domain::id::StepName;
use domain::number::Share;
use domain::plan::strategy::{Batch, BlueGreen, Canary, CanaryStage, Filling, Rolling, Spread, Unspreadable};
use domain::plan::{Bake, Capture, Monitor, Plan, Step, StepKind, Strategy, Undecided};
use domain::rollback::RollbackConditions;

use crate::bench::{definition, monitor, run, step};
use crate::server::Definition;

/// Long enough for the answers that a verdict needs, at ten a second.
const BAKE_MILLIS: u64 = 300;
pub(crate) fn bake(undecided: Undecided) -> Bake {
    Bake { duration_millis: BAKE_MILLIS, extension_millis: 2_000, undecided, analysis: None }
}

/// The name of a step in the names of the files by which it, or its undo, is made to fail, hang or wait.
pub(crate) fn file_of(step: &StepName) -> String {
    step.as_str().replace([' ', '%'], "-")
}

/// A step that leaves its mark in the file `state`, and takes it away again. Files beside that make it, or its undo, fail,
/// hang before it has taken effect, or wait for ever after that, once.
fn marking(name: &str, mark: &str) -> Step {
    let file = name.replace(' ', "-");
    let disturbed = |file: &str, effect: &str| {
        format!(
            "test ! -e {file}.hangs || sleep 300; {effect}; \
             test ! -e {file}.waits || {{ rm {file}.waits; sleep 300; }}; test ! -e {file}.fails"
        )
    };
    let line = disturbed(&file, &format!("echo {mark} >> state; echo {file} >> begun"));
    let taken_away = format!("grep -vx {mark} state > state.new || true; mv state.new state");
    let undo = Some(run(&disturbed(&format!("undo-{file}"), &taken_away)));
    Step { undo, idempotent: true, timeout_seconds: 20, ..step(name, &line) }
}

fn shift(filling: &Filling<'_>) -> Result<Step, Unspreadable> {
    Ok(marking("shift", &filling.fill("weight-{{weight}}")))
}

pub(crate) fn canary(undecided: Undecided) -> Spread {
    let stage = |percent: i64| CanaryStage {
        weight: Share::new(percent * 100).unwrap(),
        bake: Some(bake(undecided)),
        hold: false,
    };
    let (prepare, promote) = (vec![marking("start", "new")], vec![marking("promote", "promoted")]);
    let canary = Canary { prepare, stages: vec![stage(5), stage(100)], analysis: None, promote };
    // Names are given after the template is filled, so each stage's faults would be those of all.
    let spread = canary.spread::<Unspreadable>(shift).unwrap();
    renamed(spread)
}

/// Steps whose faults are their own, by their final names.
fn renamed(spread: Spread) -> Spread {
    let steps = spread.steps.into_iter().map(|step| match &step.kind {
        StepKind::Run(command) => {
            let line = command.argv.last().unwrap();
            let mark = line.split(" >> state").next().unwrap().rsplit("echo ").next().unwrap();
            let marked = marking(&file_of(&step.name), mark);
            Step { name: step.name, ..marked }
        }
        _ => step,
    });
    let steps = steps.collect();
    Spread { steps, stages: spread.stages, tolerance: spread.tolerance }
}

fn rolling() -> Spread {
    let rolling = Rolling {
        prepare: vec![],
        targets: ["web-1", "web-2", "web-3"].map(str::to_owned).to_vec(),
        batch: Batch::Count(2),
        max_failures: Batch::Count(0),
        bake: Some(bake(Undecided::RollBack)),
        finish: vec![],
    };
    let spread = rolling.spread::<Unspreadable>(|filling| {
        Ok(vec![marking(&filling.fill("update {{target}}"), &filling.fill("new-on-{{target}}"))])
    });
    renamed(spread.unwrap())
}

fn blue_green() -> Spread {
    let (prepare, retire) = (vec![marking("green", "green")], vec![marking("retire", "retired")]);
    let switch = marking("switch", "switched");
    let keep_warm = bake(Undecided::RollBack);
    BlueGreen { prepare, hold: true, switch, keep_warm, retire }.spread().unwrap()
}

fn all_at_once() -> Spread {
    let steps = ["one", "two", "three"].map(|name| marking(name, &format!("{name}-done")));
    Spread { steps: steps.to_vec(), ..Spread::default() }
}

/// The first step also overwrites a file that nothing but what was saved beforehand brings back.
pub(crate) fn overwriting(definition: Definition) -> Definition {
    let mut definition = definition;
    let first = definition.plan.steps.first_mut().unwrap();
    let StepKind::Run(command) = &mut first.kind else { panic!("a program") };
    command.argv.last_mut().unwrap().insert_str(0, "echo changed > config; ");
    first.captures = vec![Capture::File { path: "config".to_owned() }];
    definition
}

/// What is carried out, with one monitor that passes until something is broken.
pub(crate) fn staged(strategy: Strategy, spread: Spread) -> Definition {
    let mut definition = definition(spread.steps);
    definition.plan =
        Plan { strategy, stages: spread.stages, tolerance: spread.tolerance, ..definition.plan };
    definition.plan.validate().unwrap();
    definition.monitors = vec![front()];
    definition.conditions = RollbackConditions::default();
    definition
}

fn front() -> Monitor {
    monitor("front", "test -e mute && kill -9 $$; test ! -e broken")
}

pub(crate) fn every_strategy() -> Vec<Definition> {
    vec![
        staged(Strategy::AllAtOnce, all_at_once()),
        staged(Strategy::Canary, canary(Undecided::RollBack)),
        staged(Strategy::Rolling, rolling()),
        staged(Strategy::BlueGreen, blue_green()),
    ]
}
