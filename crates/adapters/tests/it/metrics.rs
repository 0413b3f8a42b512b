//! Every row of the table in `adapters::metrics`, against real listeners and programs.

use std::time::Duration;

use adapters::metrics::{DETAIL_BYTES_MAX, Sampled, probe};
use domain::plan::{Command, Probe};
use domain::rollback::Verdict;
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{PATIENCE, Workbench, get, program, shell};
use crate::outgoing_listener::{Listener, Reply, closed_port_url};

async fn ask_url(url: &str, timeout_millis: u64) -> Sampled {
    ask(Probe::Http { request: get(url), timeout_millis }).await
}

async fn ask_program(command: Command, timeout_millis: u64) -> Sampled {
    ask(Probe::Command { command, timeout_millis }).await
}

async fn ask(question: Probe) -> Sampled {
    probe(&question, &Workbench::new().context(), &CancellationToken::new()).await
}

#[track_caller]
fn check(sampled: &Sampled, verdict: Verdict, answered: bool, detail: &str) {
    assert_eq!(sampled.verdict, verdict, "{sampled:?}");
    assert_eq!(sampled.latency_micros.is_some(), answered, "{sampled:?}");
    assert!(sampled.detail.contains(detail), "{sampled:?}");
}

#[tokio::test]
async fn an_expected_answer_passes_and_its_latency_is_measured() {
    let listener = Listener::answering(204, "");
    check(&ask_url(&listener.url("/"), 5_000).await, Verdict::Pass, true, "status 204");
    let slow = Listener::start(|_| {
        std::thread::sleep(Duration::from_millis(50));
        Reply::Answer(200, Vec::new(), Vec::new())
    });
    let latency_micros = ask_url(&slow.url("/"), 5_000).await.latency_micros.unwrap();
    assert!((50_000..5_000_000).contains(&latency_micros), "{latency_micros}");
}

#[tokio::test]
async fn another_status_fails() {
    for status in [301, 404, 500] {
        let listener = Listener::answering(status, "");
        let sampled = ask_url(&listener.url("/"), 5_000).await;
        check(&sampled, Verdict::Fail, true, &format!("answered with status {status}, expected 200 to 299"));
    }
}

#[tokio::test]
async fn a_target_that_is_down_fails() {
    check(&ask_url(&closed_port_url(), 5_000).await, Verdict::Fail, false, "could not be reached");
    let closing = Listener::start(|_| Reply::Close);
    check(&ask_url(&closing.url("/"), 5_000).await, Verdict::Fail, false, "could not be reached");
    let breaking = Listener::start(|_| Reply::BreakOff);
    check(&ask_url(&breaking.url("/"), 5_000).await, Verdict::Fail, false, "broke off");
    let plain = Listener::answering(200, "");
    let url = plain.url("/").replace("http://", "https://");
    check(&ask_url(&url, 5_000).await, Verdict::Fail, false, "could not be reached");
}

#[tokio::test]
async fn a_target_that_is_too_slow_fails() {
    let silent = Listener::start(|_| Reply::Silence);
    check(&ask_url(&silent.url("/"), 100).await, Verdict::Fail, false, "did not answer within 100 ms");
}

#[tokio::test]
async fn a_question_that_cannot_be_asked_is_an_error() {
    // No name server is asked about a name with a part of more than 63 characters.
    let url = format!("http://{}.invalid/", "x".repeat(70));
    check(&ask_url(&url, 20_000).await, Verdict::Error, false, "could not be resolved");
    check(
        &ask_url("http://169.254.169.254/latest/meta-data/", 5_000).await,
        Verdict::Error,
        false,
        "is refused",
    );
    check(&ask_url("gopher://host/", 5_000).await, Verdict::Error, false, "scheme");
    check(&ask_url("http://user:pw@127.0.0.1/", 5_000).await, Verdict::Error, false, "user:***@");
}

#[tokio::test]
async fn a_program_passes_with_status_0_and_fails_with_another() {
    check(&ask_program(shell("echo fine"), 10_000).await, Verdict::Pass, true, "ended with status 0: fine");
    check(
        &ask_program(shell("echo bad; exit 2"), 10_000).await,
        Verdict::Fail,
        true,
        "ended with status 2: bad",
    );
}

#[tokio::test]
async fn a_program_without_an_answer_is_an_error() {
    check(&ask_program(shell("kill -SEGV $$"), 10_000).await, Verdict::Error, false, "ended by SIGSEGV (11)");
    check(
        &ask_program(program(&["no-such-program"]), 10_000).await,
        Verdict::Error,
        false,
        "could not be started",
    );
    check(&ask_program(program(&[]), 10_000).await, Verdict::Error, false, "`argv` is empty");
    check(&ask_program(shell("sleep 300"), 100).await, Verdict::Error, false, "did not end within 100 ms");
}

#[tokio::test]
async fn what_a_program_prints_is_bounded_and_masked() {
    let sampled = ask_program(shell("yes PASSWORD=hunter2hunter2 | head -c 1000000"), 10_000).await;
    assert!(sampled.detail.len() < DETAIL_BYTES_MAX + 200, "{}", sampled.detail.len());
    assert!(
        sampled.detail.contains("PASSWORD=***") && !sampled.detail.contains("hunter2"),
        "{}",
        sampled.detail
    );
}

#[tokio::test]
async fn a_cancelled_question_allows_no_judgement() {
    let bench = Workbench::new();
    let silent = Listener::start(|_| Reply::Silence);
    for question in [
        Probe::Http { request: get(&silent.url("/")), timeout_millis: 300_000 },
        Probe::Command { command: shell("sleep 300"), timeout_millis: 300_000 },
    ] {
        let cancel = CancellationToken::new();
        let context = bench.context();
        let asked =
            async { tokio::time::timeout(PATIENCE, probe(&question, &context, &cancel)).await.unwrap() };
        let (sampled, ()) = tokio::join!(asked, async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            cancel.cancel();
        });
        check(&sampled, Verdict::Inconclusive, false, "cancelled");
    }
}
