//! Prometheus, Alertmanager and the files of scanners: every row of the table in `adapters::metrics`, against real servers
//! that scrape and are told, and against bad ones.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use adapters::execute::ExecutionContext;
use adapters::metrics::{Asker, Sampled, probe};
use domain::change::FindingSeverity;
use domain::plan::source::{Credentials, Labels, Reduce, Source};
use domain::plan::{AlertQuestion, FindingsQuestion, MetricQuery, Probe, PrometheusQuestion};
use domain::rollback::{Arms, Measured, Requests, Verdict};
use testkit::{PrivateAlertmanager, PrivatePrometheus};
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{PATIENCE, Workbench};
use crate::outgoing_listener::{Listener, Reply, closed_port_url};

/// Pause between two looks at something that must happen.
const PAUSE: Duration = Duration::from_millis(200);

/// A service that counts requests and tells of them.
#[derive(Default)]
pub(crate) struct Service {
    good: AtomicU64,
    bad: AtomicU64,
    /// Requests of at most 100 ms, and all of them.
    quick: AtomicU64,
    all: AtomicU64,
    pub(crate) gone: AtomicBool,
}

impl Service {
    pub(crate) fn serves(&self, good: u64, bad: u64) {
        self.good.fetch_add(good, Ordering::SeqCst);
        self.bad.fetch_add(bad, Ordering::SeqCst);
    }

    pub(crate) fn takes(&self, quick: u64, slow: u64) {
        self.quick.fetch_add(quick, Ordering::SeqCst);
        self.all.fetch_add(quick + slow, Ordering::SeqCst);
    }

    pub(crate) fn listen(self: &Arc<Self>) -> Listener {
        let service = Arc::clone(self);
        Listener::start(move |_| {
            if service.gone.load(Ordering::SeqCst) {
                return Reply::Close;
            }
            let [good, bad, quick, all] = [&service.good, &service.bad, &service.quick, &service.all]
                .map(|it| it.load(Ordering::SeqCst));
            // Like most libraries: failures have no series before the first one.
            let failures = match bad {
                0 => String::new(),
                bad => format!("http_requests_total{{code=\"503\"}} {bad}\n"),
            };
            let text = format!(
                "http_requests_total{{code=\"200\"}} {good}\n{failures}\
                 http_request_duration_seconds_bucket{{le=\"0.1\"}} {quick}\n\
                 http_request_duration_seconds_bucket{{le=\"0.5\"}} {all}\n\
                 http_request_duration_seconds_bucket{{le=\"+Inf\"}} {all}\n\
                 pool_used 45\npool_size 50\npool_none 0\npool_odd NaN\n"
            );
            let kind = ("content-type", "text/plain; version=0.0.4".to_owned());
            Reply::Answer(200, vec![kind], text.into_bytes())
        })
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn question(url: &str, query: MetricQuery, expect: &str) -> PrometheusQuestion {
    PrometheusQuestion {
        source: Source { url: url.to_owned(), credentials: None },
        query,
        canary: Labels::new(),
        baseline: Labels::new(),
        expect: expect.parse().unwrap(),
        min_requests: 10,
        timeout_millis: 5_000,
    }
}

pub(crate) fn between_versions(question: PrometheusQuestion) -> Probe {
    let (canary, baseline) = (labels(&[("version", "2")]), labels(&[("version", "1")]));
    Probe::Prometheus(PrometheusQuestion { canary, baseline, ..question })
}

pub(crate) fn error_rate() -> MetricQuery {
    MetricQuery::ErrorRate {
        metric: "http_requests_total".to_owned(),
        labels: labels(&[("job", "demo")]),
        errors: labels(&[("code", "~5..")]),
        window_seconds: 30,
    }
}

fn instant(expression: &str) -> MetricQuery {
    MetricQuery::Instant { expression: expression.to_owned() }
}

pub(crate) async fn ask(question: PrometheusQuestion) -> Sampled {
    probe(&Probe::Prometheus(question), &Workbench::new().context(), &CancellationToken::new()).await
}

/// Asks until the answer is as wanted, and hands over all answers.
pub(crate) async fn ask_until(
    asker: &mut Asker,
    context: &ExecutionContext,
    wanted: impl Fn(&Sampled) -> bool,
) -> Vec<Sampled> {
    let (began, mut answers) = (Instant::now(), Vec::new());
    loop {
        let sampled = asker.ask(context, &CancellationToken::new()).await;
        answers.push(sampled.clone());
        if wanted(&sampled) {
            return answers;
        }
        assert!(began.elapsed() < PATIENCE, "{answers:#?}");
        tokio::time::sleep(PAUSE).await;
    }
}

#[track_caller]
pub(crate) fn check(sampled: &Sampled, verdict: Verdict, detail: &str) {
    assert_eq!(sampled.verdict, verdict, "{sampled:?}");
    assert!(sampled.detail.contains(detail), "{sampled:?}");
}

/// All requests that the answers have counted.
fn counted(answers: &[Sampled]) -> (Requests, Requests) {
    let arms = answers.iter().filter_map(|answer| match &answer.measured {
        Some(Measured::Requests(Arms { canary, baseline })) => Some((*canary, baseline.unwrap())),
        Some(Measured::Latencies(_) | Measured::Findings(_)) | None => None,
    });
    arms.fold((Requests::default(), Requests::default()), |(canary, baseline), (one, other)| {
        (canary.plus(one), baseline.plus(other))
    })
}

#[tokio::test]
async fn requests_of_both_versions_are_counted_once_from_a_real_prometheus() {
    let (old, new) = (Arc::new(Service::default()), Arc::new(Service::default()));
    let (one, other) = (old.listen(), new.listen());
    let targets = [one.url(""), other.url("")].map(|url| url.replace("http://", ""));
    let prometheus = PrivatePrometheus::scraping(&[(&targets[0], "1"), (&targets[1], "2")]).unwrap();
    let context = Workbench::new().context();

    let mut asker = Asker::new(between_versions(question(&prometheus.url(), error_rate(), "< 5%")));
    let first = asker.ask(&context, &CancellationToken::new()).await;
    check(&first, Verdict::Inconclusive, "");
    assert_eq!(first.measured, None);
    // Scraped, but nobody has asked anything.
    let mut answers = ask_until(&mut asker, &context, |it| it.detail.contains("no requests")).await;
    old.serves(300, 0);
    new.serves(4, 0);
    answers.extend(ask_until(&mut asker, &context, |it| it.detail.contains("4 requests")).await);
    check(answers.last().unwrap(), Verdict::Inconclusive, "at least 10 are needed");
    new.serves(196, 0);
    answers.extend(ask_until(&mut asker, &context, |it| it.verdict == Verdict::Pass).await);
    check(answers.last().unwrap(), Verdict::Pass, "expected < 0.05");
    new.serves(80, 20);
    answers.extend(ask_until(&mut asker, &context, |it| it.verdict == Verdict::Fail).await);
    check(answers.last().unwrap(), Verdict::Fail, "requests failed in 30 s; baseline: 0 of 300");
    // Until a scrape has told of everything.
    let all = Requests { total: 300, errors: 20 };
    let began = Instant::now();
    while counted(&answers).0 != all && began.elapsed() < PATIENCE {
        answers.push(asker.ask(&context, &CancellationToken::new()).await);
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(counted(&answers), (all, Requests { total: 300, errors: 0 }));

    // The source lives on, but what it scrapes is gone: what it knows gets old, and that is not health.
    new.gone.store(true, Ordering::SeqCst);
    let stale = ask_until(&mut asker, &context, |it| it.verdict == Verdict::Inconclusive).await;
    check(stale.last().unwrap(), Verdict::Inconclusive, "s old");
}

#[tokio::test]
async fn a_target_that_comes_back_brings_nothing_old_with_it() {
    let service = Arc::new(Service::default());
    let listener = service.listen();
    let target = listener.url("").replace("http://", "");
    let prometheus = PrivatePrometheus::scraping(&[(&target, "2")]).unwrap();
    let context = Workbench::new().context();
    let MetricQuery::ErrorRate { metric, labels, errors, .. } = error_rate() else { panic!("no error rate") };
    let query = MetricQuery::ErrorRate { metric, labels, errors, window_seconds: 5 };
    let asker = || {
        let canary = self::labels(&[("version", "2")]);
        let query = PrometheusQuestion { canary, ..question(&prometheus.url(), query.clone(), "< 5%") };
        Asker::new(Probe::Prometheus(query))
    };
    service.serves(4_000, 1_000);
    let mut before = asker();
    ask_until(&mut before, &context, |it| it.detail.contains("no requests")).await;
    service.gone.store(true, Ordering::SeqCst);
    ask_until(&mut before, &context, |it| it.detail.contains("no data")).await;

    // A monitor that begins while the target is away.
    let mut late = asker();
    check(&late.ask(&context, &CancellationToken::new()).await, Verdict::Inconclusive, "no data");
    service.gone.store(false, Ordering::SeqCst);
    let mut answers = ask_until(&mut late, &context, |it| it.detail.contains("no requests")).await;
    service.serves(100, 1);
    answers.extend(ask_until(&mut late, &context, |it| it.detail.contains("101 requests")).await);
    let counts = answers.iter().filter_map(|answer| match &answer.measured {
        Some(Measured::Requests(arms)) => Some(arms.canary),
        Some(Measured::Latencies(_) | Measured::Findings(_)) | None => None,
    });
    assert_eq!(counts.fold(Requests::default(), Requests::plus), Requests { total: 101, errors: 1 });
}

#[tokio::test]
async fn latencies_saturation_and_expressions_of_a_real_prometheus() {
    let service = Arc::new(Service::default());
    let listener = service.listen();
    let target = listener.url("").replace("http://", "");
    let prometheus = PrivatePrometheus::scraping(&[(&target, "2")]).unwrap();
    let context = Workbench::new().context();
    let url = prometheus.url();

    let query = MetricQuery::Latency {
        metric: "http_request_duration_seconds".to_owned(),
        labels: labels(&[("version", "2")]),
        per_mille: 990,
        unit_micros: 1_000_000,
        window_seconds: 30,
    };
    let mut asker = Asker::new(Probe::Prometheus(question(&url, query, "< 400ms")));
    ask_until(&mut asker, &context, |it| it.detail.contains("no requests")).await;
    service.takes(990, 10);
    let answers = ask_until(&mut asker, &context, |it| it.verdict == Verdict::Pass).await;
    assert_eq!(answers.last().unwrap().latency_micros, Some(100_000));
    service.takes(0, 200);
    let answers = ask_until(&mut asker, &context, |it| it.verdict == Verdict::Fail).await;
    check(answers.last().unwrap(), Verdict::Fail, "p99 of 1200 requests in 30 s: 477.142 ms, expected < 0.4");
    let Some(Measured::Latencies(arms)) = &answers.last().unwrap().measured else { panic!("{answers:?}") };
    assert_eq!((arms.canary.total(), arms.baseline.is_none()), (200, true));

    let saturation = |limit: Option<&str>| MetricQuery::Saturation {
        used: "pool_used".to_owned(),
        limit: limit.map(str::to_owned),
        labels: labels(&[("job", "demo")]),
    };
    check(&ask(question(&url, saturation(Some("pool_size")), "< 95%")).await, Verdict::Pass, "is 0.9,");
    check(&ask(question(&url, saturation(Some("pool_size")), "< 80%")).await, Verdict::Fail, "is 0.9,");
    check(&ask(question(&url, saturation(None), "<= 45")).await, Verdict::Pass, "is 45,");

    for (expression, verdict, detail) in [
        ("up{job=\"demo\"}", Verdict::Pass, "is 1, expected >= 1"),
        ("vector(0)", Verdict::Fail, "is 0, expected >= 1"),
        ("nothing_of_this_name", Verdict::Inconclusive, "found no data"),
        ("vector(0) / 0", Verdict::Inconclusive, "`NaN`"),
        ("vector(1) / 0", Verdict::Inconclusive, "`+Inf`"),
        ("{job=\"demo\"}", Verdict::Error, "series: expected one"),
        ("sum(", Verdict::Error, "answered with status 400: "),
        ("up[1m]", Verdict::Error, "points of a range"),
    ] {
        check(&ask(question(&url, instant(expression), ">= 1")).await, verdict, detail);
    }
    let range = |expression: &str, reduce| MetricQuery::Range {
        expression: expression.to_owned(),
        over_seconds: 20,
        step_seconds: 1,
        reduce,
    };
    for (reduce, value) in [(Reduce::Min, "2"), (Reduce::Mean, "2"), (Reduce::Max, "2"), (Reduce::Last, "2")]
    {
        check(&ask(question(&url, range("vector(2)", reduce), "< 3")).await, Verdict::Pass, value);
    }
    for (expression, verdict, detail) in [
        ("nothing_of_this_name", Verdict::Inconclusive, "found no data"),
        ("vector(0) / 0", Verdict::Inconclusive, "0 points in 20 s, of 20"),
        ("up or vector(3)", Verdict::Error, "series: expected one"),
    ] {
        check(&ask(question(&url, range(expression, Reduce::Mean), "< 3")).await, verdict, detail);
    }
}

#[tokio::test]
async fn a_source_that_does_not_answer_as_it_should_is_an_error() {
    let silent = Listener::start(|_| Reply::Silence);
    let question =
        |url: &str| PrometheusQuestion { timeout_millis: 300, ..question(url, error_rate(), "< 5%") };
    check(&ask(question(&silent.url(""))).await, Verdict::Error, "300 ms");
    let html = Listener::answering(200, "<html>");
    check(&ask(question(&html.url(""))).await, Verdict::Error, "no answer of Prometheus");
    let endless = Listener::start(|_| Reply::Endless);
    let patient = PrometheusQuestion { timeout_millis: 20_000, ..question(&endless.url("")) };
    check(&ask(patient).await, Verdict::Error, "more than 8 MiB");
    let number = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#;
    check(&ask(question(&Listener::answering(200, number).url(""))).await, Verdict::Error, "no points");
    check(&ask(question(&closed_port_url())).await, Verdict::Error, "could not be reached");
    check(&ask(question("http://169.254.169.254/")).await, Verdict::Error, "is refused");
    check(&ask(question("ftp://host/")).await, Verdict::Error, "no address of a Prometheus");
}

#[tokio::test]
async fn secrets_come_from_the_environment_and_stay_there() {
    let echo = Listener::start(|request| {
        let line =
            request.lines().find(|line| line.to_lowercase().starts_with("authorization")).unwrap_or("none");
        let body = format!(r#"{{"error": "you said {line}"}}"#);
        Reply::Answer(401, Vec::new(), body.into_bytes())
    });
    let bench = Workbench::new();
    let context = bench.context_with(&[("PROM_ACCESS", "hunter2hunter2")]);
    let ask = async |credentials: Credentials| {
        let question = question(&echo.url(""), instant("up"), ">= 1");
        let source = Source { credentials: Some(credentials), ..question.source };
        let probe_ = Probe::Prometheus(PrometheusQuestion { source, ..question });
        probe(&probe_, &context, &CancellationToken::new()).await
    };
    let bearer = ask(Credentials::Bearer { variable: "PROM_ACCESS".to_owned() }).await;
    check(&bearer, Verdict::Error, "status 401: you said");
    let sent = echo.requests().pop().unwrap().to_lowercase();
    assert!(sent.contains("authorization: bearer hunter2hunter2"), "{sent}");
    let (user, variable) = ("me".to_owned(), "PROM_ACCESS".to_owned());
    let basic = ask(Credentials::Basic { user, variable }).await;
    let sent = echo.requests().pop().unwrap();
    assert!(sent.contains("Basic bWU6aHVudGVyMmh1bnRlcjI="), "{sent}");
    for sampled in [&bearer, &basic] {
        assert!(!sampled.detail.contains("hunter2") && !sampled.detail.contains("bWU6"), "{sampled:?}");
    }
    let missing = ask(Credentials::Bearer { variable: "NOT_THERE".to_owned() }).await;
    check(&missing, Verdict::Error, "`NOT_THERE` is not set where the runner runs");
    let own = ask(Credentials::Bearer { variable: "CORTEX_CHANGE_TOKEN".to_owned() }).await;
    check(&own, Verdict::Error, "is not given to programs");
}

/// Tells a real Alertmanager something.
async fn tell(context: &ExecutionContext, url: &str, path: &str, body: serde_json::Value) {
    let request = domain::plan::HttpRequest {
        method: "POST".to_owned(),
        url: format!("{url}{path}"),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body: Some(body.to_string()),
        credentials: None,
        header_variables: Default::default(),
        expected_status: (200, 299),
    };
    let told = Probe::Http { request, timeout_millis: 5_000 };
    check(&probe(&told, context, &CancellationToken::new()).await, Verdict::Pass, "");
}

#[tokio::test]
async fn active_alerts_fail_and_silenced_ones_do_not_count() {
    let alertmanager = PrivateAlertmanager::start().unwrap();
    let (bench, url) = (Workbench::new(), alertmanager.url());
    let context = bench.context();
    let question = |watchdog: Option<&str>| {
        Probe::Alertmanager(AlertQuestion {
            source: Source { url: url.clone(), credentials: None },
            labels: labels(&[("service", "~shop|cart")]),
            about: BTreeSet::new(),
            watchdog: watchdog.map(str::to_owned),
            timeout_millis: 5_000,
        })
    };
    let ask = async |watchdog| Asker::new(question(watchdog)).ask(&context, &CancellationToken::new()).await;
    check(&ask(None).await, Verdict::Pass, "no alert is active");
    check(&ask(Some("Watchdog")).await, Verdict::Inconclusive, "`Watchdog` is not active");
    let alert = |name: &str, service: &str, severity: &str| serde_json::json!({"labels": {"alertname": name, "service": service, "severity": severity}});
    let alerts = serde_json::json!([alert("Watchdog", "all", "none"), alert("Broken", "bank", "high")]);
    tell(&context, &url, "/api/v2/alerts", alerts).await;
    ask_until(&mut Asker::new(question(Some("Watchdog"))), &context, |it| it.verdict == Verdict::Pass).await;

    tell(&context, &url, "/api/v2/alerts", serde_json::json!([alert("Errors", "shop", "high")])).await;
    let failing =
        ask_until(&mut Asker::new(question(None)), &context, |it| it.verdict == Verdict::Fail).await;
    check(failing.last().unwrap(), Verdict::Fail, "active: Errors");
    // Inhibited by the first one: of the same service and lower.
    tell(&context, &url, "/api/v2/alerts", serde_json::json!([alert("Slow", "shop", "low")])).await;
    check(&ask(None).await, Verdict::Fail, "active: Errors");
    // What alerts are about is read off the labels by which the server knows them, too.
    let about = |names: &[&str]| {
        let Probe::Alertmanager(question) = question(None) else { panic!("an Alertmanager") };
        let about = names.iter().map(ToString::to_string).collect();
        Probe::Alertmanager(AlertQuestion { labels: Labels::new(), about, ..question })
    };
    let ask_about = async |names: &[&str]| probe(&about(names), &context, &CancellationToken::new()).await;
    check(&ask_about(&["shop", "front"]).await, Verdict::Fail, "active: Errors");
    check(&ask_about(&["front", "Deployment/shop/front"]).await, Verdict::Pass, "no alert is active");
    let pods =
        serde_json::json!([{"labels": {"alertname": "Pods", "namespace": "shop", "deployment": "front"}}]);
    tell(&context, &url, "/api/v2/alerts", pods).await;
    let mut of_item = Asker::new(about(&["Deployment/shop/front"]));
    let failing = ask_until(&mut of_item, &context, |it| it.verdict == Verdict::Fail).await;
    check(failing.last().unwrap(), Verdict::Fail, "active: Pods");
    let matcher = serde_json::json!({"name": "alertname", "value": "Errors", "isRegex": false});
    let silence = serde_json::json!({"matchers": [matcher], "createdBy": "me", "comment": "known",
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z"});
    tell(&context, &url, "/api/v2/silences", silence).await;
    // The lower one is inhibited by an alert that still fires, silenced or not.
    ask_until(&mut Asker::new(question(None)), &context, |it| it.verdict == Verdict::Pass).await;

    let probe_at = |url: &str| {
        Probe::Alertmanager(AlertQuestion {
            source: Source { url: url.to_owned(), credentials: None },
            labels: labels(&[("service", "shop")]),
            about: BTreeSet::new(),
            watchdog: None,
            timeout_millis: 1_000,
        })
    };
    for (url, detail) in [
        (closed_port_url(), "could not be reached"),
        (Listener::answering(503, "").url(""), "answered with status 503"),
        (Listener::answering(200, "{}").url(""), "no answer of an Alertmanager"),
    ] {
        check(&probe(&probe_at(&url), &context, &CancellationToken::new()).await, Verdict::Error, detail);
    }
}

#[tokio::test]
async fn what_a_scanner_wrote_is_read_each_time() {
    let bench = Workbench::new();
    let context = bench.context();
    let sarif = |level: &str| {
        format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"scanner"}}}},"results":[
            {{"ruleId":"SQLI","level":"{level}","message":{{"text":"query from input"}}}}]}}]}}"#
        )
    };
    let question = Probe::Findings(FindingsQuestion {
        path: "scan.json".to_owned(),
        fail_on: FindingSeverity::High,
        age_seconds_max: 3_600,
    });
    let mut asker = Asker::new(question);
    let cancel = CancellationToken::new();
    check(&asker.ask(&context, &cancel).await, Verdict::Inconclusive, "there is no file `scan.json`");
    for (text, verdict, detail) in [
        (sarif("note"), Verdict::Pass, "0 findings at or above high, 1 below, 0 suppressed"),
        (sarif("error"), Verdict::Fail, "1 findings at or above high, 0 below, 0 suppressed; SQLI"),
        (r#"{"version":"2.1.0","runs":[]}"#.to_owned(), Verdict::Error, "shows no scan"),
        ("{}".to_owned(), Verdict::Error, "is no file of findings"),
        (
            r#"{"bomFormat":"CycloneDX","specVersion":"1.5","vulnerabilities":[{"id":"CVE-2024-1",
            "ratings":[{"severity":"critical"}]}]}"#
                .to_owned(),
            Verdict::Fail,
            "CVE-2024-1",
        ),
    ] {
        bench.write("scan.json", &text);
        check(&asker.ask(&context, &cancel).await, verdict, detail);
    }
    assert_eq!(asker.ask(&context, &cancel).await.measured, Some(Measured::Findings(1)));
    let file = std::fs::File::options().write(true).open(bench.path("scan.json")).unwrap();
    let hours_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    file.set_modified(hours_ago).unwrap();
    check(&asker.ask(&context, &cancel).await, Verdict::Inconclusive, "at most 3600 s count");
}
