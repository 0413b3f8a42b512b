//! Sources that say nothing, or nothing that counts: no such answer is ever `pass`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adapters::metrics::{Asker, Sampled, probe};
use domain::change::FindingSeverity;
use domain::plan::source::{Reduce, Source};
use domain::plan::{AlertQuestion, FindingsQuestion, MetricQuery, Probe, PrometheusQuestion};
use domain::rollback::{Measured, Verdict};
use testkit::PrivatePrometheus;
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{PATIENCE, Workbench};
use crate::metrics_sources::{
    Service, ask, ask_until, between_versions, check, error_rate, labels, question,
};
use crate::outgoing_listener::{Listener, Reply};

fn saturation(used: &str, limit: Option<&str>) -> MetricQuery {
    MetricQuery::Saturation {
        used: used.to_owned(),
        limit: limit.map(str::to_owned),
        labels: labels(&[("job", "demo")]),
    }
}

fn latency(window_seconds: u64) -> MetricQuery {
    MetricQuery::Latency {
        metric: "http_request_duration_seconds".to_owned(),
        labels: labels(&[("job", "demo")]),
        per_mille: 950,
        unit_micros: 1_000_000,
        window_seconds,
    }
}

fn at_most(query: MetricQuery, url: &str) -> Asker {
    Asker::new(Probe::Prometheus(question(url, query, "< 95%")))
}

#[tokio::test]
async fn a_saturation_that_cannot_be_computed_or_is_old_is_none() {
    let service = Arc::new(Service::default());
    let listener = service.listen();
    let target = listener.url("").replace("http://", "");
    let prometheus = PrivatePrometheus::scraping(&[(&target, "2")]).unwrap();
    let (context, url) = (Workbench::new().context(), prometheus.url());
    let mut pool = at_most(saturation("pool_used", Some("pool_size")), &url);
    ask_until(&mut pool, &context, |it| it.verdict == Verdict::Pass).await;
    for (query, detail) in [
        (saturation("pool_of_nobody", None), "no data"),
        (saturation("pool_used", Some("pool_of_nobody")), "no data"),
        (saturation("pool_used", Some("pool_none")), "`+Inf`"),
        (saturation("pool_none", Some("pool_none")), "`NaN`"),
        (saturation("pool_odd", None), "`NaN`"),
        (saturation("pool_odd", Some("pool_size")), "`NaN`"),
    ] {
        check(&ask(question(&url, query, "< 95%")).await, Verdict::Inconclusive, detail);
    }
    // The share of another arm is told beside it, and decides nothing.
    for (version, beside) in
        [("2", "; baseline: 0.9,"), ("9", "; baseline: not known, the query found no data")]
    {
        let asked = question(&url, saturation("pool_used", Some("pool_size")), "< 95%");
        let canary = labels(&[("version", "2")]);
        let baseline = labels(&[("job", "~demo"), ("version", version)]);
        let sampled = ask(PrometheusQuestion { canary, baseline, ..asked }).await;
        check(&sampled, Verdict::Pass, "share of pool_used in use is 0.9");
        check(&sampled, Verdict::Pass, beside);
    }
    let over_time = MetricQuery::Range {
        expression: "pool_used{job=\"demo\"}".to_owned(),
        over_seconds: 5,
        step_seconds: 1,
        reduce: Reduce::Last,
    };
    let mut range = Asker::new(Probe::Prometheus(question(&url, over_time, "<= 45")));
    ask_until(&mut range, &context, |it| it.verdict == Verdict::Pass).await;
    // It says no more: what is known gets old, and neither is well any longer.
    service.gone.store(true, Ordering::SeqCst);
    for asker in [&mut pool, &mut range] {
        let answers = ask_until(asker, &context, |it| it.verdict != Verdict::Pass).await;
        assert_eq!(answers.last().unwrap().verdict, Verdict::Inconclusive, "{answers:#?}");
    }
}

#[tokio::test]
async fn too_few_requests_make_no_percentile_and_a_silent_baseline_nothing_to_compare_with() {
    let (old, new) = (Arc::new(Service::default()), Arc::new(Service::default()));
    let (one, other) = (old.listen(), new.listen());
    let targets = [one.url(""), other.url("")].map(|url| url.replace("http://", ""));
    let prometheus = PrivatePrometheus::scraping(&[(&targets[0], "1"), (&targets[1], "2")]).unwrap();
    let (context, url) = (Workbench::new().context(), prometheus.url());
    let mut slow = Asker::new(between_versions(question(&url, latency(30), "< 400ms")));
    let mut errors = Asker::new(between_versions(question(&url, error_rate(), "< 5%")));
    for asker in [&mut slow, &mut errors] {
        ask_until(asker, &context, |it| it.detail.contains("no requests")).await;
    }
    // Nine, where ten are needed.
    new.takes(9, 0);
    let answers = ask_until(&mut slow, &context, |it| it.detail.contains("9 requests")).await;
    check(answers.last().unwrap(), Verdict::Inconclusive, "at least 10 are needed");
    assert!(answers.iter().all(|it| it.verdict != Verdict::Pass && it.latency_micros.is_none()));

    // Enough of the new version, none of the old one: its own limit is judged, and there is nothing to compare it with.
    new.serves(500, 0);
    let answers = ask_until(&mut errors, &context, |it| it.detail.contains("500 requests")).await;
    let Sampled { verdict, detail, measured, .. } = answers.last().unwrap();
    assert!(detail.contains("baseline: 0 of 0 requests"), "{detail}");
    assert_eq!(*verdict, Verdict::Pass, "{detail}");
    let Some(Measured::Requests(arms)) = measured else { panic!("{measured:?}") };
    assert_eq!(arms.baseline.map_or(0, |baseline| baseline.total), 0);
}

fn alertmanager(url: &str, watchdog: Option<&str>, timeout_millis: u64) -> Probe {
    Probe::Alertmanager(AlertQuestion {
        source: Source { url: url.to_owned(), credentials: None },
        labels: labels(&[("service", "shop")]),
        about: BTreeSet::new(),
        watchdog: watchdog.map(str::to_owned),
        timeout_millis,
    })
}

#[tokio::test]
async fn refused_late_and_odd_answers_are_errors() {
    let context = Workbench::new().context();
    let never = CancellationToken::new();
    for status in [401, 403] {
        let listener = Listener::answering(status, r#"{"error": "not you"}"#);
        let (refusing, said) = (listener.url(""), format!("answered with status {status}"));
        check(&ask(question(&refusing, error_rate(), "< 5%")).await, Verdict::Error, &said);
        check(&probe(&alertmanager(&refusing, None, 5_000), &context, &never).await, Verdict::Error, &said);
    }
    let silent = Listener::start(|_| Reply::Silence);
    let late = probe(&alertmanager(&silent.url(""), None, 300), &context, &never).await;
    check(&late, Verdict::Error, "300 ms");
    let odd_answers = Listener::answering(200, "[{\"labels\": 7}]");
    let odd = probe(&alertmanager(&odd_answers.url(""), None, 5_000), &context, &never).await;
    check(&odd, Verdict::Error, "no answer of an Alertmanager");
    let one = r#"{"metric":{"a":"b"},"values":[[1,"1"]]},"#.repeat(5_001);
    let many = format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
        one.trim_end_matches(',')
    );
    let many = Listener::answering(200, &many);
    let patient =
        PrometheusQuestion { timeout_millis: 20_000, ..question(&many.url(""), error_rate(), "< 5%") };
    check(&ask(patient).await, Verdict::Error, "more than 5,000 series");
}

fn findings(path: &str) -> Probe {
    Probe::Findings(FindingsQuestion {
        path: path.to_owned(),
        fail_on: FindingSeverity::High,
        age_seconds_max: 3_600,
    })
}

#[tokio::test]
async fn a_file_of_findings_that_cannot_be_read_is_an_error() {
    let bench = Workbench::new();
    let (context, never) = (bench.context(), CancellationToken::new());
    std::fs::create_dir(bench.path("folder.json")).unwrap();
    std::fs::write(bench.path("latin.json"), b"{\"version\": \"\xe9\"}").unwrap();
    // Reading a pipe that nobody writes into would last for ever.
    let pipe = std::process::Command::new("mkfifo").arg(bench.path("pipe.json")).status().unwrap();
    assert!(pipe.success());
    bench.write("half.json", r#"{"version": "2.1.0", "runs": ["#);
    for path in ["folder.json", "latin.json", "pipe.json", "half.json"] {
        let sampled = probe(&findings(path), &context, &never).await;
        check(&sampled, Verdict::Error, path);
        assert_eq!(sampled.measured, None, "{path}");
    }
}

#[tokio::test]
async fn whatever_is_asked_can_be_cancelled_and_that_is_no_judgement() {
    let bench = Workbench::new();
    let silent = Listener::start(|_| Reply::Silence);
    let slow =
        PrometheusQuestion { timeout_millis: 300_000, ..question(&silent.url(""), error_rate(), "< 5%") };
    let watchdog = alertmanager(&silent.url(""), Some("Watchdog"), 300_000);
    for question in [Probe::Prometheus(slow), watchdog] {
        let (cancel, context) = (CancellationToken::new(), bench.context());
        let asked =
            async { tokio::time::timeout(PATIENCE, probe(&question, &context, &cancel)).await.unwrap() };
        let (sampled, ()) = tokio::join!(asked, async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        });
        check(&sampled, Verdict::Inconclusive, "cancelled");
    }
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let sampled = probe(&findings("scan.json"), &bench.context(), &cancelled).await;
    check(&sampled, Verdict::Inconclusive, "cancelled");
}
