//! Bakes that compare two versions, by what a real Prometheus scrapes of both.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use domain::canary::saved::Terms;
use domain::canary::streams::Family;
use domain::canary::{Calibrated, Calibration, Sample, Settings};
use domain::canonical::Digest;
use domain::number::Share;
use domain::plan::source::{Labels, Source};
use domain::plan::strategy::{Canary, CanaryStage, Unspreadable};
use domain::plan::{
    Analysis, Bake, Cause, Decision, MetricQuery, Monitor, Plan, Probe, PrometheusQuestion, RunOutcome,
    Strategy, Undecided,
};
use domain::rollback::{ConditionName, Reaction, RollbackSpeed};
use runner::Ended;
use testkit::PrivatePrometheus;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::bench::{Bench, definition, noting, undoing};
use crate::server::Definition;

/// Requests to each version every tenth of a second.
const REQUESTS_OF_A_TICK: u64 = 50;
/// Of so many requests to a version that is well, one fails.
const WELL_FAILS_ONE_OF: u64 = 200;
/// Of so many requests to one that is not, one fails.
const BAD_FAILS_ONE_OF: u64 = 10;
const BAKE_MILLIS: u64 = 12_000;
const EXTENSION_MILLIS: u64 = 8_000;

/// One version under traffic, and what it tells Prometheus of that.
#[derive(Debug, Default)]
struct Version {
    requests: AtomicU64,
    failed: AtomicU64,
    is_bad: AtomicBool,
    is_gone: AtomicBool,
}

impl Version {
    fn serve(&self) {
        let before = self.requests.fetch_add(REQUESTS_OF_A_TICK, Ordering::SeqCst);
        let one_of = if self.is_bad.load(Ordering::SeqCst) { BAD_FAILS_ONE_OF } else { WELL_FAILS_ONE_OF };
        let failed = (before + REQUESTS_OF_A_TICK) / one_of - before / one_of;
        self.failed.fetch_add(failed, Ordering::SeqCst);
    }

    fn told(&self) -> Result<String, StatusCode> {
        if self.is_gone.load(Ordering::SeqCst) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let [requests, failed] = [&self.requests, &self.failed].map(|it| it.load(Ordering::SeqCst));
        let mut text = String::new();
        for (code, count) in [("200", requests - failed), ("503", failed)] {
            writeln!(text, "http_requests_total{{code=\"{code}\"}} {count}").unwrap();
        }
        Ok(text)
    }
}

/// Two versions under traffic and the Prometheus that scrapes them.
struct Traffic {
    old: Arc<Version>,
    new: Arc<Version>,
    prometheus: PrivatePrometheus,
    _tasks: JoinSet<()>,
}

impl Traffic {
    async fn start() -> Self {
        let mut tasks = JoinSet::new();
        let (old, new) = (Arc::new(Version::default()), Arc::new(Version::default()));
        let mut addresses = Vec::new();
        for version in [&old, &new] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap().to_string());
            let (told, served) = (Arc::clone(version), Arc::clone(version));
            let router = Router::new().route("/metrics", get(move || async move { told.told() }));
            tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
            tasks.spawn(async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(100));
                loop {
                    ticks.tick().await;
                    served.serve();
                }
            });
        }
        let [one, other] = addresses.as_slice() else { panic!("two versions") };
        let targets = [(one.as_str(), "old"), (other.as_str(), "new")];
        let prometheus = PrivatePrometheus::scraping(&targets).unwrap();
        Self { old, new, prometheus, _tasks: tasks }
    }

    fn monitor(&self) -> Monitor {
        let labels = |name: &str, value: &str| -> Labels { [(name.to_owned(), value.to_owned())].into() };
        let question = PrometheusQuestion {
            source: Source { url: self.prometheus.url(), credentials: None },
            query: MetricQuery::ErrorRate {
                metric: "http_requests_total".to_owned(),
                labels: BTreeMap::new(),
                errors: labels("code", "~5.."),
                window_seconds: 10,
            },
            canary: labels("version", "new"),
            baseline: labels("version", "old"),
            expect: "< 50%".parse().unwrap(),
            min_requests: 10,
            timeout_millis: 5_000,
        };
        Monitor {
            name: "errors".parse().unwrap(),
            probe: Probe::Prometheus(question),
            interval_millis: 1_000,
        }
    }
}

/// Bakes of twenty seconds of equal versions, ninety in the record.
static CALIBRATED: LazyLock<Calibrated> = LazyLock::new(|| {
    let settings = Settings { horizon_seconds: 20, restart_seconds: 10, budget: 0.05, ..Settings::default() };
    let family = Family { seconds: 1_800, ..Family::equal("equal") };
    let rows = (1_u64..).zip(family.rows(11));
    let record: Vec<Sample> =
        rows.map(|(second, row)| Sample::counts(second * 1_000, row.baseline, row.canary)).collect();
    let calibration = Calibration::of(Terms::of(&settings).settings(), &[record]).unwrap();
    Calibrated::of("shop".parse().unwrap(), vec![Digest::of_bytes(b"record")], &calibration)
});

/// A canary of one stage, whose bake compares the versions.
fn compared(traffic: &Traffic, calibration: Option<&Calibrated>, undecided: Undecided) -> Definition {
    let analysis = Analysis {
        budget: Share::new(500).unwrap(),
        matters_hundredths: 400,
        action: Reaction { rollback: RollbackSpeed::Immediate, quarantine: false },
        service: Some("shop".parse().unwrap()),
        calibration: calibration.map(|it| it.id().unwrap()),
    };
    let bake =
        Bake { duration_millis: BAKE_MILLIS, extension_millis: EXTENSION_MILLIS, undecided, analysis: None };
    let stage = CanaryStage { weight: Share::new(500).unwrap(), bake: Some(bake), hold: false };
    let canary = Canary {
        prepare: vec![noting("start")],
        stages: vec![stage],
        analysis: Some(analysis),
        promote: vec![noting("promote")],
    };
    let spread = canary.spread::<Unspreadable>(|_| Ok(noting("shift"))).unwrap();
    let mut definition = definition(spread.steps);
    definition.plan = Plan { strategy: Strategy::Canary, stages: spread.stages, ..definition.plan };
    definition.plan.validate().unwrap();
    definition.monitors = vec![traffic.monitor()];
    definition.calibration = calibration.cloned();
    definition
}

#[tokio::test]
async fn versions_that_are_alike_go_on_with_a_reason() {
    let traffic = Traffic::start().await;
    let bench = Bench::new(compared(&traffic, Some(&CALIBRATED), Undecided::RollBack)).await;
    let ended = bench.implement(&undoing()).await.unwrap();
    assert_eq!(ended, Ended::Implemented, "{:#?}", bench.server.history());
    assert_eq!(bench.read("log"), "start\nshift\npromote\n");
    let change = bench.server.change();
    let compared = change.samples.iter().filter(|sample| sample.measured.is_some()).count();
    assert!(compared >= 8, "samples of both versions reach the server: {compared}");
}

#[tokio::test]
async fn a_worse_version_is_taken_back_where_the_comparison_is_armed() {
    let traffic = Traffic::start().await;
    traffic.new.is_bad.store(true, Ordering::SeqCst);
    let bench = Bench::new(compared(&traffic, Some(&CALIBRATED), Undecided::RollBack)).await;
    let ended = bench.implement(&undoing()).await.unwrap();
    let Ended::RolledBack { cause: Some(Cause::Breach { condition, monitor, explanation, .. }), outcome } =
        ended
    else {
        panic!("{ended:?}")
    };
    assert_eq!((condition, monitor.as_str()), (ConditionName::Canary, "errors"));
    assert!(explanation.as_str().contains("odds"), "it says by how much: {explanation}");
    assert_eq!(outcome, RunOutcome::Undone { left_in_place: vec![] });
    assert_eq!(bench.read("log"), "start\nshift\nundo shift\nundo start\n");
}

#[tokio::test]
async fn a_worse_version_is_a_persons_decision_where_nothing_was_calibrated() {
    let traffic = Traffic::start().await;
    traffic.new.is_bad.store(true, Ordering::SeqCst);
    let bench = Bench::new(compared(&traffic, None, Undecided::RollBack)).await;
    let person = async {
        let question = bench.question().await;
        assert!(question.contains("redo it or give it up"), "{question}");
        let observed = format!("{:?}", bench.server.change().observed);
        for expected in ["odds", "a comparison alone does not roll back here", "no calibration of `shop`"] {
            assert!(observed.contains(expected), "{observed}");
        }
        assert_eq!(bench.read("log"), "start\nshift\n", "nothing was taken back before somebody said so");
        bench.server.decide("bake at 5%", Decision::GiveUp);
    };
    let (ended, ()) = bench.implement_while(&undoing(), person).await;
    assert!(matches!(ended.unwrap(), Ended::RolledBack { .. }));
    assert_eq!(bench.read("log"), "start\nshift\nundo shift\nundo start\n");
}

#[tokio::test]
async fn a_version_that_tells_no_more_of_itself_never_passes() {
    for gone in [|traffic: &Traffic| Arc::clone(&traffic.new), |traffic: &Traffic| Arc::clone(&traffic.old)] {
        let traffic = Traffic::start().await;
        let bench = Bench::new(compared(&traffic, Some(&CALIBRATED), Undecided::RollBack)).await;
        let leaves = async {
            bench.observed("step `bake at 5%` started, attempt 1").await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            gone(&traffic).is_gone.store(true, Ordering::SeqCst);
        };
        let (ended, ()) = bench.implement_while(&undoing(), leaves).await;
        let ended = ended.unwrap();
        let Ended::RolledBack { cause: Some(Cause::StepFailed { step }), .. } = &ended else {
            panic!("{ended:?}")
        };
        assert_eq!(step.as_str(), "bake at 5%");
        let history = bench.server.history();
        assert!(history.iter().any(|line| line.contains("could not be decided")), "{history:#?}");
        assert!(!bench.read("log").contains("promote"), "{}", bench.read("log"));
    }
}
