//! Judgement of monitor samples against the fixed thresholds of the rollback conditions.
//!
//! How each verdict counts: a `pass` is healthy. A `fail` is a failure everywhere. An `error`, a probe that could not be
//! asked, is never healthy: `health_check` counts it as failed, while `error_rate` leaves it out, because it says nothing
//! about the share of requests that fail. An `inconclusive` answer neither continues nor ends a row of failures.
//!
//! A monitor that counts requests is judged by them: `error_rate` by the share of them that failed, `latency` by the
//! percentile that the monitor asks for, compared with the other arm where there is one. A monitor that reads findings is
//! judged by `security`. Every other monitor is judged by its answers, and `latency` only where an answer takes a time that
//! says something about what has changed.
//!
//! A rate or a median is never taken from fewer than [`WINDOW_SAMPLES_MIN`] samples, and a multiple of the baseline never
//! without a baseline: such a condition is not breached, and the monitor is not healthy either but unknown. An arm that no
//! longer gets requests, because the canary has them all, is nothing to compare with: then the time before the change
//! counts, and without that only what the monitor itself expects.
//!
//! Budget: a sample costs one pass over its monitor's window, at most [`SAMPLES_MAX`] entries.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use jiff::Timestamp;

use super::{ConditionName, ErrorRate, HealthCheck, Histogram, Latency, LatencyThreshold, Measured};
use super::{Percent, Reaction, Requests, RollbackConditions, RollbackSpeed, Security};
use crate::change::kind::words;
use crate::duration::format_duration_millis;
use crate::id::StepName;
use crate::number::Share;
use crate::plan::{Cause, MetricQuery, Monitor, Probe};
use crate::text::FreeText;

/// Fewest samples in a window from which a rate or a median is taken.
pub const WINDOW_SAMPLES_MIN: usize = 5;
/// Most samples kept of one monitor; a longer window then reaches back less far.
pub const SAMPLES_MAX: usize = 10_000;
/// Most samples kept of one monitor whose samples hold histograms.
pub const HISTOGRAMS_MAX: usize = 1_000;
/// An arm with less than this share of the canary's requests, one in so many, has none to speak of.
const LEFT_OVER_SHARE: u64 = 20;
/// Intervals after which a monitor's last sample is too old to say anything.
pub const STALE_INTERVALS: u64 = 3;
/// Longest explanation of a breach, in bytes.
const EXPLANATION_BYTES_MAX: usize = 1_024;

words!(
    /// What one sample of a monitor says.
    Verdict, "verdict", {
        /// As it should be. The only healthy one.
        Pass = "pass",
        /// Not as it should be.
        Fail = "fail",
        /// Asked and answered, but it cannot be said which.
        Inconclusive = "inconclusive",
        /// The probe could not be asked.
        Error = "error",
    }
);

/// One answer of a monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Which monitor.
    pub monitor: StepName,
    /// When it was asked.
    pub at: Timestamp,
    /// What the answer says.
    pub verdict: Verdict,
    /// How long the answer took, or the latency that was asked for, in microseconds, where there was one.
    pub latency_micros: Option<u64>,
    /// What else was measured.
    pub measured: Option<Measured>,
}

/// A rollback condition that is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The condition.
    pub condition: ConditionName,
    /// The monitor or scan that shows it.
    pub monitor: StepName,
    /// The figures, with units.
    pub explanation: String,
    /// What the condition demands.
    pub reaction: Reaction,
}

impl Breach {
    /// The breach as the cause of a rollback.
    pub fn cause(&self) -> Cause {
        Cause::Breach {
            condition: self.condition,
            monitor: self.monitor.clone(),
            explanation: FreeText::excerpt(&self.explanation, EXPLANATION_BYTES_MAX),
            reaction: self.reaction,
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "monitor `{}` breached `{}`: {}", self.monitor, self.condition, self.explanation)
    }
}

/// Whether what is watched is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Every monitor's last answer is fresh and passes, and every condition is judged and kept.
    Healthy,
    /// A monitor fails or a condition is breached.
    Unhealthy {
        /// Which, with figures.
        why: String,
    },
    /// It cannot be said. Never to be taken for healthy.
    Unknown {
        /// What is missing.
        why: String,
    },
}

/// What a condition says about one monitor.
enum Judgement {
    Kept,
    Breached(String),
    Unknown(String),
}

/// What is kept of a sample.
#[derive(Debug, Clone)]
struct Kept {
    at: Timestamp,
    verdict: Verdict,
    latency_micros: Option<u64>,
    measured: Option<Measured>,
}

/// By what a monitor is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// Its answers, and how long they take.
    Timed,
    /// Its answers, which take no time that says anything.
    Answers,
    /// Requests and their failures.
    Requests { requests_min: u64 },
    /// How long requests take, at a percentile.
    Latencies { requests_min: u64, per_mille: u16 },
    /// What a scanner found.
    Findings,
}

/// One monitor's samples, oldest first.
#[derive(Debug, Clone)]
struct Watched {
    basis: Basis,
    baseline_micros: Option<u64>,
    stale_after_micros: u64,
    /// Failed checks since the last passing one.
    failed_in_a_row: u32,
    samples: VecDeque<Kept>,
}

/// Judges samples as they come. Its memory is bounded.
#[derive(Debug, Clone)]
pub struct Judge {
    conditions: RollbackConditions,
    watched: BTreeMap<StepName, Watched>,
}

impl Judge {
    /// A judge of `monitors` by `conditions`. `baselines` holds each monitor's median latency in microseconds, taken
    /// before the first step.
    pub fn new(
        conditions: RollbackConditions,
        monitors: &[Monitor],
        baselines: &BTreeMap<StepName, u64>,
    ) -> Self {
        let watch = |monitor: &Monitor| Watched {
            basis: Basis::of(&monitor.probe),
            baseline_micros: baselines.get(&monitor.name).copied(),
            stale_after_micros: stale_after_micros(monitor),
            failed_in_a_row: 0,
            samples: VecDeque::new(),
        };
        Self { conditions, watched: monitors.iter().map(|m| (m.name.clone(), watch(m))).collect() }
    }

    /// Takes a sample in and says whether a condition is now breached by its monitor; of several, one that demands an
    /// immediate rollback. A sample of a monitor that the change does not have is left out.
    pub fn observe(&mut self, sample: &Sample) -> Option<Breach> {
        let watched = self.watched.get_mut(&sample.monitor)?;
        watched.keep(&self.conditions, sample);
        let now = watched.samples.back().map_or(sample.at, |newest| newest.at);
        let breaches =
            judgements(&self.conditions, watched, now).filter_map(|(condition, reaction, judgement)| {
                match judgement {
                    Judgement::Breached(explanation) => {
                        Some(Breach { condition, monitor: sample.monitor.clone(), explanation, reaction })
                    }
                    Judgement::Kept | Judgement::Unknown(_) => None,
                }
            });
        breaches.min_by_key(|breach| breach.reaction.rollback != RollbackSpeed::Immediate)
    }

    /// Whether everything that is watched is well at `now`. No data is not well, and neither is old data.
    pub fn health(&self, now: Timestamp) -> Health {
        let mut unknown = (self.watched.is_empty()).then(|| "no monitor is defined".to_owned());
        for (name, watched) in &self.watched {
            let conditions = judgements(&self.conditions, watched, now).map(|(_, _, judgement)| judgement);
            for judgement in std::iter::once(watched.latest(now)).chain(conditions) {
                match judgement {
                    Judgement::Kept => {}
                    Judgement::Breached(why) => {
                        return Health::Unhealthy { why: format!("monitor `{name}`: {why}") };
                    }
                    Judgement::Unknown(why) => {
                        unknown.get_or_insert_with(|| format!("monitor `{name}`: {why}"));
                    }
                }
            }
        }
        unknown.map_or(Health::Healthy, |why| Health::Unknown { why })
    }
}

impl Security {
    /// Whether a scan with `findings` findings at or above the level that counts breaches the condition.
    pub fn judge(&self, scan: &StepName, findings: usize) -> Option<Breach> {
        (self.vulnerability_detected && findings > 0).then(|| Breach {
            condition: ConditionName::Security,
            monitor: scan.clone(),
            explanation: format!("the scan found {findings} vulnerabilities"),
            reaction: self.action,
        })
    }

    /// What the newest reading of a scanner's file says.
    fn judge_newest(self, watched: &Watched) -> Judgement {
        if watched.basis != Basis::Findings || !self.vulnerability_detected {
            return Judgement::Kept;
        }
        match watched.samples.back().and_then(|newest| newest.measured.as_ref()) {
            Some(Measured::Findings(0)) => Judgement::Kept,
            Some(Measured::Findings(count)) => {
                Judgement::Breached(format!("the scan found {count} vulnerabilities"))
            }
            Some(Measured::Requests(_) | Measured::Latencies(_)) | None => {
                Judgement::Unknown("there is no scan to read".to_owned())
            }
        }
    }
}

impl Basis {
    fn of(probe: &Probe) -> Self {
        match probe {
            Probe::Http { .. } | Probe::Command { .. } => Self::Timed,
            Probe::Alertmanager(_) => Self::Answers,
            Probe::Findings(_) => Self::Findings,
            Probe::Prometheus(question) => {
                let requests_min = question.min_requests;
                match question.query {
                    MetricQuery::ErrorRate { .. } => Self::Requests { requests_min },
                    MetricQuery::Latency { per_mille, .. } => Self::Latencies { requests_min, per_mille },
                    MetricQuery::Instant { .. }
                    | MetricQuery::Range { .. }
                    | MetricQuery::Saturation { .. } => Self::Answers,
                }
            }
        }
    }

    fn samples_max(self) -> usize {
        match self {
            Self::Latencies { .. } => HISTOGRAMS_MAX,
            Self::Timed | Self::Answers | Self::Requests { .. } | Self::Findings => SAMPLES_MAX,
        }
    }
}

impl Watched {
    /// Keeps a sample in its place and forgets what no window reaches any more, except the newest.
    fn keep(&mut self, conditions: &RollbackConditions, sample: &Sample) {
        let Sample { monitor: _, at, verdict, latency_micros, measured } = sample.clone();
        self.failed_in_a_row = match verdict {
            Verdict::Pass => 0,
            Verdict::Fail | Verdict::Error => self.failed_in_a_row.saturating_add(1),
            Verdict::Inconclusive => self.failed_in_a_row,
        };
        let place = self.samples.partition_point(|kept| kept.at <= at);
        self.samples.insert(place, Kept { at, verdict, latency_micros, measured });
        let windows = [
            conditions.error_rate.map(|rate| rate.window_seconds),
            conditions.latency.map(|latency| latency.window_seconds),
        ];
        let window_micros = windows.into_iter().flatten().max().unwrap_or(0).saturating_mul(1_000_000);
        let Some(newest) = self.samples.back().map(|kept| kept.at) else { return };
        while self.samples.len() > 1 {
            let is_out = |oldest: &Kept| age_micros(newest, oldest.at) > window_micros;
            if self.samples.len() <= self.basis.samples_max() && !self.samples.front().is_some_and(is_out) {
                break;
            }
            self.samples.pop_front();
        }
    }

    fn window(&self, now: Timestamp, seconds: u64) -> impl Iterator<Item = &Kept> {
        let window_micros = seconds.saturating_mul(1_000_000);
        self.samples.iter().rev().take_while(move |kept| age_micros(now, kept.at) <= window_micros)
    }

    /// The requests of what has changed.
    fn requests(&self, now: Timestamp, seconds: u64) -> Requests {
        let canary = |kept: &Kept| match &kept.measured {
            Some(Measured::Requests(arms)) => Some(arms.canary),
            Some(Measured::Latencies(_) | Measured::Findings(_)) | None => None,
        };
        self.window(now, seconds).filter_map(canary).fold(Requests::default(), Requests::plus)
    }

    /// How long the requests of what has changed took, and of what it is compared with where there is such an arm.
    fn latencies(&self, now: Timestamp, seconds: u64) -> (Histogram, Option<Histogram>) {
        let (mut canary, mut baseline) = (Histogram::default(), None::<Histogram>);
        for kept in self.window(now, seconds) {
            if let Some(Measured::Latencies(arms)) = &kept.measured {
                canary = canary.plus(&arms.canary);
                if let Some(more) = &arms.baseline {
                    baseline = Some(baseline.unwrap_or_default().plus(more));
                }
            }
        }
        (canary, baseline)
    }

    /// The newest answer alone.
    fn latest(&self, now: Timestamp) -> Judgement {
        let Some(newest) = self.samples.back() else {
            return Judgement::Unknown("it has not answered yet".to_owned());
        };
        let age = age_micros(now, newest.at);
        if age > self.stale_after_micros {
            return Judgement::Unknown(format!("its last answer is {} old", duration(age)));
        }
        match newest.verdict {
            Verdict::Pass => Judgement::Kept,
            Verdict::Fail => Judgement::Breached("its last answer is a failure".to_owned()),
            Verdict::Error => Judgement::Breached("it could not be asked".to_owned()),
            Verdict::Inconclusive => Judgement::Unknown("its last answer is inconclusive".to_owned()),
        }
    }
}

/// Every condition that is set and judged by samples, and what it says about one monitor.
fn judgements<'a>(
    conditions: &'a RollbackConditions,
    watched: &'a Watched,
    now: Timestamp,
) -> impl Iterator<Item = (ConditionName, Reaction, Judgement)> + 'a {
    let RollbackConditions { error_rate, latency, health_check, security } = conditions;
    let security = security.map(|it| (ConditionName::Security, it.action, it.judge_newest(watched)));
    let health_check = health_check.map(|it| (ConditionName::HealthCheck, it.action, it.judge(watched)));
    let error_rate = error_rate.map(|it| (ConditionName::ErrorRate, it.action, it.judge(watched, now)));
    let latency = latency.map(|it| (ConditionName::Latency, it.action, it.judge(watched, now)));
    [security, health_check, error_rate, latency].into_iter().flatten()
}

impl HealthCheck {
    fn judge(self, watched: &Watched) -> Judgement {
        let (in_a_row, limit) = (watched.failed_in_a_row, self.failed_checks);
        if in_a_row > 0 && in_a_row >= limit {
            return Judgement::Breached(format!("{in_a_row} checks in a row failed, the limit is {limit}"));
        }
        Judgement::Kept
    }
}

impl ErrorRate {
    fn judge(self, watched: &Watched, now: Timestamp) -> Judgement {
        match watched.basis {
            Basis::Timed | Basis::Answers => self.judge_answers(watched, now),
            Basis::Requests { requests_min } => {
                let requests = watched.requests(now, self.window_seconds);
                self.judge_share("requests", requests, requests_min)
            }
            Basis::Latencies { .. } | Basis::Findings => Judgement::Kept,
        }
    }

    fn judge_answers(self, watched: &Watched, now: Timestamp) -> Judgement {
        let (mut passed, mut failed) = (0_u64, 0_u64);
        for kept in watched.window(now, self.window_seconds) {
            match kept.verdict {
                Verdict::Pass => passed += 1,
                Verdict::Fail => failed += 1,
                Verdict::Inconclusive | Verdict::Error => {}
            }
        }
        let answers = Requests { total: passed + failed, errors: failed };
        self.judge_share("answers", answers, WINDOW_SAMPLES_MIN as u64)
    }

    fn judge_share(self, what: &str, counted: Requests, enough: u64) -> Judgement {
        let (Requests { total, errors }, window) = (counted, seconds(self.window_seconds));
        if total < enough {
            return too_few(what, total, enough, &window);
        }
        // Compared without division: errors / total > threshold / 10 000.
        let [errors_scaled, limit_scaled] = [(errors, Share::MAX), (total, self.threshold)]
            .map(|(count, share)| u128::from(count) * u128::from(share.get()));
        if errors_scaled <= limit_scaled {
            return Judgement::Kept;
        }
        let (rate, limit) = (percent(errors, total), Percent(self.threshold));
        let figures = format!("{errors} of {total} {what} in {window} failed");
        Judgement::Breached(format!("{figures}, that is {rate}, the limit is {limit}"))
    }
}

impl Latency {
    fn judge(self, watched: &Watched, now: Timestamp) -> Judgement {
        match watched.basis {
            Basis::Timed => self.judge_answers(watched, now),
            Basis::Latencies { requests_min, per_mille } => {
                self.judge_requests(watched, now, requests_min, per_mille)
            }
            Basis::Answers | Basis::Requests { .. } | Basis::Findings => Judgement::Kept,
        }
    }

    fn judge_answers(self, watched: &Watched, now: Timestamp) -> Judgement {
        let answered = |kept: &&Kept| matches!(kept.verdict, Verdict::Pass | Verdict::Fail);
        let window = watched.window(now, self.window_seconds).filter(answered);
        let mut latencies: Vec<u64> = window.filter_map(|kept| kept.latency_micros).collect();
        let (total, window) = (latencies.len(), seconds(self.window_seconds));
        if total < WINDOW_SAMPLES_MIN {
            return too_few("timed answers", total as u64, WINDOW_SAMPLES_MIN as u64, &window);
        }
        let (_, median, _) = latencies.select_nth_unstable(total / 2);
        let what = format!("the median of {total} answers in {window}");
        self.judge_micros(&what, *median, watched.baseline_micros)
    }

    fn judge_requests(self, watched: &Watched, now: Timestamp, enough: u64, per_mille: u16) -> Judgement {
        let (canary, other) = watched.latencies(now, self.window_seconds);
        let (total, window) = (canary.total(), seconds(self.window_seconds));
        let Some(micros) = canary.percentile_micros(per_mille).filter(|_| total >= enough) else {
            return too_few("requests", total, enough, &window);
        };
        let percentile = format!("p{}.{}", per_mille / 10, per_mille % 10);
        let what = format!("{} of {total} requests in {window}", percentile.trim_end_matches(".0"));
        let before = watched.baseline_micros;
        let baseline = match (self.threshold, other) {
            (LatencyThreshold::Millis(_), _) | (_, None) => before,
            (_, Some(other)) if other.total() >= enough => other.percentile_micros(per_mille),
            (_, Some(other)) if other.total().saturating_mul(LEFT_OVER_SHARE) >= total => {
                return too_few("requests of the baseline", other.total(), enough, &window);
            }
            (_, Some(_)) if before.is_none() => return Judgement::Kept,
            (_, Some(_)) => before,
        };
        self.judge_micros(&what, micros, baseline)
    }

    /// Compares a latency with the limit.
    fn judge_micros(self, what: &str, micros: u64, baseline_micros: Option<u64>) -> Judgement {
        let (limit_micros, limit) = match (self.threshold, baseline_micros) {
            (LatencyThreshold::Millis(millis), _) => {
                (u128::from(millis) * 1_000, format!("the limit is {}", self.threshold))
            }
            (LatencyThreshold::BaselineMultipleHundredths(multiple), Some(baseline)) => (
                u128::from(baseline) * u128::from(multiple) / 100,
                format!("the limit is {} of {}", self.threshold, duration(baseline)),
            ),
            (LatencyThreshold::BaselineMultipleHundredths(_), None) => {
                return Judgement::Unknown("it has no baseline latency to compare with".to_owned());
            }
        };
        if u128::from(micros) <= limit_micros {
            return Judgement::Kept;
        }
        Judgement::Breached(format!("{what} took {}, {limit}", duration(micros)))
    }
}

fn too_few(what: &str, total: u64, enough: u64, window: &str) -> Judgement {
    Judgement::Unknown(format!("{total} {what} in {window}, at least {enough} are needed"))
}

fn stale_after_micros(monitor: &Monitor) -> u64 {
    let timeout_millis = monitor.probe.timeout_millis();
    let millis = monitor.interval_millis.saturating_mul(STALE_INTERVALS).saturating_add(timeout_millis);
    millis.saturating_mul(1_000)
}

/// How long before `now` it was; 0 when it is not in the past.
fn age_micros(now: Timestamp, at: Timestamp) -> u64 {
    u64::try_from(now.duration_since(at).as_micros()).unwrap_or(0)
}

fn seconds(seconds: u64) -> String {
    format_duration_millis(seconds.saturating_mul(1_000))
}

/// Microseconds as text, rounded down to milliseconds from one on.
fn duration(micros: u64) -> String {
    if micros < 1_000 { format!("{micros}µs") } else { format_duration_millis(micros / 1_000) }
}

fn percent(part: u64, total: u64) -> Percent {
    let basis_points = part.saturating_mul(u64::from(Share::MAX.get())) / total.max(1);
    let share = i64::try_from(basis_points).ok().and_then(|share| Share::new(share).ok());
    Percent(share.unwrap_or(Share::MAX))
}
