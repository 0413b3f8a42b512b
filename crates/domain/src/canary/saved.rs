//! A calibration as it is recorded: in whole numbers, so that it has one digest, and complete, so that a judge made from it is the
//! one that was tried.

use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, History, Trials};
use super::metric::Metric;
use super::numeric::whole;
use super::settings::{Settings, SettingsRefused, Watch};
use super::wander::Beliefs;
use crate::canonical::{Digest, NotCanonical};
use crate::id::ServiceName;

/// Most records that one calibration is learned from.
pub const RECORDS_MAX: usize = 1_000;
/// Most rollouts that were tried.
pub const ROLLOUTS_MAX: u32 = 10_000_000;
/// Points of the grid of what is believed, at most.
const BELIEFS_MAX: usize = 64;
/// Separates the digest of a calibration from those of other values.
const LABEL: &str = "cortex-change/calibration/v1";
const MILLION: f64 = 1e6;
const THOUSAND: f64 = 1e3;

/// What was learned of the equal arms of a service, and how often the judge rolled them back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    /// Whose arms.
    pub service: ServiceName,
    /// Digests of the records, in the order in which they were read: whoever has them can calibrate again.
    pub records: Vec<Digest>,
    /// The judge that was tried.
    pub terms: Terms,
    /// What it was told beforehand, metric by metric.
    pub learned: Vec<Learned>,
    /// Rollouts that it judged.
    pub rollouts: u32,
    /// Those that it would have rolled back.
    pub false_alarms: u32,
    /// The rate of false alarms is at most this, 95 % sure, in millionths.
    pub rate_millionths_max: u32,
}

/// The settings of a judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Whether latencies were watched as well.
    pub latencies: bool,
    /// Chance of a false rollback, in millionths.
    pub budget_millionths: u32,
    /// Odds that are tolerated, in thousandths.
    pub odds_tolerance_thousandths: u32,
    /// Longer latencies that are tolerated, in thousandths.
    pub latency_tolerance_thousandths: u32,
    /// Time between restarts, in seconds.
    pub restart_seconds: u32,
    /// How long a rollout takes, in seconds.
    pub horizon_seconds: u32,
}

/// What was learned of one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    /// Which one.
    pub metric: Metric,
    /// Blocks that it was learned from.
    pub blocks: u32,
    /// How far the arms are believed to wander.
    pub beliefs: Vec<Believed>,
}

/// How much one way to wander is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Believed {
    /// Standard deviation of the logarithmic odds ratio, in thousandths.
    pub deviation_thousandths: u32,
    /// Correlation from block to block, in thousandths.
    pub correlation_thousandths: u32,
    /// The natural logarithm of one over its weight, in thousandths.
    pub doubt_thousandths: u32,
}

/// What is no calibration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotCalibrated {
    /// A setting makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsRefused),
    /// A field cannot be.
    #[error("`{field}` is {given}: expected {accepted}")]
    Field {
        /// Which one.
        field: &'static str,
        /// What it is.
        given: String,
        /// What it may be.
        accepted: String,
    },
}

impl Terms {
    /// Settings to the digits that are kept of them.
    pub fn of(settings: &Settings) -> Self {
        let kept = |value: f64, per: f64| u32::try_from(whole(value * per + 0.5)).unwrap_or(u32::MAX);
        Self {
            latencies: settings.watch == Watch::ErrorsAndLatencies,
            budget_millionths: kept(settings.budget, MILLION),
            odds_tolerance_thousandths: kept(settings.odds_tolerance, THOUSAND),
            latency_tolerance_thousandths: kept(settings.latency_tolerance, THOUSAND),
            restart_seconds: settings.restart_seconds,
            horizon_seconds: settings.horizon_seconds,
        }
    }

    /// The settings of a judge by these terms.
    pub fn settings(&self) -> Settings {
        Settings {
            watch: if self.latencies { Watch::ErrorsAndLatencies } else { Watch::Errors },
            budget: f64::from(self.budget_millionths) / MILLION,
            odds_tolerance: f64::from(self.odds_tolerance_thousandths) / THOUSAND,
            latency_tolerance: f64::from(self.latency_tolerance_thousandths) / THOUSAND,
            restart_seconds: self.restart_seconds,
            horizon_seconds: self.horizon_seconds,
            ..Settings::default()
        }
    }
}

impl Calibrated {
    /// A calibration in whole numbers. Its settings must be those of [`Terms`], which keep fewer digits.
    pub fn of(service: ServiceName, records: Vec<Digest>, calibration: &Calibration) -> Self {
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let Trials { rollouts, false_alarms } = calibration.trials();
        let learned = calibration.estimates().iter().zip(&calibration.history().0);
        let learned = learned.map(|(estimate, (metric, beliefs))| Learned {
            metric: *metric,
            blocks: count(estimate.blocks as u64),
            beliefs: beliefs.written(),
        });
        Self {
            service,
            records,
            terms: Terms::of(calibration.settings()),
            learned: learned.collect(),
            rollouts: count(rollouts),
            false_alarms: count(false_alarms),
            rate_millionths_max: rate_millionths_max(calibration.trials()),
        }
    }

    /// What identifies it: the digest of all of it.
    ///
    /// # Errors
    /// Never, as long as it is made of whole numbers and names.
    pub fn id(&self) -> Result<Digest, NotCanonical> {
        Digest::of(LABEL, self)
    }

    /// What a judge is to know beforehand.
    pub fn history(&self) -> History {
        History(self.learned.iter().map(|it| (it.metric, Beliefs::read(&it.beliefs))).collect())
    }

    /// What was tried.
    pub fn trials(&self) -> Trials {
        Trials { rollouts: self.rollouts.into(), false_alarms: self.false_alarms.into() }
    }

    /// Refuses what no record can have led to.
    ///
    /// # Errors
    /// Names the first such field and what is accepted.
    pub fn check(&self) -> Result<(), NotCalibrated> {
        self.terms.settings().check()?;
        let refuse = |field, given: &dyn ToString, accepted: String| {
            Err(NotCalibrated::Field { field, given: given.to_string(), accepted })
        };
        if !(1..=RECORDS_MAX).contains(&self.records.len()) {
            let accepted = format!("the digests of 1 to {RECORDS_MAX} records");
            return refuse("records", &self.records.len(), accepted);
        }
        let metrics: Vec<Metric> = self.learned.iter().map(|it| it.metric).collect();
        let expected: &[Metric] = if self.terms.latencies { Metric::ALL } else { &[Metric::Errors] };
        if metrics != expected {
            let words: Vec<&str> = expected.iter().map(|metric| metric.as_str()).collect();
            return refuse("learned", &metrics.len(), format!("one entry each for {}", words.join(", ")));
        }
        for Learned { beliefs, .. } in &self.learned {
            let are_possible = beliefs.iter().all(|it| it.correlation_thousandths < 1_000);
            if !(1..=BELIEFS_MAX).contains(&beliefs.len()) || !are_possible {
                let accepted = format!("1 to {BELIEFS_MAX} ways to wander, with correlations below 1");
                return refuse("learned.beliefs", &beliefs.len(), accepted);
            }
        }
        if self.rollouts > ROLLOUTS_MAX || self.false_alarms > self.rollouts {
            let accepted = format!("at most as many as `rollouts`, and those at most {ROLLOUTS_MAX}");
            return refuse("false_alarms", &self.false_alarms, accepted);
        }
        let rate = rate_millionths_max(self.trials());
        if self.rate_millionths_max.abs_diff(rate) > 1 {
            return refuse("rate_millionths_max", &self.rate_millionths_max, format!("{rate}"));
        }
        Ok(())
    }
}

/// Rounded against the judge.
fn rate_millionths_max(trials: Trials) -> u32 {
    u32::try_from(whole((trials.rate().1 * MILLION).ceil())).unwrap_or(u32::MAX)
}
