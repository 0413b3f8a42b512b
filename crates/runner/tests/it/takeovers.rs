//! Runners that go on where another one was interrupted.

use domain::plan::{Check, Decision, Step};
use runner::{Ended, OnStop, Options, Progress};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, all, change, definition, monitor, noting, run, step, told, undoing};

/// A step that runs until `go` exists the first time, and notes each beginning.
const WAITING: &str = "echo begun >> begins; while ! test -e go; do sleep 0.01; done";

/// Interrupts a plan with this step while it runs, and lets the step end at once when it is begun again.
async fn interrupted(waiting: Step) -> Bench {
    let bench = Bench::with_lease(definition([noting("one"), waiting, noting("three")]), 3).await;
    let stop = CancellationToken::new();
    let options = Options { stop: stop.clone(), ..Options::default() };
    let meanwhile = async {
        bench.lines("begins", 1).await;
        stop.cancel();
    };
    let (ended, ()) = bench.implement_while(&options, meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Released);
    assert_eq!(bench.state(), "interrupted");
    assert_eq!(bench.server.history().last().unwrap(), "runner lost");
    bench.write("go", "");
    bench
}

fn checked(line: &str) -> Option<Check> {
    Some(Check { probe: monitor("x", line).probe, interval_millis: 100, successes: 2 })
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated() {
    let bench = interrupted(Step { idempotent: true, ..step("two", WAITING) }).await;
    assert_eq!(bench.implement(&Options::default()).await.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("begins"), "begun\nbegun\n");
    assert_eq!(bench.read("log"), "one\nthree\n");
    assert_eq!(bench.server.change().token, 2);
}

#[tokio::test]
async fn what_has_taken_effect_is_not_repeated() {
    let bench = interrupted(Step { check: checked("test -e begins"), ..step("two", WAITING) }).await;
    let (options, mut updates) = told();
    assert_eq!(bench.implement(&options).await.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("begins"), "begun\n");
    assert!(all(&mut updates).iter().any(|update| matches!(update, Progress::UnknownChecked { .. })));
}

#[tokio::test]
async fn what_has_not_taken_effect_is_done_again() {
    let bench = interrupted(Step { check: checked("test -e nothing"), ..step("two", WAITING) }).await;
    assert_eq!(bench.implement(&Options::default()).await.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("begins"), "begun\nbegun\n");
}

#[tokio::test]
async fn a_check_that_cannot_tell_leaves_it_to_a_person() {
    let cannot_tell = Check { probe: monitor("x", "kill -9 $$").probe, interval_millis: 100, successes: 1 };
    let step = Step { check: Some(cannot_tell), timeout_seconds: 1, ..step("two", WAITING) };
    let bench = interrupted(step).await;
    let person = async {
        let question = bench.question().await;
        assert_eq!(question, "nobody saw step `two` end, attempt 1: say whether it has taken effect");
        bench.server.decide("two", Decision::Done);
    };
    let (ended, ()) = bench.implement_while(&Options::default(), person).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("begins"), "begun\n");
}

#[tokio::test]
async fn an_unknown_step_without_a_check_is_not_touched_before_a_person_has_answered() {
    let bench = interrupted(step("two", WAITING)).await;
    let person = async {
        bench.question().await;
        assert_eq!(bench.read("begins"), "begun\n");
        bench.server.decide("two", Decision::Redo);
    };
    let (ended, ()) = bench.implement_while(&Options::default(), person).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("begins"), "begun\nbegun\n");
}

#[tokio::test]
async fn an_interrupted_change_can_be_taken_back() {
    let bench = interrupted(Step { undo: Some(run("echo undo two >> log")), ..step("two", WAITING) }).await;
    let ended = bench.runner().roll_back(change(), "no longer wanted", &Options::default()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    assert_eq!(bench.read("log"), "one\nundo two\nundo one\n");
    let again = bench.runner().roll_back(change(), "once more", &Options::default()).await.unwrap();
    assert!(matches!(again, Ended::RolledBack { .. }), "asking again changes nothing: {again:?}");
    assert_eq!(bench.read("log"), "one\nundo two\nundo one\n");
}

#[tokio::test]
async fn a_failed_rollback_is_tried_again_when_a_person_asks() {
    let stuck = Step { undo: Some(run("test -e free && echo undo >> log")), ..noting("stuck") };
    let bench = Bench::new(definition([stuck, step("two", "false")])).await;
    assert!(matches!(bench.implement(&undoing()).await.unwrap(), Ended::RollbackFailed { .. }));
    bench.write("free", "");
    let ended = bench.runner().roll_back(change(), "freed", &Options::default()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    assert_eq!(bench.read("log"), "stuck\nundo\n");
}

#[tokio::test]
async fn a_change_that_was_never_started_has_nothing_to_take_back() {
    let bench = Bench::new(definition([noting("one")])).await;
    let error = bench.runner().roll_back(change(), "why not", &Options::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the change is approved and was never started: there is nothing to take back"
    );
}

#[tokio::test]
async fn a_rollback_that_was_interrupted_goes_on_backwards() {
    let slow_undo = "echo undoing >> begins; while ! test -e go; do sleep 0.01; done; echo undo two >> log";
    let two = Step { undo: Some(run(slow_undo)), ..noting("two") };
    let bench = Bench::with_lease(definition([noting("one"), two, step("three", "false")]), 3).await;
    let stop = CancellationToken::new();
    let options = Options { stop: stop.clone(), on_stop: OnStop::Release, ..undoing() };
    let meanwhile = async {
        bench.lines("begins", 1).await;
        stop.cancel();
    };
    let (ended, ()) = bench.implement_while(&options, meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Released);
    bench.write("go", "");
    let ended = bench.implement(&Options::default()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    assert_eq!(bench.read("log"), "one\ntwo\nundo two\nundo one\n");
    assert_eq!(bench.read("begins"), "undoing\nundoing\n", "an undo may be repeated");
}

#[tokio::test]
async fn a_grant_whose_answer_was_lost_is_waited_out() {
    let bench = Bench::with_lease(definition([noting("one")]), 2).await;
    let mut is_lost = false;
    bench.server.disturb(move |asked| {
        if asked.action == "start" && !std::mem::replace(&mut is_lost, true) {
            return crate::server::Effect::LoseAnswer;
        }
        crate::server::Effect::Serve
    });
    assert_eq!(bench.implement(&Options::default()).await.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("log"), "one\n");
    assert_eq!(bench.server.change().token, 2, "granted twice, used once");
}
