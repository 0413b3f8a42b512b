//! The two arms of a canary under comparison: what monitors counted goes to `domain::canary`'s judges.
//!
//! Each monitor that has two arms has a judge of its own, because their answers come at times of their own; the budget for
//! false alarms is shared out among them. An answer without figures is a sample without arms: no data, and no evidence.

use std::collections::BTreeMap;

use domain::canary::{Arm, Calibrated, Histogram, Judge, Sample as Compared, Settings, Verdict, Watch};
use domain::id::StepName;
use domain::plan::{Analysis, Bake, MetricQuery, Monitor, Probe};
use domain::rollback::{Arms, Breach, ConditionName, Histogram as Buckets, Measured, Requests, Sample};
use jiff::Timestamp;

/// Shortest and longest time between two restarts of the evidence, in seconds. How far equal versions wander is learned
/// from one such time to the next, which a minute shows better than a moment; but a short bake needs several of them.
const RESTART_SECONDS: (u64, u64) = (10, 60);
/// How many restarts a bake has at least, where it is long enough for them.
const RESTARTS_MIN: u64 = 3;

/// Share of its budget that a bake may spend when it is carried out for the first time. Each repetition may spend half of what is
/// left by then, so that all of them together never spend more than the whole.
const FIRST_ATTEMPT_SHARE: f64 = 0.9;

/// Longest time for which the counts of one arm wait for those of the other, in milliseconds. A source rarely counts both at the
/// same moment, and may be asked more often than it counts.
const WAITING_MILLIS_MAX: u64 = 120_000;

/// What is compared during one bake.
#[derive(Debug)]
pub(crate) struct Comparison {
    analysis: Analysis,
    began: Timestamp,
    has_two_arms: bool,
    judged: BTreeMap<StepName, Judged>,
}

/// What one monitor counts.
#[derive(Debug)]
struct Judged {
    judge: Judge,
    waiting: Waiting,
}

/// Counts of arms that have not both been counted yet.
#[derive(Debug, Default)]
struct Waiting {
    since_millis: u64,
    baseline: Arm,
    canary: Arm,
}

impl Comparison {
    /// Nothing where the bake compares nothing. Settings that no judge accepts leave a monitor without one, and the bake
    /// then without a pass; so does a budget of which the bake's repetitions have left next to nothing.
    pub(crate) fn of(
        bake: &Bake,
        monitors: &[Monitor],
        calibration: Option<&Calibrated>,
        (attempt, began): (u32, Timestamp),
    ) -> Option<Self> {
        let analysis = bake.analysis.clone()?;
        let two_armed: Vec<&Monitor> = monitors.iter().filter(|monitor| monitor.has_two_arms()).collect();
        let settings = settings(bake, &analysis, two_armed.len(), calibration);
        let settings = Settings { budget: settings.budget * share_of(attempt), ..settings };
        let history = calibration.map(Calibrated::history);
        let judge = |monitor: &&Monitor| {
            let settings = Settings { watch: watch(monitor), ..settings };
            let judge = match &history {
                Some(history) => Judge::with_history(settings, history),
                None => Judge::new(settings),
            };
            Some((monitor.name.clone(), Judged { judge: judge.ok()?, waiting: Waiting::default() }))
        };
        let has_two_arms = !two_armed.is_empty();
        Some(Self { began, has_two_arms, judged: two_armed.iter().filter_map(judge).collect(), analysis })
    }

    /// Whether this monitor is judged by comparison, and not by each single answer.
    pub(crate) fn compares(&self, monitor: &StepName) -> bool {
        self.judged.contains_key(monitor)
    }

    /// Takes an answer in; a breach where the canary is worse.
    pub(crate) fn observe(&mut self, sample: &Sample) -> Option<Breach> {
        let Judged { judge, waiting } = self.judged.get_mut(&sample.monitor)?;
        let at_millis = u64::try_from(sample.at.duration_since(self.began).as_millis()).ok()?;
        // A sample that cannot be counts for nothing, and what is missing is never a pass.
        let _refused = judge.observe(&waiting.complete(arms(sample.measured.as_ref()), at_millis));
        judge.has_failed().then(|| Breach {
            condition: ConditionName::Canary,
            monitor: sample.monitor.clone(),
            explanation: judge.opinion().reason,
            reaction: self.analysis.action,
        })
    }

    /// What is still missing for a pass; nothing where every judge says `pass`.
    pub(crate) fn missing(&self) -> Option<String> {
        if self.judged.is_empty() {
            let why = if self.has_two_arms {
                "no budget is left to compare with after so many attempts"
            } else {
                "no monitor has two arms that could be compared"
            };
            return Some(why.to_owned());
        }
        let open = self.judged.iter().find(|(_, judged)| judged.judge.verdict() != Verdict::Pass);
        open.map(|(monitor, judged)| format!("monitor `{monitor}`: {}", judged.judge.opinion().reason))
    }

    /// What each judge says, in words.
    pub(crate) fn opinions(&self) -> impl Iterator<Item = String> + '_ {
        self.judged
            .iter()
            .map(|(name, judged)| format!("monitor `{name}`: {}", judged.judge.opinion().reason))
    }
}

impl Waiting {
    /// Both arms once both have been counted, with everything that waited; until then a sample of neither.
    fn complete(&mut self, arms: (Option<Arm>, Option<Arm>), at_millis: u64) -> Compared {
        if at_millis.saturating_sub(self.since_millis) > WAITING_MILLIS_MAX {
            *self = Self { since_millis: at_millis, ..Self::default() };
        }
        if self.baseline.requests == 0 && self.canary.requests == 0 {
            self.since_millis = at_millis;
        }
        for (arm, more) in [(&mut self.baseline, arms.0), (&mut self.canary, arms.1)] {
            more.iter().for_each(|more| arm.add(more));
        }
        if self.baseline.requests == 0 || self.canary.requests == 0 {
            return Compared { at_millis, baseline: None, canary: None };
        }
        let Self { baseline, canary, .. } = std::mem::take(self);
        Compared { at_millis, baseline: Some(baseline), canary: Some(canary) }
    }
}

/// A calibrated judge is the one that was tried, but for its share of the budget: only then is known what it does.
fn settings(bake: &Bake, analysis: &Analysis, monitors: usize, calibration: Option<&Calibrated>) -> Settings {
    let shared = u32::try_from(monitors.max(1)).unwrap_or(u32::MAX);
    let seconds = (bake.duration_millis + bake.extension_millis) / 1_000;
    let (shortest, longest) = RESTART_SECONDS;
    let restart = (bake.duration_millis / 1_000 / RESTARTS_MIN).clamp(shortest, longest);
    let whole = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
    let settings = match calibration {
        Some(calibration) => calibration.terms.settings(),
        None => Settings {
            restart_seconds: whole(restart),
            horizon_seconds: whole(seconds.max(restart)),
            ..Settings::default()
        },
    };
    Settings {
        budget: f64::from(analysis.budget.get()) / 10_000.0 / f64::from(shared),
        odds_that_matter: f64::from(analysis.matters_hundredths) / 100.0,
        ..settings
    }
}

/// Which share of its budget a bake may spend in an attempt.
fn share_of(attempt: u32) -> f64 {
    let repeated = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    if repeated == 0 { FIRST_ATTEMPT_SHARE } else { (1.0 - FIRST_ATTEMPT_SHARE) * 0.5_f64.powi(repeated) }
}

fn watch(monitor: &Monitor) -> Watch {
    match &monitor.probe {
        Probe::Prometheus(question) if matches!(question.query, MetricQuery::Latency { .. }) => {
            Watch::ErrorsAndLatencies
        }
        _ => Watch::Errors,
    }
}

/// What an answer counted of the baseline and of the canary.
fn arms(measured: Option<&Measured>) -> (Option<Arm>, Option<Arm>) {
    match measured {
        Some(Measured::Requests(Arms { canary, baseline })) => {
            (baseline.as_ref().map(requests), Some(requests(canary)))
        }
        Some(Measured::Latencies(Arms { canary, baseline })) => {
            (baseline.as_ref().map(latencies), Some(latencies(canary)))
        }
        Some(Measured::Findings(_)) | None => (None, None),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn requests_of(canary: Option<u64>, baseline: Option<u64>) -> Measured {
        let counted = |total: u64| Requests { total, errors: 0 };
        Measured::Requests(Arms { canary: counted(canary.unwrap_or(0)), baseline: baseline.map(counted) })
    }

    #[test]
    fn all_attempts_together_spend_the_budget_once() {
        assert!((share_of(1) - 0.9).abs() < 1e-12 && (share_of(2) - 0.05).abs() < 1e-12);
        let spent: f64 = (1..=60).map(share_of).sum();
        assert!(spent <= 1.0 && spent > 0.999, "{spent}");
        assert!((1..60).all(|attempt| share_of(attempt) > share_of(attempt + 1)));
    }

    #[test]
    fn arms_that_are_counted_at_different_moments_are_judged_together() {
        let mut waiting = Waiting::default();
        let mut at = |millis, canary, baseline| {
            let sample = waiting.complete(arms(Some(&requests_of(canary, baseline))), millis);
            sample.baseline.zip(sample.canary).map(|(baseline, canary)| (baseline.requests, canary.requests))
        };
        // Asked each second, counted every three, never both at once.
        assert_eq!(at(1_000, Some(30), Some(0)), None);
        assert_eq!(at(2_000, Some(0), Some(90)), Some((90, 30)));
        assert_eq!(at(3_000, Some(0), Some(0)), None);
        assert_eq!(at(4_000, Some(31), Some(0)), None);
        assert_eq!(
            at(5_000, Some(4), Some(91)),
            Some((91, 35)),
            "nothing is left out and nothing counted twice"
        );
        assert_eq!(at(6_000, Some(30), None), None);
        // What both do together is only compared where it happened at about the same time.
        assert_eq!(at(200_000, None, Some(80)), None);
        assert_eq!(at(201_000, Some(20), Some(0)), Some((80, 20)));
    }
}
