//! Plans that succeed, fail, take too long, and are taken back.

use std::time::Duration;

use domain::plan::{Failure, Outcome, Part, RollbackPlan, RunOutcome, Step, StepKind};
use runner::{Ended, Options, Progress};

use crate::bench::{Bench, all, definition, noting, rollback_plan, run, step, told, undoing};

#[tokio::test]
async fn every_step_is_done_once_and_in_order() {
    let bench = Bench::new(definition([noting("one"), noting("two"), noting("three")])).await;
    let (options, mut updates) = told();
    assert_eq!(bench.implement(&options).await.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("log"), "one\ntwo\nthree\n");
    assert_eq!(bench.state(), "validating");
    assert_eq!(
        bench.server.history(),
        [
            "step `one` started, attempt 1",
            "step `one` succeeded, attempt 1",
            "step `two` started, attempt 1",
            "step `two` succeeded, attempt 1",
            "step `three` started, attempt 1",
            "step `three` succeeded, attempt 1",
        ]
    );
    let told = all(&mut updates);
    let started = told.iter().filter(|update| matches!(update, Progress::TaskStarted { .. })).count();
    assert_eq!(started, 3, "{told:#?}");
    assert!(matches!(told.first(), Some(Progress::LeaseTaken { fencing_token: 1, .. })), "{told:#?}");
    assert!(told.contains(&Progress::Phase { phase: "finished", cause: None }), "{told:#?}");
}

#[tokio::test]
async fn what_a_step_prints_is_reported_without_secrets() {
    let bench = Bench::new(definition([step("deploy", "echo rolled out; echo PASSWORD=hunter2 >&2")])).await;
    let (options, mut updates) = told();
    bench.implement(&options).await.unwrap();
    let ended = all(&mut updates).into_iter().find_map(|update| match update {
        Progress::TaskEnded { outcome, log, duration, .. } => Some((outcome, log, duration)),
        _ => None,
    });
    let (outcome, log, duration) = ended.expect("the step ended");
    assert_eq!((outcome, log.as_str()), (Outcome::Succeeded, "rolled out\nPASSWORD=***\n"));
    assert!(duration > Duration::ZERO);
    let recorded = serde_json::to_string(&bench.server.change().observed).unwrap();
    assert!(recorded.contains("rolled out") && !recorded.contains("hunter2"), "{recorded}");
}

#[tokio::test]
async fn a_failing_step_turns_the_plan_round() {
    let failing =
        Step { undo: Some(run("echo undo three >> log")), ..step("three", "echo three >> log; exit 7") };
    let bench = Bench::new(definition([noting("one"), noting("two"), failing, noting("four")])).await;
    let (mut options, mut updates) = told();
    options.auto_rollback = true;
    let ended = bench.implement(&options).await.unwrap();
    let Ended::RolledBack { cause, outcome } = ended else { panic!("{ended:?}") };
    assert_eq!(cause.unwrap().to_string(), "step `three` failed");
    assert_eq!(outcome, RunOutcome::Undone { left_in_place: Vec::new() });
    assert_eq!(bench.read("log"), "one\ntwo\nthree\nundo three\nundo two\nundo one\n");
    assert_eq!(bench.state(), "rolled_back");
    let failure = Failure::ExitStatus { status: 7 };
    let told = all(&mut updates);
    let has_failed = |update: &Progress| matches!(update, Progress::TaskEnded { outcome, .. } if *outcome == Outcome::Failed { failure: failure.clone() });
    assert!(told.iter().any(has_failed), "{told:#?}");
    assert!(told.iter().any(|update| matches!(update, Progress::Phase { phase: "rolling_back", cause: Some(cause) } if cause == "step `three` failed")));
}

#[tokio::test]
async fn a_failing_step_is_repeated_as_often_as_the_plan_says() {
    let flaky = Step {
        retries: 2,
        retry_delay_millis: 10,
        ..step("flaky", "echo x >> tries; test $(wc -l < tries) -ge 3")
    };
    let bench = Bench::new(definition([flaky])).await;
    assert_eq!(bench.implement(&Options::default()).await.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("tries"), "x\nx\nx\n");

    let hopeless = Step { retries: 2, ..step("hopeless", "echo x >> tries; false") };
    let bench = Bench::new(definition([noting("one"), hopeless])).await;
    assert!(matches!(bench.implement(&undoing()).await.unwrap(), Ended::RolledBack { .. }));
    assert_eq!(bench.read("tries"), "x\nx\nx\n");
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_stopped_and_undone() {
    let slow = Step {
        timeout_seconds: 1,
        undo: Some(run("echo undone > state")),
        ..step("slow", &format!("echo begun > state; {}", crate::bench::ENDLESS))
    };
    let bench = Bench::new(definition([slow])).await;
    assert!(matches!(bench.implement(&undoing()).await.unwrap(), Ended::RolledBack { .. }));
    assert!(bench.server.history().contains(&"step `slow` timed out, attempt 1".to_owned()));
    assert_eq!(bench.read("state"), "undone\n");
    for pid in bench.lines("pids", 2).await {
        assert!(!crate::bench::is_running(&pid), "{pid}");
    }
}

#[tokio::test]
async fn a_rollback_plan_follows_the_undos() {
    let mut plan = definition([noting("one"), step("two", "false")]);
    plan.rollback_plan =
        Some(rollback_plan([step("clean", "echo clean >> log"), step("tell", "echo tell >> log")]));
    let bench = Bench::new(plan).await;
    assert!(matches!(bench.implement(&undoing()).await.unwrap(), Ended::RolledBack { .. }));
    assert_eq!(bench.read("log"), "one\nundo one\nclean\ntell\n");
}

#[tokio::test]
async fn a_rollback_that_fails_says_what_is_left() {
    let stuck = Step { undo: Some(run("echo cannot; exit 3")), ..noting("stuck") };
    let bench = Bench::new(definition([noting("one"), stuck, step("three", "false")])).await;
    let ended = bench.implement(&undoing()).await.unwrap();
    let Ended::RollbackFailed { outcome, .. } = ended else { panic!("{ended:?}") };
    let RunOutcome::PartlyUndone { not_undone, left_in_place } = outcome else { panic!("{outcome:?}") };
    assert_eq!(not_undone, ["stuck".parse().unwrap(), "three".parse().unwrap()]);
    assert_eq!(left_in_place, ["three".parse().unwrap()]);
    assert_eq!(bench.read("log"), "one\nstuck\nundo one\n");
    assert_eq!(bench.state(), "failed");
}

#[tokio::test]
async fn a_rollback_that_takes_too_long_is_ended() {
    let mut plan =
        definition([Step { undo: Some(run(crate::bench::ENDLESS)), ..noting("one") }, step("two", "false")]);
    plan.rollback_plan = Some(RollbackPlan { max_duration_seconds: Some(1), ..rollback_plan([]) });
    let bench = Bench::new(plan).await;
    assert!(matches!(bench.implement(&undoing()).await.unwrap(), Ended::RollbackFailed { .. }));
    let history = bench.server.history();
    assert!(history.contains(&"rollback took too long".to_owned()), "{history:#?}");
    for pid in bench.lines("pids", 2).await {
        assert!(!crate::bench::is_running(&pid), "{pid}");
    }
}

#[tokio::test]
async fn waiting_and_checking_are_steps_too() {
    let wait = Step { kind: StepKind::Wait { duration_millis: 50 }, ..step("wait", "") };
    let probe = crate::bench::monitor("x", "test -e log").probe;
    let check = domain::plan::Check { probe, interval_millis: 100, successes: 2 };
    let check = Step { kind: StepKind::Check(check), ..step("check", "") };
    let bench = Bench::new(definition([noting("one"), wait, check])).await;
    assert_eq!(bench.implement(&Options::default()).await.unwrap(), Ended::Implemented);
    let run = bench.server.change().run.clone().unwrap();
    assert!(run.task_states().all(|(task, state)| task.part == Part::Step && state.is_done()));
}
