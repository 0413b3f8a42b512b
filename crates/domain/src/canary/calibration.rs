//! What recordings of two equal arms say about a service.

use std::collections::BTreeSet;

use super::Judge;
use super::interval;
use super::metric::Metric;
use super::sample::{Sample, SampleRefused};
use super::settings::{Settings, SettingsRefused, Watch};
use super::wander::Beliefs;

/// Least time with traffic in the judged rollouts before anything is armed, in seconds.
pub const SECONDS_MIN: u64 = 1_800;
/// Share of the blocks of a piece that must have had traffic for the piece to count as a rollout.
const COVERED_MIN: f64 = 0.9;
/// Each end of the interval of the rate of false alarms is right with 95 %.
const RATE_ALPHA: f64 = 0.1;

/// How far the arms of a service wander when they are equal, metric by metric, and what the judge makes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    estimates: Vec<Estimate>,
    history: History,
    trials: Trials,
    settings: Settings,
}

/// What was learned about one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Which one.
    pub metric: Metric,
    /// Blocks that it was learned from: those in which both arms had traffic and there were events.
    pub blocks: usize,
    /// Standard deviation of the logarithmic odds ratio from block to block.
    pub wander: f64,
    /// The same, with 95 % of the belief below it.
    pub wander_upper: f64,
    /// Correlation from block to block.
    pub correlation: f64,
}

/// What a judge knows of a service beforehand, metric by metric.
#[derive(Debug, Clone, PartialEq)]
pub struct History(pub(super) Vec<(Metric, Beliefs)>);

impl History {
    pub(super) fn beliefs(&self, metric: Metric) -> Option<Beliefs> {
        self.0.iter().find(|(of, _)| *of == metric).map(|(_, beliefs)| beliefs.clone())
    }
}

/// What the judge, knowing the records, made of the records themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trials {
    /// Rollouts that were judged: the records in pieces as long as a rollout.
    pub rollouts: u64,
    /// Those that would have been rolled back, each one falsely: with either arm taken for the canary, which is not known
    /// to be another rollout and so counts as the same one.
    pub false_alarms: u64,
}

impl Trials {
    /// In which range the rate of false alarms lies; each end is right with 95 % (Clopper and Pearson).
    pub fn rate(self) -> (f64, f64) {
        match self.rollouts {
            0 => (0.0, 1.0),
            rollouts => interval::clopper_pearson(self.false_alarms, rollouts, RATE_ALPHA),
        }
    }
}

/// Whether automatic rollback is switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arming {
    /// The judge is known to keep its promise on this service.
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
    /// Learns from records of two equal arms, each with the oldest sample first. With latencies the errors are also judged by
    /// themselves, as a monitor that counts nothing else does.
    ///
    /// # Errors
    /// When a setting or a sample cannot be.
    pub fn of<R: AsRef<[Sample]>>(settings: Settings, records: &[R]) -> Result<Self, CalibrationRefused> {
        let (estimates, history) = learn(settings, records)?;
        let trials = try_on(settings, &history, records)?;
        Ok(Self { estimates, history, trials, settings })
    }

    /// What was learned, metric by metric.
    pub fn estimates(&self) -> &[Estimate] {
        &self.estimates
    }

    /// What the judge made of the records.
    pub fn trials(&self) -> Trials {
        self.trials
    }

    /// What a judge is to know beforehand.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The settings of the judge that was tried.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether automatic rollback may be switched on where one rollout is one bake of one monitor of each kind: only when
    /// enough was recorded and the rate of false alarms, at its upper end, keeps the budget.
    pub fn arming(&self) -> Arming {
        let Trials { rollouts, false_alarms } = self.trials;
        let seconds = rollouts.saturating_mul(self.settings.horizon_seconds.into());
        let (budget, upper) = (100.0 * self.settings.budget, 100.0 * self.trials.rate().1);
        let found =
            format!("{false_alarms} of {rollouts} rollouts of the record would have been rolled back");
        if seconds < SECONDS_MIN {
            let reason = format!(
                "{rollouts} whole rollouts with traffic are recorded, {seconds} s in all: at least {SECONDS_MIN} s are needed"
            );
            return Arming::NotArmed { reason };
        }
        let reason = format!("{found}: at most {upper:.2} %, 95 % sure; the budget is {budget} %");
        if upper <= budget { Arming::Armed { reason } } else { Arming::NotArmed { reason } }
    }
}

/// What the records say of each metric. Of each record the last blocks count.
fn learn<R: AsRef<[Sample]>>(
    settings: Settings,
    records: &[R],
) -> Result<(Vec<Estimate>, History), CalibrationRefused> {
    let mut learned: Vec<(Metric, Beliefs, usize)> = Vec::new();
    for record in records {
        // Nothing may end the learning: arms that wander far are what is looked for.
        let mut judge = Judge::new(settings)?;
        judge.never_fail();
        feed(&mut judge, record.as_ref())?;
        for (place, channel) in judge.channels().iter().enumerate() {
            let blocks = channel.blocks();
            let (before, seen) = match learned.get(place) {
                Some((_, beliefs, seen)) => (beliefs.clone(), *seen),
                None => (Beliefs::before(channel.metric().wander_share()), 0),
            };
            let now = (channel.metric(), before.after(&blocks, None), seen + blocks.iter().flatten().count());
            match learned.get_mut(place) {
                Some(known) => *known = now,
                None => learned.push(now),
            }
        }
    }
    let mut estimates = Vec::new();
    let mut history = Vec::new();
    for (metric, beliefs, blocks) in learned {
        // As it is written down, so that what was tried is what is known later.
        let beliefs = beliefs.rounded();
        let (wander, correlation, wander_upper) = beliefs.summary();
        estimates.push(Estimate { metric, blocks, wander, wander_upper, correlation });
        history.push((metric, beliefs));
    }
    Ok((estimates, History(history)))
}

fn feed(judge: &mut Judge, record: &[Sample]) -> Result<(), CalibrationRefused> {
    for (number, sample) in (1..).zip(record) {
        judge.observe(sample).map_err(|source| CalibrationRefused::Sample { number, source })?;
    }
    Ok(())
}

/// Judges the records in pieces as long as a rollout.
fn try_on<R: AsRef<[Sample]>>(
    settings: Settings,
    history: &History,
    records: &[R],
) -> Result<Trials, CalibrationRefused> {
    let piece_millis = u64::from(settings.horizon_seconds).max(1) * 1_000;
    let piece_of = |sample: &Sample| sample.at_millis.saturating_sub(1) / piece_millis;
    let mut trials = Trials { rollouts: 0, false_alarms: 0 };
    for record in records {
        for piece in record.as_ref().chunk_by(|one, other| piece_of(one) == piece_of(other)) {
            let begin = piece.first().map_or(0, piece_of) * piece_millis;
            if is_whole(settings, piece) {
                trials.rollouts += 1;
                trials.false_alarms += u64::from(is_rolled_back(settings, history, piece, begin)?);
            }
        }
    }
    Ok(trials)
}

/// Whether there was traffic for nearly as long as a rollout takes. What is silent cannot raise an alarm, and says nothing.
fn is_whole(settings: Settings, piece: &[Sample]) -> bool {
    let block_millis = u64::from(settings.restart_seconds).max(1) * 1_000;
    let busy = piece.iter().filter(|sample| sample.arms().is_some());
    let blocks: BTreeSet<u64> =
        busy.map(|sample| sample.at_millis.saturating_sub(1) / block_millis).collect();
    let all = f64::from((settings.horizon_seconds / settings.restart_seconds.max(1)).max(1));
    blocks.len() as f64 >= COVERED_MIN * all
}

/// Whether the judge raises an alarm, with the arms in either order, by whatever it may be asked to watch.
fn is_rolled_back(
    settings: Settings,
    history: &History,
    piece: &[Sample],
    begin_millis: u64,
) -> Result<bool, CalibrationRefused> {
    let watches: &[Watch] = match settings.watch {
        Watch::Errors => &[Watch::Errors],
        Watch::ErrorsAndLatencies => &[Watch::Errors, Watch::ErrorsAndLatencies],
    };
    for watch in watches {
        for swapped in [false, true] {
            let mut judge = Judge::with_history(Settings { watch: *watch, ..settings }, history)?;
            for (number, sample) in (1..).zip(piece) {
                let Sample { at_millis, baseline, canary } = sample.clone();
                let at_millis = at_millis - begin_millis;
                let (baseline, canary) = if swapped { (canary, baseline) } else { (baseline, canary) };
                judge
                    .observe(&Sample { at_millis, baseline, canary })
                    .map_err(|source| CalibrationRefused::Sample { number, source })?;
                if judge.has_failed() {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
