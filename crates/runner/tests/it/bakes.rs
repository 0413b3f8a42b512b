//! Bakes, holds and stages with real processes, and every strategy with every fault at every step.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::id::StepName;
use domain::number::Share;
use domain::plan::strategy::{Batch, BlueGreen, Canary, CanaryStage, Filling, Rolling, Spread, Unspreadable};
use domain::plan::{
    Bake, Cause, Decision, HoldWhen, Monitor, Phase, Plan, RunOutcome, Step, StepKind, Strategy, Undecided,
};
use domain::rollback::RollbackConditions;
use runner::{Ended, OnStop, Options, RunnerError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, all, definition, monitor, run, step, told, undoing};
use crate::server::{Definition, Effect};

/// Long enough for the answers that a verdict needs, at ten a second.
const BAKE_MILLIS: u64 = 300;
/// Cases that are played at the same time: most of their time is spent waiting.
const AT_ONCE: usize = 12;
/// Leases of lost runners end soon.
const LEASE_SECONDS: u64 = 2;

fn bake(undecided: Undecided) -> Bake {
    Bake { duration_millis: BAKE_MILLIS, extension_millis: 2_000, undecided, analysis: None }
}

/// A step that leaves its mark in the file `state`, and takes it away again; it can be made to fail, hang or stop.
fn marking(name: &str, mark: &str) -> Step {
    let file = name.replace(' ', "-");
    let line = format!(
        "test ! -e {file}.hangs || sleep 300; echo {mark} >> state; echo {file} >> begun; \
         test ! -e {file}.waits || {{ rm {file}.waits; sleep 300; }}; test ! -e {file}.fails"
    );
    let undo = format!("grep -vx {mark} state > state.new || true; mv state.new state");
    Step { undo: Some(run(&undo)), idempotent: true, timeout_seconds: 20, ..step(name, &line) }
}

fn shift(filling: &Filling<'_>) -> Result<Step, Unspreadable> {
    Ok(marking("shift", &filling.fill("weight-{{weight}}")))
}

fn canary(undecided: Undecided) -> Spread {
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
            let file = step.name.as_str().replace([' ', '%'], "-");
            let line = command.argv.last().unwrap();
            let mark = line.split(" >> state").next().unwrap().rsplit("echo ").next().unwrap();
            let marked = marking(&file, mark);
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

/// What is carried out, with one monitor that passes until something is broken.
fn staged(strategy: Strategy, spread: Spread) -> Definition {
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

fn every_strategy() -> Vec<Definition> {
    vec![
        staged(Strategy::Canary, canary(Undecided::RollBack)),
        staged(Strategy::Rolling, rolling()),
        staged(Strategy::BlueGreen, blue_green()),
    ]
}

#[tokio::test]
async fn a_canary_that_is_well_goes_on_stage_by_stage() {
    let bench = Bench::with_lease(staged(Strategy::Canary, canary(Undecided::RollBack)), 5).await;
    let (mut options, mut updates) = told();
    // Bakes watch whether or not the monitors were asked for.
    (options.auto_rollback, options.monitor) = (true, false);
    assert_eq!(bench.implement(&options).await.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("state"), "new\nweight-5\nweight-100\npromoted\n");
    let told = format!("{:?}", all(&mut updates));
    assert!(told.contains("answers passed"), "a bake says what it saw: {told}");
}

#[tokio::test]
async fn a_bad_version_is_withdrawn_at_its_first_stage() {
    let mut definition = staged(Strategy::Canary, canary(Undecided::RollBack));
    // It breaks what the monitor looks at as soon as it has any traffic.
    let StepKind::Run(shift) = &mut definition.plan.steps[1].kind else { panic!("a program") };
    shift.argv[2].push_str("; touch broken");
    definition.plan.steps[1].undo = Some(run("rm -f broken; : > state"));
    let bench = Bench::with_lease(definition, 5).await;
    let ended = bench.implement(&undoing()).await.unwrap();
    let Ended::RolledBack { cause: Some(Cause::StepFailed { step }), outcome } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(step.as_str(), "bake at 5%");
    assert_eq!(outcome, RunOutcome::Undone { left_in_place: vec![] });
    assert!(!bench.exists("broken"));
    assert!(!bench.read("begun").contains("promote"), "{}", bench.read("begun"));
}

#[tokio::test]
async fn without_data_nobody_goes_on() {
    let bench = Bench::with_lease(staged(Strategy::Canary, canary(Undecided::Ask)), 5).await;
    bench.write("mute", "");
    let person = async {
        let question = bench.question().await;
        assert!(question.contains("bake at 5%"), "{question}");
        let history = bench.server.history();
        assert!(history.iter().any(|it| it.contains("could not be decided") || it.contains("failed")));
        std::fs::remove_file(bench.path("mute")).unwrap();
        bench.server.decide("bake at 5%", Decision::Redo);
    };
    let (ended, ()) = bench.implement_while(&Options::default(), person).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);

    let bench = Bench::with_lease(staged(Strategy::Canary, canary(Undecided::RollBack)), 5).await;
    bench.write("mute", "");
    let ended = bench.implement(&undoing()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    assert_eq!(bench.read("state"), "");
}

#[tokio::test]
async fn a_bake_that_lost_its_runner_watches_its_whole_time_again() {
    let mut definition = staged(Strategy::Canary, canary(Undecided::RollBack));
    for step in &mut definition.plan.steps {
        if let StepKind::Bake(bake) = &mut step.kind {
            bake.duration_millis = 1_500;
        }
    }
    let bench = Bench::with_lease(definition, 3).await;
    let stop = CancellationToken::new();
    let options = Options { stop: stop.clone(), on_stop: OnStop::Release, ..undoing() };
    let meanwhile = async {
        bench.observed("step `bake at 5%` started, attempt 1").await;
        stop.cancel();
    };
    let (ended, ()) = bench.implement_while(&options, meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Released);
    let began = std::time::Instant::now();
    assert_eq!(bench.implement(&undoing()).await.unwrap(), Ended::Implemented);
    assert!(began.elapsed() >= Duration::from_secs(3), "both bakes take their time");
    assert!(bench.server.history().contains(&"step `bake at 5%` started, attempt 2".to_owned()));
}

/// What goes wrong at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Failure,
    Timeout,
    RunnerKilled,
    ServerKilled,
    NetworkLost,
}

const FAULTS: [Fault; 5] =
    [Fault::Failure, Fault::Timeout, Fault::RunnerKilled, Fault::ServerKilled, Fault::NetworkLost];

/// Every strategy, every step and every fault there. Each ends in a known state: taken back to the state before the first step,
/// or carried out whole, and what is said of it is compared with what is so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_at_whichever_step_the_end_is_known_and_so() {
    let mut cases = Vec::new();
    for definition in every_strategy() {
        for at in 0..definition.plan.steps.len() {
            cases.extend(FAULTS.map(|fault| (definition.clone(), at, fault)));
        }
    }
    let (total, next) = (cases.len(), Arc::new(AtomicUsize::new(0)));
    let (cases, seen) = (Arc::new(cases), Arc::new(Mutex::new(Vec::new())));
    let mut players = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (cases, next, seen) = (Arc::clone(&cases), Arc::clone(&next), Arc::clone(&seen));
        players.spawn(async move {
            while let Some((definition, at, fault)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                play(definition, *at, *fault).await;
                seen.lock().unwrap().push((*at, *fault));
            }
        });
    }
    while let Some(played) = players.join_next().await {
        played.unwrap();
    }
    assert_eq!(seen.lock().unwrap().len(), total);
    assert!(total >= 75, "three strategies, at least five steps each, five faults: {total}");
}

async fn play(definition: &Definition, at: usize, fault: Fault) {
    let mut definition = definition.clone();
    // Every hold holds here, so that each is met by every fault.
    for step in &mut definition.plan.steps {
        if let StepKind::Hold(hold) = &mut step.kind {
            hold.when = HoldWhen::Always;
        }
    }
    let strategy = definition.plan.strategy;
    let step = definition.plan.steps.get_mut(at).unwrap();
    let faulty = step.clone();
    let place = format!("{strategy} with {fault:?} at `{}`", faulty.name);
    let (is_bake, is_hold) = (matches!(faulty.kind, StepKind::Bake(_)), faulty.kind.is_manual());
    if fault == Fault::Timeout {
        step.timeout_seconds = 1;
        if is_bake {
            // Its time is over before it can say anything.
            step.kind = StepKind::Bake(Bake { duration_millis: 5_000, ..bake(Undecided::RollBack) });
        }
    }
    let bench = Bench::with_lease(definition.clone(), LEASE_SECONDS).await;
    bench.write("state", "");
    let file = faulty.name.as_str().replace([' ', '%'], "-");
    match fault {
        Fault::Failure if !is_bake => bench.write(&format!("{file}.fails"), ""),
        Fault::Timeout if !is_bake => bench.write(&format!("{file}.hangs"), ""),
        // The first attempt takes effect and then waits for its end; the next one ends.
        Fault::RunnerKilled => bench.write(&format!("{file}.waits"), ""),
        Fault::ServerKilled => away(&bench, faulty.name.as_str(), Effect::Unavailable),
        Fault::NetworkLost => away(&bench, faulty.name.as_str(), Effect::LoseAnswer),
        Fault::Failure | Fault::Timeout => {}
    }
    let started = format!("step `{}` started, attempt 1", faulty.name);
    let runner = async {
        if fault == Fault::RunnerKilled {
            killed(&bench, &started, &place).await;
            // It may have been killed before it could do anything.
            let _gone = std::fs::remove_file(bench.path(&format!("{file}.waits")));
        }
        let ended = bench.implement(&undoing()).await;
        if !matches!(ended, Err(RunnerError::Fenced { .. })) {
            return ended;
        }
        // It was away for longer than its lease lives, as on a machine with much else to do: the next one goes on.
        tokio::time::sleep(Duration::from_secs(LEASE_SECONDS) + Duration::from_millis(100)).await;
        bench.implement(&undoing()).await
    };
    let breaks = async {
        if is_bake && fault == Fault::Failure {
            bench.observed(&started).await;
            bench.write("broken", "");
        }
        std::future::pending::<()>().await;
    };
    let answer = |step: &StepName| match fault {
        Fault::Timeout if is_hold && *step == faulty.name => None,
        Fault::Failure if is_hold && *step == faulty.name => Some(Decision::GiveUp),
        _ => Some(Decision::Done),
    };
    let ended = tokio::select! {
        ended = runner => ended,
        () = breaks => unreachable!("it waits for ever"),
        () = bench.server.answer(answer) => unreachable!("it waits for ever"),
    };
    match fault {
        Fault::Failure | Fault::Timeout => restored(&bench, ended, &place),
        Fault::RunnerKilled | Fault::ServerKilled | Fault::NetworkLost => carried_out(&bench, ended, &place),
    }
}

/// From the first report about the step on, some requests meet nobody, or their answers are lost; then all is well again, as
/// after a restart.
fn away(bench: &Bench, step: &str, effect: Effect) {
    const REQUESTS_LOST: usize = 4;
    let (about, mut lost) = (format!("\"{step}\""), None);
    bench.server.disturb(move |asked| {
        if lost.is_none() && asked.action == "progress" && asked.body.contains(&about) {
            lost = Some(0);
        }
        match &mut lost {
            Some(count) if *count < REQUESTS_LOST => {
                *count += 1;
                effect.clone()
            }
            Some(_) | None => Effect::Serve,
        }
    });
}

/// The runner is gone in the middle of the step, as by `kill -9`: its future is dropped and reports nothing. Its lease
/// runs out.
async fn killed(bench: &Bench, started: &str, place: &str) {
    let options = undoing();
    tokio::select! {
        ended = bench.implement(&options) => panic!("{place}: it ended before it was killed: {ended:?}"),
        () = bench.observed(started) => {}
    }
    tokio::time::sleep(Duration::from_secs(LEASE_SECONDS) + Duration::from_millis(100)).await;
}

fn restored(bench: &Bench, ended: Result<Ended, RunnerError>, place: &str) {
    let ended = ended.unwrap_or_else(|error| panic!("{place}: {error}"));
    let Ended::RolledBack { outcome, .. } = ended else { panic!("{place}: {ended:?}") };
    assert_eq!(outcome, RunOutcome::Undone { left_in_place: vec![] }, "{place}");
    assert_eq!(bench.state(), "rolled_back", "{place}");
    assert_eq!(bench.read("state"), "", "{place}: not as before the first step");
}

fn carried_out(bench: &Bench, ended: Result<Ended, RunnerError>, place: &str) {
    let ended = ended.unwrap_or_else(|error| panic!("{place}: {error}\n{:#?}", bench.server.history()));
    assert_eq!(ended, Ended::Implemented, "{place}");
    assert_eq!(bench.state(), "validating", "{place}");
    let change = bench.server.change();
    let is_finished = change.run.as_ref().is_some_and(|run| matches!(run.phase(), Phase::Finished));
    assert!(is_finished, "{place}");
    drop(change);
    let mut marks: Vec<String> = bench.read("state").lines().map(str::to_owned).collect();
    marks.dedup();
    let effects = bench.server.change().steps_with_effect();
    assert_eq!(marks.len(), effects, "{place}: {marks:?}");
}
