//! Runs that need a person, and persons who step in.

use domain::plan::{Decision, Observation, RunOutcome, Step};
use runner::{Ended, Options, Progress};

use crate::bench::{
    Bench, ENDLESS, all, definition, eventually, is_running, manual, noting, run, step, told,
};

#[tokio::test]
async fn a_manual_step_waits_for_a_person() {
    let switch = Step { kind: manual("switch the load balancer"), ..step("switch", "") };
    let bench = Bench::with_lease(definition([noting("one"), switch, noting("two")]), 3).await;
    let (options, mut updates) = told();
    let person = async {
        assert_eq!(bench.question().await, "carry out step `switch` and confirm it");
        assert_eq!(bench.read("log"), "one\n");
        bench.server.decide("switch", Decision::Done);
    };
    let (ended, ()) = bench.implement_while(&options, person).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("log"), "one\ntwo\n");
    let asked: Vec<_> = all(&mut updates)
        .into_iter()
        .filter_map(|update| match update {
            Progress::Asked { question, instructions } => Some((question.to_string(), instructions)),
            _ => None,
        })
        .collect();
    let expected =
        ("carry out step `switch` and confirm it".to_owned(), Some("switch the load balancer".to_owned()));
    assert_eq!(asked, [expected], "asked once");
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_the_step_allows() {
    let switch = Step { kind: manual("switch"), timeout_seconds: 1, ..step("switch", "") };
    let bench = Bench::new(definition([noting("one"), switch])).await;
    let ended = bench.implement(&crate::bench::undoing()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    assert!(bench.server.history().contains(&"step `switch` timed out, attempt 1".to_owned()));
    assert_eq!(bench.read("log"), "one\nundo one\n");
}

#[tokio::test]
async fn without_automatic_rollback_a_person_decides_about_a_failure() {
    let bench = Bench::with_lease(definition([noting("one"), step("two", "test -e ready")]), 3).await;
    let person = async {
        assert_eq!(bench.question().await, "step `two` failed, attempt 1: redo it or give it up");
        bench.write("ready", "");
        bench.server.decide("two", Decision::Redo);
    };
    let (ended, ()) = bench.implement_while(&Options::default(), person).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);

    let bench = Bench::with_lease(definition([noting("one"), step("two", "false")]), 3).await;
    let person = async {
        bench.question().await;
        bench.server.decide("two", Decision::GiveUp);
    };
    let (ended, ()) = bench.implement_while(&Options::default(), person).await;
    let Ended::RolledBack { outcome: RunOutcome::Undone { left_in_place }, .. } = ended.unwrap() else {
        panic!("not undone")
    };
    assert_eq!(left_in_place, ["two".parse().unwrap()], "nothing takes the failed step back");
    assert_eq!(bench.read("log"), "one\nundo one\n");
}

#[tokio::test]
async fn a_paused_run_begins_nothing() {
    let first = step("one", "echo begun > one; while ! test -e go; do sleep 0.01; done");
    let bench = Bench::with_lease(definition([first, noting("two")]), 3).await;
    let person = async {
        eventually("the first step", || bench.exists("one").then_some(())).await;
        bench.server.observe(&Observation::PauseRequested);
        bench.write("go", "");
        bench.observed("step `one` succeeded, attempt 1").await;
        // Every heartbeat from here on tells the runner that it is paused, and that it may go on only later.
        let seen = bench.server.requests();
        eventually("two heartbeats", || (bench.server.requests() >= seen + 2).then_some(())).await;
        assert!(!bench.exists("log"), "the second step was begun");
        bench.server.observe(&Observation::ResumeRequested);
    };
    let (ended, ()) = bench.implement_while(&Options::default(), person).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("log"), "two\n");
}

#[tokio::test]
async fn a_person_who_rolls_back_stops_the_running_step() {
    let endless = Step { undo: Some(run("echo undo endless >> log")), ..step("endless", ENDLESS) };
    let bench = Bench::with_lease(definition([noting("one"), endless, noting("three")]), 3).await;
    let person = async {
        let pids = bench.lines("pids", 2).await;
        assert!(pids.iter().all(|pid| is_running(pid)));
        bench.server.roll_back();
        pids
    };
    let (ended, pids) = bench.implement_while(&Options::default(), person).await;
    assert!(matches!(ended.unwrap(), Ended::RolledBack { .. }));
    assert!(!pids.iter().any(|pid| is_running(pid)), "{pids:?}");
    assert!(bench.server.history().contains(&"step `endless` was stopped, attempt 1".to_owned()));
    assert_eq!(bench.read("log"), "one\nundo endless\nundo one\n");
}

#[tokio::test]
async fn a_manual_undo_is_asked_for_on_the_way_back() {
    let switch = Step { undo: Some(manual("switch back")), ..noting("switch") };
    let bench = Bench::with_lease(definition([switch, step("two", "false")]), 3).await;
    let person = async {
        let question = bench.question().await;
        assert_eq!(question, "carry out undo of step `switch` and confirm it");
        bench.server.decide("switch", Decision::Done);
    };
    let (ended, ()) = bench.implement_while(&crate::bench::undoing(), person).await;
    assert!(matches!(ended.unwrap(), Ended::RolledBack { .. }));
}
