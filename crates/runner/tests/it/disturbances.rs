//! Answers that get lost and servers that are away: what is on record and what was done stay the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::plan::Step;
use runner::{Ended, Options, Progress};
use tokio::sync::Notify;

use crate::bench::{Bench, all, definition, eventually, noting, rollback_plan, step, told, undoing};
use crate::server::{Definition, Effect};

/// Short, because a grant whose answer was lost is waited out.
const LEASE_SECONDS: u64 = 3;
/// More requests than the plans below need.
const REQUESTS_MAX: usize = 40;

/// Carries the plan out once for each request, with that one disturbed, and checks that the log is as expected.
async fn check(definition: &Definition, effect: &Effect, options: &Options, log: &str, state: &str) {
    for disturbed in 0..REQUESTS_MAX {
        let bench = Bench::with_lease(definition.clone(), LEASE_SECONDS).await;
        let effect = effect.clone();
        bench.server.disturb(
            move |asked| {
                if asked.number == disturbed { effect.clone() } else { Effect::Serve }
            },
        );
        let ended = bench.implement(options).await;
        let is_reached = bench.server.requests() > disturbed;
        assert!(ended.is_ok(), "request {disturbed} disturbed: {ended:?}\n{:#?}", bench.server.history());
        assert_eq!(bench.read("log"), log, "request {disturbed} disturbed: {:#?}", bench.server.history());
        assert_eq!(bench.state(), state, "request {disturbed} disturbed");
        if !is_reached {
            return;
        }
    }
    panic!("the plan needs more than {REQUESTS_MAX} requests");
}

fn good() -> Definition {
    definition([noting("one"), noting("two")])
}

fn failing() -> Definition {
    let mut plan = definition([noting("one"), Step { retries: 1, ..noting("two") }, step("three", "false")]);
    plan.rollback_plan = Some(rollback_plan([step("clean", "echo clean >> log")]));
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_answer_is_lost_every_step_is_done_once() {
    for effect in [Effect::LoseAnswer, Effect::AnswerLate] {
        check(&good(), &effect, &Options::default(), "one\ntwo\n", "validating").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_request_does_not_arrive_every_step_is_done_once() {
    let effects = [Effect::Unavailable, Effect::Contend];
    for effect in effects {
        check(&good(), &effect, &Options::default(), "one\ntwo\n", "validating").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_answer_is_lost_every_undo_is_done_once() {
    let log = "one\ntwo\nundo two\nundo one\nclean\n";
    check(&failing(), &Effect::LoseAnswer, &undoing(), log, "rolled_back").await;
}

#[tokio::test]
async fn nothing_is_executed_before_its_start_is_acknowledged() {
    let bench = Bench::new(definition([noting("one")])).await;
    let let_go = Arc::new(Notify::new());
    let held = Arc::clone(&let_go);
    bench.server.disturb(move |asked| {
        if asked.body.contains("started") { Effect::Hold(Arc::clone(&held)) } else { Effect::Serve }
    });
    let meanwhile = async {
        bench.observed("step `one` started, attempt 1").await;
        // The heartbeat in between shows that the runner is alive and only waits.
        let seen = bench.server.requests();
        eventually("a heartbeat", || (bench.server.requests() > seen).then_some(())).await;
        assert!(!bench.exists("log"), "executed before the answer");
        let_go.notify_waiters();
        let_go.notify_one();
    };
    let (ended, ()) = bench.implement_while(&Options::default(), meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("log"), "one\n");
}

#[tokio::test]
async fn an_answer_that_arrives_late_does_not_turn_the_run_back() {
    let first = step("one", "while ! test -e go; do sleep 0.01; done");
    let second = step("two", "while ! test -e on; do sleep 0.01; done");
    let bench = Bench::with_lease(definition([first, second, noting("three")]), 3).await;
    let let_go = Arc::new(Notify::new());
    let held = Arc::clone(&let_go);
    let mut heartbeats = 0;
    bench.server.disturb(move |asked| {
        heartbeats += usize::from(asked.action == "heartbeat");
        // The first one confirms the lease.
        let is_held = asked.action == "heartbeat" && heartbeats == 2;
        if is_held { Effect::Hold(Arc::clone(&held)) } else { Effect::Serve }
    });
    let meanwhile = async {
        bench.observed("step `one` started, attempt 1").await;
        let seen = bench.server.requests();
        eventually("a heartbeat that is held", || (bench.server.requests() > seen).then_some(())).await;
        bench.write("go", "");
        bench.observed("step `two` started, attempt 1").await;
        let_go.notify_one();
        let seen = bench.server.requests();
        eventually("the next heartbeat", || (bench.server.requests() > seen).then_some(())).await;
        bench.write("on", "");
    };
    let (options, mut updates) = told();
    let (ended, ()) = bench.implement_while(&options, meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("log"), "three\n");
    let steps_done: Vec<usize> = all(&mut updates)
        .into_iter()
        .filter_map(|update| match update {
            Progress::Advanced(progress) => Some(progress.done),
            _ => None,
        })
        .collect();
    assert!(steps_done.is_sorted() && steps_done.last() == Some(&3), "{steps_done:?}");
}

#[tokio::test]
async fn a_server_that_restarts_in_the_middle_is_waited_for() {
    let bench = Bench::new(definition([noting("one"), noting("two"), noting("three")])).await;
    let away = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&away);
    bench.server.disturb(move |asked| {
        // Away as soon as the first step has begun, for longer than the client alone tries.
        let is_away = asked.number > 3 && count.load(Ordering::Relaxed) < 12;
        if is_away {
            count.fetch_add(1, Ordering::Relaxed);
            return Effect::Unavailable;
        }
        Effect::Serve
    });
    assert_eq!(bench.implement(&Options::default()).await.unwrap(), Ended::Implemented);
    assert_eq!(away.load(Ordering::Relaxed), 12);
    assert_eq!(bench.read("log"), "one\ntwo\nthree\n");
}
