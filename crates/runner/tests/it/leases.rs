//! Leases that end: whatever runs is stopped in time, and nothing further happens.

use std::time::Duration;

use api::run::LEASE_GRACE_SECONDS;
use domain::canonical::Digest;
use domain::plan::Step;
use runner::{Options, RunnerError};
use tokio::time::Instant;

use crate::bench::{Bench, ENDLESS, STUBBORN, change, definition, eventually, is_running, noting, step};
use crate::server::Effect;

/// Carries out a plan with a step that never ends, disturbs the server once it runs, and measures from then on until
/// the runner has ended.
async fn disturbed(
    line: &str,
    lease_seconds: u64,
    disturb: impl FnOnce(&Bench),
) -> (RunnerError, Duration, Bench) {
    let endless = Step { idempotent: true, ..step("endless", line) };
    let bench = Bench::with_lease(definition([endless, noting("two")]), lease_seconds).await;
    let meanwhile = async {
        let pids = bench.lines("pids", 2).await;
        assert!(pids.iter().all(|pid| is_running(pid)));
        disturb(&bench);
        (Instant::now(), pids)
    };
    let (ended, (since, pids)) = bench.implement_while(&Options::default(), meanwhile).await;
    let took = since.elapsed();
    assert!(!pids.iter().any(|pid| is_running(pid)), "still running: {pids:?}");
    assert!(!bench.exists("log"), "the second step was begun");
    (ended.unwrap_err(), took, bench)
}

#[tokio::test]
async fn a_server_that_is_silent_costs_the_lease_and_the_step() {
    let (error, took, _bench) = disturbed(ENDLESS, 2, |bench| bench.server.disturb(|_| Effect::Hang)).await;
    assert!(
        matches!(&error, RunnerError::Fenced { reason } if reason.contains("could not be extended for 2 s")),
        "{error}"
    );
    assert!(took < Duration::from_secs(2 + LEASE_GRACE_SECONDS), "{took:?}");
}

#[tokio::test]
async fn a_server_that_is_away_costs_the_lease_and_the_step() {
    let (error, took, _bench) =
        disturbed(ENDLESS, 2, |bench| bench.server.disturb(|_| Effect::Unavailable)).await;
    assert!(matches!(&error, RunnerError::Fenced { reason } if reason.contains("status 503")), "{error}");
    assert!(took < Duration::from_secs(2 + LEASE_GRACE_SECONDS), "{took:?}");
}

#[tokio::test]
async fn a_step_that_does_not_want_to_end_is_killed_in_time() {
    let (error, took, _bench) = disturbed(STUBBORN, 2, |bench| bench.server.disturb(|_| Effect::Hang)).await;
    assert!(matches!(error, RunnerError::Fenced { .. }), "{error}");
    assert!(took < Duration::from_secs(2 + LEASE_GRACE_SECONDS), "{took:?}");
}

#[tokio::test]
async fn a_runner_whose_lease_was_taken_stops_with_the_next_heartbeat() {
    let (error, took, bench) = disturbed(ENDLESS, 6, |bench| bench.server.give_lease_away()).await;
    assert!(matches!(&error, RunnerError::Fenced { reason } if reason.contains("is not current")), "{error}");
    assert!(took < Duration::from_secs(6), "sooner than the lease would have ended: {took:?}");
    assert_eq!(bench.server.history().last().unwrap(), "runner lost", "nothing was reported after that");
}

#[tokio::test]
async fn a_report_under_another_lease_is_refused_and_ends_the_runner() {
    let first = step("one", "echo begun > one; while ! test -e go; do sleep 0.01; done");
    let bench = Bench::with_lease(definition([first, noting("two")]), 15).await;
    let meanwhile = async {
        eventually("the first step", || bench.exists("one").then_some(())).await;
        bench.server.give_lease_away();
        bench.write("go", "");
    };
    let (ended, ()) = bench.implement_while(&Options::default(), meanwhile).await;
    assert!(matches!(ended, Err(RunnerError::Fenced { .. })), "{ended:?}");
    assert!(!bench.exists("log"));
}

#[tokio::test]
async fn a_held_change_is_left_to_its_runner() {
    let bench =
        Bench::new(definition([step("one", "echo begun > one; while ! test -e go; do sleep 0.01; done")]))
            .await;
    let meanwhile = async {
        eventually("the first step", || bench.exists("one").then_some(())).await;
        let second = bench.runner().implement(change(), &Options::default()).await;
        bench.write("go", "");
        second
    };
    let (first, second) = bench.implement_while(&Options::default(), meanwhile).await;
    assert!(first.is_ok(), "{first:?}");
    let error = second.unwrap_err().to_string();
    assert_eq!(error, "a change that is implementing does not admit `start`");
}

#[tokio::test]
async fn other_content_than_was_shown_is_not_begun() {
    let bench = Bench::new(definition([noting("one")])).await;
    let options = Options { digest: Some(Digest::of_bytes(b"something else")), ..Options::default() };
    let error = bench.implement(&options).await.unwrap_err();
    assert!(matches!(error, RunnerError::OtherContent { .. }), "{error}");
    assert!(bench.server.change().starts.is_empty());
}

#[tokio::test]
async fn content_that_changes_under_way_stops_everything() {
    let other = |bench: &Bench| bench.server.change().digest = Digest::of_bytes(b"something else");
    let (error, _took, bench) = disturbed(ENDLESS, 3, other).await;
    assert!(matches!(error, RunnerError::OtherContent { .. }), "{error}");
    assert_eq!(bench.state(), "interrupted", "the lease was given back");
}
