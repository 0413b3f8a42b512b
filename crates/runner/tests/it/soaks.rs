//! Watching the result.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::command::Check;
use domain::number::Share;
use domain::plan::{HttpRequest, Monitor, Probe};
use domain::rollback::{ErrorRate, Latency, LatencyThreshold, Reaction, RollbackConditions, RollbackSpeed};
use runner::{Ended, Options};
use tokio::time::Instant;

use crate::bench::{Bench, change, definition, health_check, monitor, noting};
use crate::server::Definition;

const ACTION: Reaction = Reaction { rollback: RollbackSpeed::Immediate, quarantine: false };

fn watched(lines: &[(&str, &str)], conditions: RollbackConditions) -> Definition {
    let mut plan = definition([noting("one")]);
    plan.monitors = lines.iter().map(|(name, line)| monitor(name, line)).collect();
    plan.conditions = conditions;
    plan
}

async fn soak(bench: &Bench, duration: Option<Duration>) -> Vec<Check> {
    let client = client::Client::new(&bench.server.address, "cct_of-the-test").unwrap();
    let assignment = client.assignment(&change().to_string()).await.unwrap();
    bench.runner().soak_and_check(change(), &assignment, duration, &Options::default()).await
}

/// Names of the checks that passed, and of those that did not with their reasons.
fn results(checks: &[Check]) -> (Vec<&str>, Vec<(&str, &str)>) {
    let passed = checks.iter().filter(|check| check.passed).map(|check| check.name.as_str()).collect();
    let failed = checks.iter().filter(|check| !check.passed);
    (passed, failed.map(|check| (check.name.as_str(), check.detail.as_str())).collect())
}

#[tokio::test]
async fn what_is_well_passes_after_the_whole_soak() {
    let bench =
        Bench::new(watched(&[("front", "true"), ("back", "true")], health_check(RollbackSpeed::Immediate)))
            .await;
    let began = Instant::now();
    let checks = soak(&bench, Some(Duration::from_secs(1))).await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    let (passed, failed) = results(&checks);
    assert_eq!(passed, ["monitor back", "monitor front", "rollback conditions"], "{failed:?}");
    assert!(checks[0].detail.contains("answers passed, median"), "{}", checks[0].detail);
}

#[tokio::test]
async fn no_data_is_not_well() {
    let bench = Bench::new(watched(&[], RollbackConditions::default())).await;
    let checks = soak(&bench, Some(Duration::ZERO)).await;
    let (passed, failed) = results(&checks);
    assert!(passed.is_empty());
    assert!(failed[0].1.contains("no monitor is defined"), "{failed:?}");

    let bench = Bench::new(watched(&[("front", "kill -9 $$")], RollbackConditions::default())).await;
    let checks = soak(&bench, Some(Duration::ZERO)).await;
    let (passed, failed) = results(&checks);
    assert!(passed.is_empty(), "{passed:?}");
    assert!(
        failed[0].1.starts_with("0 of 5 answers passed; at least 5 must; first fault: ended by SIGKILL"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_single_failure_counts_where_no_share_was_agreed() {
    let flaky = "echo x >> asked; test $(wc -l < asked) -ne 2";
    let bench = Bench::new(watched(&[("front", flaky)], RollbackConditions::default())).await;
    let checks = soak(&bench, Some(Duration::from_secs(1))).await;
    let (_, failed) = results(&checks);
    assert_eq!(failed.len(), 1, "{checks:?}");
    assert!(failed[0].1.contains("first fault: ended with status 1"), "{failed:?}");

    let threshold = Share::new(5_000).unwrap();
    let error_rate = Some(ErrorRate { threshold, window_seconds: 60, action: ACTION });
    let conditions = RollbackConditions { error_rate, ..RollbackConditions::default() };
    let bench = Bench::new(watched(&[("front", flaky)], conditions)).await;
    let checks = soak(&bench, Some(Duration::from_secs(1))).await;
    let (passed, failed) = results(&checks);
    assert_eq!(passed, ["monitor front", "rollback conditions"], "{failed:?}");
}

#[tokio::test]
async fn a_breach_ends_the_soak_early() {
    let bench = Bench::new(watched(&[("front", "false")], health_check(RollbackSpeed::Immediate))).await;
    let began = Instant::now();
    let checks = soak(&bench, Some(Duration::from_secs(300))).await;
    assert!(began.elapsed() < Duration::from_secs(60));
    let (_, failed) = results(&checks);
    let conditions = failed.iter().find(|(name, _)| *name == "rollback conditions").unwrap();
    assert!(conditions.1.contains("3 checks in a row failed"), "{failed:?}");
}

#[tokio::test]
async fn the_baseline_of_the_implementation_is_used_and_none_is_made_up() {
    let threshold = LatencyThreshold::BaselineMultipleHundredths(100_000);
    let latency = Some(Latency { threshold, window_seconds: 60, action: ACTION });
    let conditions = RollbackConditions { latency, ..RollbackConditions::default() };
    let bench = Bench::new(watched(&[("front", "sleep 0.02")], conditions)).await;
    let checks = soak(&bench, Some(Duration::ZERO)).await;
    let (passed, failed) = results(&checks);
    assert_eq!(passed, ["monitor front"]);
    assert!(failed[0].1.contains("it has no baseline latency to compare with"), "{failed:?}");

    assert_eq!(bench.implement(&Options::default()).await.unwrap(), Ended::Implemented);
    let checks = soak(&bench, Some(Duration::ZERO)).await;
    let (passed, failed) = results(&checks);
    assert_eq!(passed, ["monitor front", "rollback conditions"], "{failed:?}");
}

#[tokio::test]
async fn a_soak_that_is_stopped_has_not_passed() {
    let bench = Bench::new(watched(&[("front", "true")], RollbackConditions::default())).await;
    let client = client::Client::new(&bench.server.address, "cct_of-the-test").unwrap();
    let assignment = client.assignment(&change().to_string()).await.unwrap();
    let options = Options::default();
    options.stop.cancel();
    let checks = bench.runner().soak_and_check(change(), &assignment, None, &options).await;
    assert!(checks.iter().all(|check| !check.passed), "{checks:?}");
    assert!(checks.last().unwrap().detail.contains("stopped before its end"), "{checks:?}");
}

/// A service that answers after as many milliseconds as it is told.
fn service() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let millis = Arc::new(AtomicU64::new(0));
    let takes = Arc::clone(&millis);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            // A caller that has gone is the runner's doing.
            let _read = stream.read(&mut request);
            std::thread::sleep(Duration::from_millis(takes.load(Ordering::SeqCst)));
            let _sent = stream.write_all(b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n");
        }
    });
    (url, millis)
}

/// A plan that asks a service at this address.
fn asking(url: String) -> Definition {
    let mut plan = watched(&[], RollbackConditions::default());
    let request = HttpRequest {
        method: "GET".to_owned(),
        url,
        headers: BTreeMap::new(),
        body: None,
        credentials: None,
        header_variables: Default::default(),
        expected_status: (200, 299),
    };
    let probe = Probe::Http { request, timeout_millis: 5_000 };
    plan.monitors = vec![Monitor { probe, ..monitor("front", "true") }];
    plan.plan.soak_seconds = 1;
    plan
}

/// The checks of a change whose service answers after so many milliseconds before and after its only step.
async fn compared(before: u64, after: u64) -> Vec<Check> {
    let (url, millis) = service();
    millis.store(before, Ordering::SeqCst);
    let bench = Bench::new(asking(url)).await;
    let ended = bench.implement(&Options::default()).await.unwrap();
    assert!(matches!(ended, Ended::Implemented), "{ended:?}");
    millis.store(after, Ordering::SeqCst);
    soak(&bench, Some(Duration::from_secs(1))).await
}

#[tokio::test]
async fn answers_that_take_longer_than_before_do_not_pass() {
    let checks = compared(20, 200).await;
    let (passed, failed) = results(&checks);
    assert_eq!(passed, ["monitor front", "rollback conditions"], "{failed:?}");
    let [("performance front", detail)] = failed[..] else { panic!("{failed:?}") };
    assert!(detail.contains("accepted are +10.0 %"), "{detail}");
}

#[tokio::test]
async fn answers_that_take_less_than_before_pass() {
    let checks = compared(200, 1).await;
    let (passed, failed) = results(&checks);
    assert_eq!(passed, ["monitor front", "performance front", "rollback conditions"], "{failed:?}");
}

/// A comparison that cannot be made is said, and neither passes nor fails.
#[tokio::test]
async fn what_was_not_measured_before_is_not_compared_and_that_is_said() {
    let (url, _millis) = service();
    let bench = Bench::new(asking(url)).await;
    let checks = soak(&bench, Some(Duration::from_secs(1))).await;
    let (passed, failed) = results(&checks);
    assert_eq!(passed, ["monitor front", "rollback conditions"], "{failed:?}");
    let detail = &checks.first().unwrap().detail;
    assert!(
        detail.ends_with("not compared with before: this runner has measured no answers before the change"),
        "{detail}"
    );
}
