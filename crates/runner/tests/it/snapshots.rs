//! The state before the change, on the machine that began it.

use domain::plan::{Capture, Router, RunOutcome, Step, StepKind, Traffic};
use runner::{Ended, OnStop, Options, Progress};

use crate::bench::{Bench, all, change, definition, noting, shell, step, told, undoing};

fn file(path: &str) -> Capture {
    Capture::File { path: path.to_owned() }
}

fn output(line: &str) -> Capture {
    Capture::Command { command: shell(line), timeout_millis: 10_000 }
}

/// Overwrites a file and makes another, both declared, and fails afterwards.
fn overwriting() -> [Step; 2] {
    let captures = vec![file("config"), file("new"), output("cat config")];
    let write = Step { captures, ..step("write", "echo changed > config; echo made > new") };
    [write, step("fail", "test -e never || { echo x >> tries; false; }")]
}

#[tokio::test]
async fn what_was_saved_is_put_back_by_a_rollback() {
    let bench = Bench::new(definition(overwriting())).await;
    bench.write("config", "as before\n");
    let (mut options, mut updates) = told();
    options.auto_rollback = true;
    let ended = bench.implement(&options).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    assert_eq!(bench.read("config"), "as before\n");
    assert!(!bench.exists("new"));
    let history = bench.server.history();
    assert_eq!(history.first().unwrap(), "snapshot taken, captures: 3");
    assert!(history.contains(&"snapshot restored".to_owned()), "{history:#?}");
    let told = all(&mut updates);
    assert!(told.contains(&Progress::SnapshotTaken { captures: 3 }), "{told:#?}");
    assert!(told.contains(&Progress::Restored { differing: Vec::new() }), "{told:#?}");
}

#[tokio::test]
async fn a_state_that_cannot_be_saved_is_not_changed() {
    let bench = Bench::new(definition(overwriting())).await;
    std::fs::create_dir(bench.path("config")).unwrap();
    let ended = bench.implement(&Options::default()).await.unwrap();
    assert!(matches!(&ended, Ended::RolledBack { outcome: RunOutcome::NothingDone, .. }), "{ended:?}");
    assert!(!bench.exists("new"));
    assert_eq!(bench.server.history().first().unwrap(), "snapshot could not be taken");
}

#[tokio::test]
async fn other_output_than_before_is_not_taken_for_restored() {
    let counting = Step { captures: vec![output("echo x >> count; wc -l < count")], ..noting("one") };
    let bench = Bench::new(definition([counting, step("two", "false")])).await;
    let (mut options, mut updates) = told();
    options.auto_rollback = true;
    let ended = bench.implement(&options).await.unwrap();
    assert!(matches!(ended, Ended::RollbackFailed { .. }), "{ended:?}");
    let told = all(&mut updates);
    let differs = |update: &Progress| match update {
        Progress::Restored { differing } => {
            matches!(differing.as_slice(), [(step, why)] if step == "one" && why.contains("prints something else"))
        }
        _ => false,
    };
    assert!(told.iter().any(differs), "{told:#?}");
}

/// The version that takes the traffic is started, gets some of it, and is found bad.
#[tokio::test]
async fn traffic_is_back_where_it_was_before_the_new_version_is_stopped() {
    let router = Router::Programs {
        set: shell("echo \"set $TRAFFIC_WEIGHTS\" >> log; printf '%s\\n' $TRAFFIC_WEIGHTS > weights"),
        read: shell("cat weights"),
        timeout_millis: 10_000,
    };
    let shift = |percent| {
        let weights = [("new".to_owned(), percent), ("old".to_owned(), 100 - percent)].into();
        let kind = StepKind::Traffic(Traffic { router: router.clone(), weights });
        Step { kind, ..step(&format!("{percent} %"), "") }.safeguarded()
    };
    let bench = Bench::new(definition([noting("start"), shift(10), shift(50), step("look", "false")])).await;
    bench.write("weights", "new=0\nold=100\n");
    let ended = bench.implement(&undoing()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    let log = "start\nset new=10 old=90\nset new=50 old=50\nset new=0 old=100\nundo start\n";
    assert_eq!(bench.read("log"), log);
    assert_eq!(bench.read("weights"), "new=0\nold=100\n");
}

/// Leaves a change behind whose first step is done.
async fn interrupted() -> Bench {
    let [write, fail] = overwriting();
    let bench = Bench::with_lease(definition([write, Step { idempotent: true, ..fail }]), 3).await;
    bench.write("config", "as before\n");
    let options = Options { on_stop: OnStop::Release, ..Options::default() };
    let meanwhile = async {
        bench.question().await;
        options.stop.cancel();
    };
    let (ended, ()) = bench.implement_while(&options, meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Released);
    assert_eq!(bench.read("config"), "changed\n");
    bench
}

#[tokio::test]
async fn a_runner_that_is_started_later_puts_back_what_an_earlier_one_saved() {
    let bench = interrupted().await;
    let ended = bench.runner().roll_back(change(), "enough", &Options::default()).await.unwrap();
    assert!(matches!(ended, Ended::RollbackFailed { .. } | Ended::RolledBack { .. }), "{ended:?}");
    assert_eq!(bench.read("config"), "as before\n");
    assert!(!bench.exists("new"));
}

#[tokio::test]
async fn a_runner_on_another_machine_does_not_claim_to_have_put_anything_back() {
    let bench = interrupted().await;
    let (options, mut updates) = told();
    let elsewhere = bench.runner_on("another machine");
    let ended = elsewhere.roll_back(change(), "enough", &options).await.unwrap();
    let Ended::RollbackFailed { outcome: RunOutcome::PartlyUndone { not_undone, .. }, .. } = &ended else {
        panic!("{ended:?}")
    };
    assert!(not_undone.contains(&"write".parse().unwrap()), "{not_undone:?}");
    assert_eq!(bench.read("config"), "changed\n");
    let told = all(&mut updates);
    let says_where = |update: &Progress| match update {
        Progress::Restored { differing } => {
            differing.iter().any(|(_, why)| why.contains("not on this machine"))
        }
        _ => false,
    };
    assert!(told.iter().any(says_where), "{told:#?}");

    let ended = bench.runner().roll_back(change(), "on the right one", &Options::default()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. } | Ended::RollbackFailed { .. }), "{ended:?}");
    assert_eq!(bench.read("config"), "as before\n");
}

#[tokio::test]
async fn a_change_that_is_forgotten_leaves_nothing_on_the_machine() {
    let bench = interrupted().await;
    let runner = bench.runner();
    runner.forget(change()).await.unwrap();
    runner.forget(change()).await.unwrap();
    let ended = runner.roll_back(change(), "too late", &undoing()).await.unwrap();
    assert!(matches!(ended, Ended::RollbackFailed { .. }), "{ended:?}");
    assert_eq!(bench.read("config"), "changed\n");
}
