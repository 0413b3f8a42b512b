//! Runners that are asked to stop.

use domain::plan::{Cause, Step};
use runner::{Ended, OnStop, Options, Progress};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, ENDLESS, all, definition, is_running, noting, run, step, told};
use crate::server::Effect;

fn endless() -> Step {
    Step { undo: Some(run("echo undo endless >> log")), ..step("endless", ENDLESS) }
}

/// Stops the runner while the endless step runs.
async fn stopped(bench: &Bench, options: &Options) -> Ended {
    let meanwhile = async {
        let pids = bench.lines("pids", 2).await;
        options.stop.cancel();
        pids
    };
    let (ended, pids) = bench.implement_while(options, meanwhile).await;
    assert!(!pids.iter().any(|pid| is_running(pid)), "{pids:?}");
    ended.unwrap()
}

#[tokio::test]
async fn a_stop_ends_the_step_and_gives_the_lease_back() {
    let bench = Bench::new(definition([noting("one"), endless()])).await;
    let ended = stopped(&bench, &Options { stop: CancellationToken::new(), ..Options::default() }).await;
    assert_eq!(ended, Ended::Released);
    assert_eq!((bench.state(), bench.phase()), ("interrupted", "holding"));
    assert_eq!(bench.read("log"), "one\n");
    let history = bench.server.history();
    assert_eq!(
        history.last().unwrap(),
        "runner lost",
        "the stopped step is not reported: nobody saw its end"
    );
}

#[tokio::test]
async fn a_stop_can_take_everything_back() {
    let bench = Bench::with_lease(definition([noting("one"), endless()]), 3).await;
    let options = Options { on_stop: OnStop::RollBack, ..Options::default() };
    let ended = stopped(&bench, &options).await;
    assert!(matches!(&ended, Ended::RolledBack { cause: Some(Cause::Person { .. }), .. }), "{ended:?}");
    assert_eq!(bench.read("log"), "one\nundo endless\nundo one\n");
}

#[tokio::test]
async fn a_rollback_that_cannot_be_had_becomes_a_release() {
    let bench = Bench::with_lease(definition([noting("one"), endless()]), 3).await;
    let (options, mut updates) = told();
    let options = Options { on_stop: OnStop::RollBack, ..options };
    bench.server.disturb(|asked| if asked.action == "rollback" { Effect::Refuse } else { Effect::Serve });
    assert_eq!(stopped(&bench, &options).await, Ended::Released);
    let told = all(&mut updates);
    assert!(told.iter().any(|update| matches!(update, Progress::StopRefused { .. })), "{told:#?}");
    assert_eq!(bench.state(), "interrupted");
}

#[tokio::test]
async fn a_stop_between_steps_begins_nothing_further() {
    let bench = Bench::new(definition([noting("one")])).await;
    let options = Options::default();
    options.stop.cancel();
    let ended = bench.implement(&options).await.unwrap();
    assert_eq!(ended, Ended::Released);
    assert_eq!(bench.server.history(), Vec::<String>::new());
    assert!(!bench.exists("log"));
}
