//! The two arms of a canary under comparison: what monitors counted goes to `domain::canary`'s judges.
//!
//! Each monitor that has two arms has a judge of its own, because their answers come at times of their own; the budget for
//! false alarms is shared out among them. An answer without figures is a sample without arms: no data, and no evidence.

use std::collections::BTreeMap;

use domain::canary::{Arm, Histogram, Judge, Sample as Compared, Settings, Verdict, Watch};
use domain::id::StepName;
use domain::plan::{Analysis, Bake, MetricQuery, Monitor, Probe};
use domain::rollback::{Arms, Breach, ConditionName, Histogram as Buckets, Measured, Requests, Sample};
use jiff::Timestamp;

/// Shortest and longest time between two restarts of the evidence, in seconds. How far equal versions wander is learned
/// from one such time to the next, which a minute shows better than a moment; but a short bake needs several of them.
const RESTART_SECONDS: (u64, u64) = (10, 60);
/// How many restarts a bake has at least, where it is long enough for them.
const RESTARTS_MIN: u64 = 3;

/// What is compared during one bake.
#[derive(Debug)]
pub(crate) struct Comparison {
    analysis: Analysis,
    began: Timestamp,
    judges: BTreeMap<StepName, Judge>,
}

impl Comparison {
    /// Nothing where the bake compares nothing. Settings that no judge accepts leave a monitor without one, and the bake
    /// then without a pass.
    pub(crate) fn of(bake: &Bake, monitors: &[Monitor], began: Timestamp) -> Option<Self> {
        let analysis = bake.analysis?;
        let two_armed: Vec<&Monitor> = monitors.iter().filter(|monitor| monitor.has_two_arms()).collect();
        let settings = settings(bake, &analysis, two_armed.len());
        let judge = |monitor: &&Monitor| {
            let settings = Settings { watch: watch(monitor), ..settings };
            Some((monitor.name.clone(), Judge::new(settings).ok()?))
        };
        Some(Self { analysis, began, judges: two_armed.iter().filter_map(judge).collect() })
    }

    /// Whether this monitor is judged by comparison, and not by each single answer.
    pub(crate) fn compares(&self, monitor: &StepName) -> bool {
        self.judges.contains_key(monitor)
    }

    /// Takes an answer in; a breach where the canary is worse.
    pub(crate) fn observe(&mut self, sample: &Sample) -> Option<Breach> {
        let judge = self.judges.get_mut(&sample.monitor)?;
        let at_millis = u64::try_from(sample.at.duration_since(self.began).as_millis()).ok()?;
        // A sample that cannot be counts for nothing, and what is missing is never a pass.
        let _refused = judge.observe(&compared(sample.measured.as_ref(), at_millis));
        judge.has_failed().then(|| Breach {
            condition: ConditionName::Canary,
            monitor: sample.monitor.clone(),
            explanation: judge.opinion().reason,
            reaction: self.analysis.action,
        })
    }

    /// What is still missing for a pass; nothing where every judge says `pass`.
    pub(crate) fn missing(&self) -> Option<String> {
        if self.judges.is_empty() {
            return Some("no monitor has two arms that could be compared".to_owned());
        }
        let open = self.judges.iter().find(|(_, judge)| judge.verdict() != Verdict::Pass);
        open.map(|(monitor, judge)| format!("monitor `{monitor}`: {}", judge.opinion().reason))
    }

    /// What each judge says, in words.
    pub(crate) fn opinions(&self) -> impl Iterator<Item = String> + '_ {
        self.judges.iter().map(|(monitor, judge)| format!("monitor `{monitor}`: {}", judge.opinion().reason))
    }
}

fn settings(bake: &Bake, analysis: &Analysis, monitors: usize) -> Settings {
    let shared = u32::try_from(monitors.max(1)).unwrap_or(u32::MAX);
    let seconds = (bake.duration_millis + bake.extension_millis) / 1_000;
    let (shortest, longest) = RESTART_SECONDS;
    let restart = (bake.duration_millis / 1_000 / RESTARTS_MIN).clamp(shortest, longest);
    let whole = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
    Settings {
        budget: f64::from(analysis.budget.get()) / 10_000.0 / f64::from(shared),
        odds_that_matter: f64::from(analysis.matters_hundredths) / 100.0,
        restart_seconds: whole(restart),
        horizon_seconds: whole(seconds.max(restart)),
        ..Settings::default()
    }
}

fn watch(monitor: &Monitor) -> Watch {
    match &monitor.probe {
        Probe::Prometheus(question) if matches!(question.query, MetricQuery::Latency { .. }) => {
            Watch::ErrorsAndLatencies
        }
        _ => Watch::Errors,
    }
}

fn compared(measured: Option<&Measured>, at_millis: u64) -> Compared {
    let (baseline, canary) = match measured {
        Some(Measured::Requests(Arms { canary, baseline })) => {
            (baseline.as_ref().map(requests), Some(requests(canary)))
        }
        Some(Measured::Latencies(Arms { canary, baseline })) => {
            (baseline.as_ref().map(latencies), Some(latencies(canary)))
        }
        Some(Measured::Findings(_)) | None => (None, None),
    };
    Compared { at_millis, baseline, canary }
}

fn requests(requests: &Requests) -> Arm {
    Arm::counts(requests.total, requests.errors)
}

/// Requests in a bucket are taken for as slow as its bound, in both arms alike.
fn latencies(buckets: &Buckets) -> Arm {
    let mut latencies = Histogram::default();
    let mut last_millis = 0.0;
    for (bound, count) in buckets.buckets() {
        let millis = if *bound == Buckets::UNBOUNDED { 2.0 * last_millis } else { micros_to_millis(*bound) };
        let _counted = latencies.add(millis, *count);
        last_millis = millis;
    }
    Arm { latencies, ..Arm::counts(buckets.total(), 0) }
}

#[expect(clippy::cast_precision_loss, reason = "a bound of a bucket is far below 2^53 microseconds")]
fn micros_to_millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
