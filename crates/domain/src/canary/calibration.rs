//! What a recording of two equal arms says about a service.

use super::Judge;
use super::interval;
use super::metric::Metric;
use super::sample::{Sample, SampleRefused};
use super::settings::{Settings, SettingsRefused};
use super::wander::Beliefs;

/// Fewest blocks with traffic before anything is armed.
pub const BLOCKS_MIN: usize = 30;
/// The largest wandering of errors with which automatic rollback is armed: a standard deviation of the logarithmic odds
/// ratio. Other metrics have their share of it.
pub const WANDER_MAX: f64 = 0.6;
/// Confidence of the interval of the rate of false alarms: 95 %.
const RATE_ALPHA: f64 = 0.05;

/// How far the arms of a service wander when they are equal, metric by metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    estimates: Vec<Estimate>,
    beliefs: Vec<(Metric, Beliefs)>,
    trials: Trials,
}

/// What was learned about one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Which one.
    pub metric: Metric,
    /// Blocks in which both arms had traffic and there were events.
    pub blocks: usize,
    /// Standard deviation of the logarithmic odds ratio from block to block.
    pub wander: f64,
    /// The same, with 95 % of the belief below it.
    pub wander_upper: f64,
    /// Correlation from block to block.
    pub correlation: f64,
}

/// What the judge, knowing the record, made of the record itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trials {
    /// Rollouts that were judged: the record in pieces as long as a rollout, each with the arms in both orders.
    pub rollouts: u64,
    /// Those that would have been rolled back, each one falsely.
    pub false_alarms: u64,
    /// Rate of false alarms: lower and upper end of a 95 % interval (Clopper and Pearson).
    pub rate: (f64, f64),
}

/// Whether automatic rollback may be switched on.
#[derive(Debug, Clone, PartialEq)]
pub enum Arming {
    /// The judge keeps its promise on this service as far as the record goes.
    Armed {
        /// On what grounds.
        reason: String,
    },
    /// Verdicts are for people to read until it does.
    NotArmed {
        /// What is in the way.
        reason: String,
    },
}

/// Why a record says nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationRefused {
    /// A setting makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsRefused),
    /// A sample cannot be.
    #[error("sample {number} of the record cannot be")]
    Sample {
        /// Which one, from 1 on.
        number: usize,
        /// Why.
        #[source]
        source: SampleRefused,
    },
}

impl Calibration {
    /// Learns from a record of two equal arms, the oldest sample first.
    ///
    /// # Errors
    /// When a setting or a sample cannot be.
    pub fn of(settings: Settings, record: &[Sample]) -> Result<Self, CalibrationRefused> {
        // Nothing may end the learning: arms that wander far are what is looked for.
        let mut judge = Judge::new(Settings { budget: 1e-6, ..settings })?;
        judge.never_fail();
        feed(&mut judge, record)?;
        let mut estimates = Vec::new();
        let mut beliefs = Vec::new();
        for channel in judge.channels() {
            let blocks = channel.blocks();
            let learned = Beliefs::before(channel.metric().wander_share()).after(&blocks, None);
            let (wander, correlation, wander_upper) = learned.summary();
            let blocks = blocks.iter().flatten().count();
            estimates.push(Estimate { metric: channel.metric(), blocks, wander, wander_upper, correlation });
            beliefs.push((channel.metric(), learned));
        }
        let none = Trials { rollouts: 0, false_alarms: 0, rate: (0.0, 1.0) };
        let mut calibration = Self { estimates, beliefs, trials: none };
        calibration.trials = calibration.try_on(settings, record)?;
        Ok(calibration)
    }

    /// What was learned, metric by metric.
    pub fn estimates(&self) -> &[Estimate] {
        &self.estimates
    }

    /// What the judge made of the record.
    pub fn trials(&self) -> Trials {
        self.trials
    }

    pub(super) fn beliefs(&self, metric: Metric) -> Option<Beliefs> {
        self.beliefs.iter().find(|(of, _)| *of == metric).map(|(_, beliefs)| beliefs.clone())
    }

    /// Whether automatic rollback may be switched on: only when enough was recorded, the arms do not wander further than the
    /// judge can allow for, and the judge let every rollout of the record be.
    pub fn arming(&self) -> Arming {
        let Trials { rollouts, false_alarms, rate: (_, upper) } = self.trials;
        let short = self.estimates.iter().find(|estimate| estimate.blocks < BLOCKS_MIN);
        let wild = self
            .estimates
            .iter()
            .find(|estimate| estimate.wander_upper > WANDER_MAX * estimate.metric.wander_share());
        let reason = if let Some(Estimate { metric, blocks, .. }) = short {
            let word = metric.word();
            format!("{blocks} blocks of `{word}` are recorded: at least {BLOCKS_MIN} are needed")
        } else if let Some(Estimate { metric, wander_upper, .. }) = wild {
            let word = metric.word();
            format!(
                "`{word}` of equal arms may wander by {wander_upper:.2}: at most {WANDER_MAX} can be allowed for"
            )
        } else if false_alarms > 0 {
            format!("{false_alarms} of {rollouts} rollouts of the record would have been rolled back")
        } else if rollouts == 0 {
            "the record is empty".to_owned()
        } else {
            let upper = 100.0 * upper;
            let reason = format!(
                "none of {rollouts} rollouts of the record would have been rolled back (at most {upper:.1} %, 95 % sure)"
            );
            return Arming::Armed { reason };
        };
        Arming::NotArmed { reason }
    }

    fn try_on(&self, settings: Settings, record: &[Sample]) -> Result<Trials, CalibrationRefused> {
        let piece_millis = u64::from(settings.horizon_seconds) * 1_000;
        let (mut rollouts, mut false_alarms) = (0, 0);
        let of = |sample: &Sample| sample.at_millis.saturating_sub(1) / piece_millis.max(1);
        for piece in record.chunk_by(|one, other| of(one) == of(other)) {
            let begin = piece.first().map_or(0, of) * piece_millis;
            for swapped in [false, true] {
                let mut judge = Judge::with_history(settings, self)?;
                for (number, sample) in piece.iter().enumerate() {
                    let Sample { at_millis, baseline, canary } = sample.clone();
                    let at_millis = at_millis - begin;
                    let (baseline, canary) = if swapped { (canary, baseline) } else { (baseline, canary) };
                    judge
                        .observe(&Sample { at_millis, baseline, canary })
                        .map_err(|source| CalibrationRefused::Sample { number: number + 1, source })?;
                }
                rollouts += 1;
                false_alarms += u64::from(judge.has_failed());
            }
        }
        let rate = if rollouts == 0 {
            (0.0, 1.0)
        } else {
            interval::clopper_pearson(false_alarms, rollouts, RATE_ALPHA)
        };
        Ok(Trials { rollouts, false_alarms, rate })
    }
}

fn feed(judge: &mut Judge, record: &[Sample]) -> Result<(), CalibrationRefused> {
    for (number, sample) in record.iter().enumerate() {
        judge.observe(sample).map_err(|source| CalibrationRefused::Sample { number: number + 1, source })?;
    }
    Ok(())
}
