//! Monitors and what follows from a breach.

use domain::id::StepName;
use domain::number::Share;
use domain::plan::{Cause, Observation, Stage, Step};
use domain::rollback::{HealthCheck, Latency, LatencyThreshold, Reaction, RollbackConditions, RollbackSpeed};
use runner::{Ended, Options, Progress, Response};

use crate::bench::{
    Bench, ENDLESS, all, definition, eventually, health_check, is_running, monitor, noting, rollback_plan,
    run, step, told, undoing,
};
use crate::server::{Definition, Effect};

/// A step that breaks what the monitor looks at and then runs on, and its undo.
fn breaking(conditions: RollbackConditions) -> Definition {
    let breaks = Step { undo: Some(run("rm broken")), ..step("break", &format!("touch broken; {ENDLESS}")) };
    let mut plan = definition([noting("one"), breaks, noting("three")]);
    plan.monitors = vec![monitor("front", "test ! -e broken")];
    plan.conditions = conditions;
    plan
}

#[tokio::test]
async fn a_breach_stops_the_step_and_takes_the_change_back() {
    let bench = Bench::with_lease(breaking(health_check(RollbackSpeed::Immediate)), 3).await;
    let (mut options, mut updates) = told();
    options.auto_rollback = true;
    let ended = bench.implement(&options).await.unwrap();
    let Ended::RolledBack { cause: Some(Cause::Breach { monitor, explanation, .. }), .. } = &ended else {
        panic!("{ended:?}")
    };
    assert_eq!(monitor.as_str(), "front");
    assert_eq!(explanation.as_str(), "3 checks in a row failed, the limit is 3");
    assert_eq!(bench.read("log"), "one\nundo one\n");
    assert!(!bench.exists("broken"));
    for pid in bench.lines("pids", 2).await {
        assert!(!is_running(&pid), "{pid}");
    }
    let told = all(&mut updates);
    let responses: Vec<_> = told
        .iter()
        .filter_map(|update| match update {
            Progress::Breached { response, .. } => Some(response),
            _ => None,
        })
        .collect();
    assert_eq!(responses.first(), Some(&&Response::RolledBack), "{told:#?}");
}

#[tokio::test]
async fn a_gradual_rollback_lets_the_running_step_end() {
    let mut plan = breaking(health_check(RollbackSpeed::Gradual));
    let line = "touch broken; while ! test -e go; do sleep 0.01; done; echo ended >> log";
    plan.plan.steps[1].kind = run(line);
    let bench = Bench::with_lease(plan, 3).await;
    let meanwhile = async {
        eventually("the rollback", || (bench.phase() == "rolling_back").then_some(())).await;
        let seen = bench.server.requests();
        eventually("two heartbeats", || (bench.server.requests() >= seen + 2).then_some(())).await;
        assert!(!bench.read("log").contains("undo"), "undone while the step ran");
        bench.write("go", "");
    };
    let (ended, ()) = bench.implement_while(&undoing(), meanwhile).await;
    assert!(matches!(ended.unwrap(), Ended::RolledBack { .. }));
    assert_eq!(bench.read("log"), "one\nended\nundo one\n");
}

#[tokio::test]
async fn without_automatic_rollback_a_breach_pauses_the_change() {
    let mut plan = breaking(health_check(RollbackSpeed::Immediate));
    plan.plan.steps[1].kind = run("touch broken; while ! test -e go; do sleep 0.01; done");
    let bench = Bench::with_lease(plan, 3).await;
    let (options, mut updates) = told();
    let meanwhile = async {
        bench.observed("pause requested").await;
        bench.write("go", "");
        bench.observed("step `break` succeeded, attempt 1").await;
        let seen = bench.server.requests();
        eventually("two heartbeats", || (bench.server.requests() >= seen + 2).then_some(())).await;
        assert_eq!((bench.phase(), bench.read("log").as_str()), ("paused", "one\n"));
        std::fs::remove_file(bench.path("broken")).unwrap();
        bench.server.observe(&Observation::ResumeRequested);
    };
    let (ended, ()) = bench.implement_while(&options, meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("log"), "one\nthree\n");
    let told = all(&mut updates);
    let paused = |update: &Progress| matches!(update, Progress::Breached { response: Response::Paused, .. });
    assert_eq!(told.iter().filter(|update| paused(update)).count(), 1, "{told:#?}");
}

#[tokio::test]
async fn a_rollback_that_the_server_refuses_becomes_a_pause() {
    let mut plan = breaking(health_check(RollbackSpeed::Immediate));
    plan.plan.steps[1].kind = run("touch broken; while ! test -e go; do sleep 0.01; done");
    let bench = Bench::with_lease(plan, 3).await;
    bench.server.disturb(|asked| {
        let is_refused = asked.body.contains("rollback_requested");
        if is_refused { Effect::Refuse } else { Effect::Serve }
    });
    let meanwhile = async {
        bench.observed("pause requested").await;
        bench.write("go", "");
        bench.observed("step `break` succeeded, attempt 1").await;
        assert_eq!((bench.phase(), bench.read("log").as_str()), ("paused", "one\n"));
        bench.server.roll_back();
    };
    let (ended, ()) = bench.implement_while(&undoing(), meanwhile).await;
    assert!(matches!(ended.unwrap(), Ended::RolledBack { .. }));
    assert_eq!(bench.read("log"), "one\nundo one\n");
}

#[tokio::test]
async fn samples_reach_the_server_also_when_an_answer_was_lost() {
    let mut plan = definition([step("wait", "while ! test -e go; do sleep 0.01; done")]);
    plan.monitors = vec![monitor("front", "true"), monitor("back", "exit 1")];
    let bench = Bench::with_lease(plan, 3).await;
    let mut heartbeats = 0;
    bench.server.disturb(move |asked| {
        heartbeats += usize::from(asked.action == "heartbeat");
        if heartbeats == 2 { Effect::Unavailable } else { Effect::Serve }
    });
    let meanwhile = async {
        let count = |monitor: &str| {
            let change = bench.server.change();
            change.samples.iter().filter(|sample| sample.monitor == monitor).count()
        };
        eventually("samples of both", || (count("front") >= 15 && count("back") >= 15).then_some(())).await;
        bench.write("go", "");
    };
    let (ended, ()) = bench.implement_while(&Options::default(), meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);
    let change = bench.server.change();
    let (front, back): (Vec<_>, Vec<_>) = change.samples.iter().partition(|sample| sample.monitor == "front");
    assert!(front.iter().all(|sample| sample.verdict == "pass" && sample.latency_micros.is_some()));
    assert!(back.iter().all(|sample| sample.verdict == "fail"));
    let times: Vec<&str> = front.iter().map(|sample| sample.at.as_str()).collect();
    assert!(times.is_sorted() && times.windows(2).all(|pair| pair[0] != pair[1]), "{times:#?}");
}

#[tokio::test]
async fn monitors_that_are_not_wanted_are_not_asked() {
    let mut plan = definition([noting("one")]);
    plan.monitors = vec![monitor("front", "touch asked")];
    let bench = Bench::new(plan).await;
    let options = Options { monitor: false, ..Options::default() };
    assert_eq!(bench.implement(&options).await.unwrap(), Ended::Implemented);
    assert!(!bench.exists("asked"));
}

#[tokio::test]
async fn every_monitor_is_asked_and_put_on_record_before_the_first_step() {
    let mut plan = definition([noting("one")]);
    plan.monitors = vec![monitor("front", "true"), monitor("back", "exit 1"), monitor("slow", "sleep 60")];
    let bench = Bench::new(plan).await;
    let (options, mut updates) = told();
    assert_eq!(bench.implement(&options).await.unwrap(), Ended::Implemented);
    let history = bench.server.history();
    let asked = "monitors asked before the first step: `front` pass, `back` fail, `slow` error";
    assert_eq!(history.first().map(String::as_str), Some(asked), "{history:#?}");
    let is_told =
        |update: &Progress| matches!(update, Progress::MonitorsAsked { answers } if answers.len() == 3);
    assert_eq!(all(&mut updates).iter().filter(|update| is_told(update)).count(), 1);
}

/// Roll back when answers take five times as long as before the change.
fn slower() -> RollbackConditions {
    let action = Reaction { rollback: RollbackSpeed::Immediate, quarantine: false };
    let threshold = LatencyThreshold::BaselineMultipleHundredths(500);
    let latency = Some(Latency { threshold, window_seconds: 60, action });
    RollbackConditions { latency, ..RollbackConditions::default() }
}

#[tokio::test]
async fn slower_answers_than_before_the_change_are_a_breach() {
    let mut plan = breaking(slower());
    // Some 40 ms before, half a second after.
    plan.monitors = vec![monitor("front", "if test -e broken; then sleep 0.5; else sleep 0.04; fi")];
    let bench = Bench::with_lease(plan, 3).await;
    let (mut options, mut updates) = told();
    options.auto_rollback = true;
    let ended = bench.implement(&options).await.unwrap();
    let Ended::RolledBack { cause: Some(Cause::Breach { explanation, .. }), .. } = &ended else {
        panic!("{ended:?}")
    };
    assert!(explanation.as_str().contains("the limit is 5x_baseline of"), "{explanation}");
    let measured = all(&mut updates).into_iter().find_map(|update| match update {
        Progress::Baseline { latency_micros, .. } => Some(latency_micros),
        _ => None,
    });
    assert!(measured.flatten().is_some_and(|micros| (40_000..500_000).contains(&micros)), "{measured:?}");
}

/// What is installed, then given traffic, breaks, and is to be isolated by `isolates`.
fn isolating(isolates: &str) -> Definition {
    let noted = |name: &str, undo: &str| Step { undo: Some(run(undo)), ..step(name, "true") };
    let action = Reaction { rollback: RollbackSpeed::Immediate, quarantine: true };
    let health_check = Some(HealthCheck { failed_checks: 3, action });
    let mut plan = definition([
        noted("install", "echo removed >> log"),
        noted("shift", "echo traffic back >> log"),
        step("break", &format!("touch broken; {ENDLESS}")),
    ]);
    let of_shift: StepName = "shift".parse().unwrap();
    plan.plan.stages =
        vec![Stage { name: of_shift.clone(), weight: Some(Share::new(10).unwrap()), steps: vec![of_shift] }];
    let mut back = rollback_plan([]);
    back.quarantine = vec![step("isolate", isolates)];
    plan.rollback_plan = Some(back);
    plan.monitors = vec![monitor("front", "test ! -e broken")];
    plan.conditions = RollbackConditions { health_check, ..RollbackConditions::default() };
    plan
}

#[tokio::test]
async fn what_is_to_be_isolated_has_lost_its_traffic_and_still_exists() {
    let bench = Bench::with_lease(isolating("cp broken kept; echo isolated >> log"), 3).await;
    let ended = bench.implement(&undoing()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    assert_eq!(bench.read("log"), "traffic back\nisolated\nremoved\n");
    assert!(bench.exists("kept"), "what was examined is gone");
}

#[tokio::test]
async fn what_cannot_be_isolated_is_taken_back_all_the_same_and_told() {
    let bench = Bench::with_lease(isolating("exit 1"), 3).await;
    let ended = bench.implement(&undoing()).await.unwrap();
    assert!(matches!(ended, Ended::RollbackFailed { .. }), "{ended:?}");
    assert_eq!(bench.read("log"), "traffic back\nremoved\n");
    let change = bench.server.change();
    let told = change.run.as_ref().and_then(|run| run.quarantine());
    assert_eq!(told, Some("the changed thing could not be isolated"));
}
