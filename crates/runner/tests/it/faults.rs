//! Fail at every point: every strategy with every fault at every step, forward and backward. Each ends in a known state.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::id::StepName;
use domain::number::Share;
use domain::plan::{
    Bake, Decision, HoldWhen, Part, Phase, RunOutcome, Stage, Step, StepKind, Task, Undecided,
};
use domain::rollback::{HealthCheck, Reaction, RollbackConditions, RollbackSpeed};
use runner::{Ended, Options, RunnerError};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::bench::{Bench, change, definition, eventually, monitor, rollback_plan, run, step, undoing};
use crate::server::{Asked, Definition, Effect};
use crate::strategies::{bake, every_strategy, file_of, overwriting};

/// Cases that are played at the same time: most of their time is spent waiting.
const AT_ONCE: usize = 12;
/// Leases of lost runners end soon.
const LEASE: Duration = Duration::from_secs(2);
/// What a lease lives longer than it says, at most.
const A_MOMENT: Duration = Duration::from_millis(100);
/// What the first step overwrites.
const CONFIG: &str = "as before\n";

/// What goes wrong at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Failure,
    Timeout,
    RunnerKilled,
    /// The same with a step that must not be repeated: a person says that it has taken effect.
    RunnerKilledOnce,
    ServerKilled,
    NetworkLost,
    /// Nobody is reached for longer than a lease lives.
    Partition,
}

const FAULTS: [Fault; 7] = [
    Fault::Failure,
    Fault::Timeout,
    Fault::RunnerKilled,
    Fault::RunnerKilledOnce,
    Fault::ServerKilled,
    Fault::NetworkLost,
    Fault::Partition,
];

/// One disturbed run.
#[derive(Debug, Clone)]
struct Case {
    definition: Definition,
    fault: Fault,
    /// The step, or the one whose undo it is.
    step: Step,
    /// What is disturbed.
    task: Task,
    /// What the files are called that disturb it.
    file: String,
    place: String,
}

impl Case {
    fn new(definition: &Definition, at: usize, fault: Fault) -> Self {
        let step = definition.plan.steps.get(at).unwrap().clone();
        let place = format!("{} with {fault:?} at `{}`", definition.plan.strategy, step.name);
        let (task, file) = (Task::new(Part::Step, step.name.clone()), file_of(&step.name));
        let mut definition = overwriting(definition.clone());
        if fault == Fault::RunnerKilledOnce {
            definition.plan.steps.iter_mut().for_each(|step| step.idempotent = false);
        }
        Self { definition, fault, step, task, file, place }
    }

    fn backward(definition: &Definition, at: usize, fault: Fault) -> Self {
        let case = Self::new(definition, at, fault);
        Self {
            task: Task::new(Part::Undo, case.step.name.clone()),
            file: format!("undo-{}", case.file),
            place: format!("{}, backward", case.place),
            ..case
        }
    }

    async fn bench(&self) -> Bench {
        let bench = Bench::with_lease(self.definition.clone(), LEASE.as_secs()).await;
        bench.write("state", "");
        bench.write("config", CONFIG);
        bench
    }

    /// Prepares the fault.
    fn disturb(&self, bench: &Bench) {
        let file = |kind: &str| bench.write(&format!("{}.{kind}", self.file), "");
        match self.fault {
            Fault::Failure => file("fails"),
            Fault::Timeout => file("hangs"),
            // The first attempt takes effect and then waits for its end; the next one ends.
            Fault::RunnerKilled | Fault::RunnerKilledOnce => file("waits"),
            Fault::ServerKilled => self.away(bench, Effect::Unavailable),
            Fault::NetworkLost => self.away(bench, Effect::LoseAnswer),
            Fault::Partition => self.parted(bench),
        }
    }

    /// Whether a request is a report about the disturbed task.
    fn is_about(&self) -> impl Fn(&Asked<'_>) -> bool + Send + use<> {
        let task = serde_json::to_string(&self.task).unwrap();
        move |asked| asked.action == "progress" && asked.body.contains(&task)
    }

    /// From the first report about the task on, some requests meet nobody, or their answers are lost; then all is well
    /// again, as after a restart.
    fn away(&self, bench: &Bench, effect: Effect) {
        const REQUESTS_LOST: usize = 4;
        let (is_about, mut lost) = (self.is_about(), None);
        bench.server.disturb(move |asked| {
            if lost.is_none() && is_about(asked) {
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

    /// From the first report about the task on, nobody is reached until the lease has ended.
    fn parted(&self, bench: &Bench) {
        let (is_about, mut since) = (self.is_about(), None);
        bench.server.disturb(move |asked| {
            if since.is_none() && is_about(asked) {
                since = Some(Instant::now());
            }
            let is_away = since.is_some_and(|since: Instant| since.elapsed() < LEASE + A_MOMENT);
            if is_away { Effect::Unavailable } else { Effect::Serve }
        });
    }

    /// Carries the change out, with a second runner where the first one is killed or loses its lease.
    async fn carry_out(&self, bench: &Bench) -> Result<Ended, RunnerError> {
        if matches!(self.fault, Fault::RunnerKilled | Fault::RunnerKilledOnce) {
            self.killed(bench).await;
        }
        let ended = bench.implement(&undoing()).await;
        let Err(RunnerError::Fenced { .. }) = ended else { return ended };
        // It was away for longer than its lease lives: the next one goes on.
        sleep(LEASE + A_MOMENT).await;
        bench.implement(&undoing()).await
    }

    /// The runner is gone in the middle of the task, as by `kill -9`: its future is dropped and reports nothing. Its lease
    /// runs out.
    async fn killed(&self, bench: &Bench) {
        let (options, started) = (undoing(), format!("{} started, attempt 1", self.task));
        tokio::select! {
            ended = bench.implement(&options) => panic!("{}: it ended before it was killed: {ended:?}", self.place),
            () = async {
                bench.observed(&started).await;
                let has_begun = || !bench.exists(&format!("{}.waits", self.file));
                if self.fault == Fault::RunnerKilledOnce && self.task.part == Part::Step && self.step.kind.has_effect() {
                    eventually("the step's effect", || has_begun().then_some(())).await;
                }
            } => {}
        }
        sleep(LEASE + A_MOMENT).await;
        // It may have been killed before it could do anything.
        let _gone = std::fs::remove_file(bench.path(&format!("{}.waits", self.file)));
    }
}

/// Plays all cases, some at a time.
async fn all<F: Future<Output = ()> + Send + 'static>(
    cases: Vec<Case>,
    play: impl Fn(Case) -> F + Send + Sync + 'static,
) {
    let (total, next) = (cases.len(), Arc::new(AtomicUsize::new(0)));
    let (cases, played, play) = (Arc::new(cases), Arc::new(Mutex::new(0)), Arc::new(play));
    let mut players = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (cases, next) = (Arc::clone(&cases), Arc::clone(&next));
        let (played, play) = (Arc::clone(&played), Arc::clone(&play));
        players.spawn(async move {
            while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                play(case.clone()).await;
                *played.lock().unwrap() += 1;
            }
        });
    }
    while let Some(player) = players.join_next().await {
        player.unwrap();
    }
    assert_eq!(*played.lock().unwrap(), total);
}

/// Every strategy, every step and every fault there: taken back to the state before the first step, or carried out whole, and
/// what is said of it is compared with what is so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_at_whichever_step_the_end_is_known_and_so() {
    let mut cases = Vec::new();
    for definition in every_strategy() {
        for at in 0..definition.plan.steps.len() {
            cases.extend(FAULTS.map(|fault| Case::new(&definition, at, fault)));
        }
    }
    assert!(cases.len() >= 100, "four strategies, seven faults: {}", cases.len());
    all(cases, forward).await;
}

async fn forward(case: Case) {
    let mut case = case;
    for step in &mut case.definition.plan.steps {
        // Every hold holds here, so that each is met by every fault.
        if let StepKind::Hold(hold) = &mut step.kind {
            hold.when = HoldWhen::Always;
        }
    }
    let (is_bake, is_hold) = (matches!(case.step.kind, StepKind::Bake(_)), case.step.kind.is_manual());
    if case.fault == Fault::Timeout {
        let name = case.step.name.clone();
        let step = case.definition.plan.steps.iter_mut().find(|step| step.name == name).unwrap();
        step.timeout_seconds = 1;
        if is_bake {
            // Its time is over before it can say anything.
            step.kind = StepKind::Bake(Bake { duration_millis: 5_000, ..bake(Undecided::RollBack) });
        }
    }
    let bench = case.bench().await;
    case.disturb(&bench);
    let breaks = async {
        if is_bake && case.fault == Fault::Failure {
            bench.observed(&format!("{} started, attempt 1", case.task)).await;
            bench.write("broken", "");
        }
        std::future::pending::<()>().await;
    };
    let answer = |step: &StepName| match case.fault {
        Fault::Timeout if is_hold && *step == case.step.name => None,
        Fault::Failure if is_hold && *step == case.step.name => Some(Decision::GiveUp),
        _ => Some(Decision::Done),
    };
    let ended = tokio::select! {
        ended = case.carry_out(&bench) => ended,
        () = breaks => unreachable!("it waits for ever"),
        () = bench.server.answer(answer) => unreachable!("it waits for ever"),
    };
    match case.fault {
        Fault::Failure | Fault::Timeout => restored(&bench, ended, &case.place),
        Fault::RunnerKilled | Fault::ServerKilled | Fault::NetworkLost | Fault::Partition => {
            carried_out(&bench, ended, &case.place);
        }
        Fault::RunnerKilledOnce => {
            carried_out(&bench, ended, &case.place);
            let text = bench.read("state");
            let marks: Vec<&str> = text.lines().collect();
            let once: BTreeSet<&str> = marks.iter().copied().collect();
            assert_eq!(once.len(), marks.len(), "{}: done twice: {marks:?}", case.place);
        }
    }
}

/// Every strategy is carried out and then fails, and every fault hits every undo. Everything is taken back, or what is not is
/// named and taken back when a person asks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_while_it_is_taken_back_the_end_is_known_and_so() {
    let mut cases = Vec::new();
    for mut definition in every_strategy() {
        let with_undo: Vec<usize> = (0..)
            .zip(&definition.plan.steps)
            .filter_map(|(at, step)| step.undo.is_some().then_some(at))
            .collect();
        definition.plan.steps.push(Step { undo: Some(run("true")), ..step("doom", "false") });
        for at in with_undo {
            cases.extend(FAULTS.map(|fault| Case::backward(&definition, at, fault)));
        }
    }
    assert!(cases.len() >= 72, "four strategies, at least three undos each, seven faults: {}", cases.len());
    all(cases, backward).await;
}

async fn backward(case: Case) {
    let mut case = case;
    if case.fault == Fault::Timeout {
        let name = case.step.name.clone();
        let step = case.definition.plan.steps.iter_mut().find(|step| step.name == name).unwrap();
        step.timeout_seconds = 1;
    }
    let bench = case.bench().await;
    case.disturb(&bench);
    let ended = tokio::select! {
        ended = case.carry_out(&bench) => ended,
        () = bench.server.answer(|_| Some(Decision::Done)) => unreachable!("it waits for ever"),
    };
    match case.fault {
        Fault::Failure | Fault::Timeout => not_undone(&bench, ended, &case).await,
        _ => {
            assert!(
                matches!(&ended, Ok(Ended::RolledBack { .. })),
                "{}: {ended:?}\n{:#?}",
                case.place,
                bench.server.history()
            );
            as_before(&bench, &case.place);
        }
    }
}

/// What could not be undone is named, everything else is undone, and asking again brings it to its end.
async fn not_undone(bench: &Bench, ended: Result<Ended, RunnerError>, case: &Case) {
    let place = &case.place;
    let Ok(Ended::RollbackFailed { outcome: RunOutcome::PartlyUndone { not_undone, .. }, .. }) = &ended
    else {
        panic!("{place}: {ended:?}")
    };
    assert_eq!(not_undone.as_slice(), std::slice::from_ref(&case.step.name), "{place}");
    assert_eq!(bench.state(), "failed", "{place}");
    let left = bench.read("state");
    let at_most = usize::from(case.fault == Fault::Timeout);
    assert_eq!(left.lines().count(), at_most, "{place}: only what could not be undone is left: {left}");
    for kind in ["fails", "hangs"] {
        let _none = std::fs::remove_file(bench.path(&format!("{}.{kind}", case.file)));
    }
    let again = bench.runner().roll_back(change(), "mended", &Options::default()).await;
    assert!(matches!(&again, Ok(Ended::RolledBack { .. })), "{place}: {again:?}");
    as_before(bench, place);
}

/// What is to be isolated: installed, given traffic, and found bad.
fn isolating() -> Definition {
    let noted = |name: &str, undo: &str| Step { undo: Some(run(undo)), ..step(name, "true") };
    let action = Reaction { rollback: RollbackSpeed::Immediate, quarantine: true };
    let health_check = Some(HealthCheck { failed_checks: 3, action });
    let shift: StepName = "shift".parse().unwrap();
    let mut definition = definition([
        noted("install", "echo removed >> log"),
        noted("shift", "echo traffic back >> log"),
        step("break", "touch broken; sleep 300"),
    ]);
    let weight = Some(Share::new(10).unwrap());
    definition.plan.stages = vec![Stage { name: shift.clone(), weight, steps: vec![shift] }];
    let line = "test ! -e isolate.hangs || sleep 300; cp broken kept; echo isolated >> log; \
                test ! -e isolate.waits || { rm isolate.waits; sleep 300; }; test ! -e isolate.fails";
    let mut back = rollback_plan([]);
    back.quarantine = vec![Step { timeout_seconds: 2, idempotent: true, ..step("isolate", line) }];
    definition.rollback_plan = Some(back);
    definition.monitors = vec![monitor("front", "test ! -e broken")];
    definition.conditions = RollbackConditions { health_check, ..RollbackConditions::default() };
    definition
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_while_it_is_isolated_the_change_is_taken_back_and_the_end_is_known() {
    let definition = isolating();
    let isolate = definition.rollback_plan.as_ref().unwrap().quarantine.first().unwrap().clone();
    let cases = FAULTS.map(|fault| Case {
        definition: definition.clone(),
        fault,
        step: isolate.clone(),
        task: Task::new(Part::Quarantine, isolate.name.clone()),
        file: "isolate".to_owned(),
        place: format!("quarantine with {fault:?}"),
    });
    all(cases.to_vec(), isolated).await;
}

async fn isolated(case: Case) {
    let bench = case.bench().await;
    case.disturb(&bench);
    let ended = tokio::select! {
        ended = case.carry_out(&bench) => ended,
        () = bench.server.answer(|_| Some(Decision::Done)) => unreachable!("it waits for ever"),
    };
    let (place, log) = (&case.place, bench.read("log"));
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!((lines.first(), lines.last()), (Some(&"traffic back"), Some(&"removed")), "{place}: {log}");
    let told = bench.server.change().run.as_ref().and_then(|run| run.quarantine()).map(str::to_owned);
    match case.fault {
        Fault::Failure | Fault::Timeout => {
            assert!(matches!(&ended, Ok(Ended::RollbackFailed { .. })), "{place}: {ended:?}");
            assert_eq!(told.as_deref(), Some("the changed thing could not be isolated"), "{place}");
        }
        _ => {
            assert!(matches!(&ended, Ok(Ended::RolledBack { .. })), "{place}: {ended:?}");
            assert!(bench.exists("kept") && log.contains("isolated"), "{place}: {log}");
        }
    }
}

fn as_before(bench: &Bench, place: &str) {
    assert_eq!(bench.state(), "rolled_back", "{place}");
    assert_eq!(bench.read("state"), "", "{place}: not as before the first step");
    assert_eq!(bench.read("config"), CONFIG, "{place}: what was saved is not put back");
}

fn restored(bench: &Bench, ended: Result<Ended, RunnerError>, place: &str) {
    let ended = ended.unwrap_or_else(|error| panic!("{place}: {error}"));
    let Ended::RolledBack { outcome, .. } = ended else { panic!("{place}: {ended:?}") };
    assert_eq!(outcome, RunOutcome::Undone { left_in_place: vec![] }, "{place}");
    as_before(bench, place);
}

fn carried_out(bench: &Bench, ended: Result<Ended, RunnerError>, place: &str) {
    let ended = ended.unwrap_or_else(|error| panic!("{place}: {error}\n{:#?}", bench.server.history()));
    assert_eq!(ended, Ended::Implemented, "{place}");
    assert_eq!(bench.state(), "validating", "{place}");
    let change = bench.server.change();
    let is_finished = change.run.as_ref().is_some_and(|run| matches!(run.phase(), Phase::Finished));
    assert!(is_finished, "{place}");
    drop(change);
    assert_eq!(bench.read("config"), "changed\n", "{place}");
    let mut marks: Vec<String> = bench.read("state").lines().map(str::to_owned).collect();
    marks.dedup();
    let effects = bench.server.change().steps_with_effect();
    assert_eq!(marks.len(), effects, "{place}: {marks:?}");
}
