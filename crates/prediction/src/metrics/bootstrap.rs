//! How far a figure could be off by chance: it is measured again on rows drawn with replacement.

use serde::{Deserialize, Serialize};

use super::Ranking;
use crate::number::part;
use crate::random::Seeded;

/// How often rows are drawn.
pub const RESAMPLES: usize = 500;
/// Share of the draws that lie below an interval, and above it.
const BEYOND: f64 = 0.025;

/// A figure and its interval; of figures measured on draws, 95 % of the draws lie in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Measured on the rows as they are.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// A figure that depends on the order of predictions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// The area under the ROC curve.
    Auc,
    /// Average precision.
    AveragePrecision,
    /// The share of failures among the riskiest rows.
    Caught {
        /// Which share of the rows.
        share: f64,
    },
}

impl Measure {
    fn of(self, ranking: &Ranking, weight: &dyn Fn(usize) -> f64) -> f64 {
        match self {
            Self::Auc => ranking.auc_of(weight),
            Self::AveragePrecision => ranking.average_precision_of(weight),
            Self::Caught { share } => ranking.caught_of(share, weight),
        }
    }
}

/// A figure with its interval.
#[must_use]
pub fn interval(ranking: &Ranking, measure: Measure, seed: u64) -> Interval {
    let drawn = resampled(ranking.len(), seed, |weight| measure.of(ranking, weight));
    ends(measure.of(ranking, &|_| 1.0), drawn)
}

/// By how much a figure of one ranking is above that of another, on the same rows.
#[must_use]
pub fn difference(one: &Ranking, other: &Ranking, measure: Measure, seed: u64) -> Interval {
    let by = |weight: &dyn Fn(usize) -> f64| measure.of(one, weight) - measure.of(other, weight);
    let rows = one.len().min(other.len());
    ends(by(&|_| 1.0), resampled(rows, seed, by))
}

/// The mean of values, one for each row.
#[must_use]
pub fn mean_interval(values: &[f64], seed: u64) -> Interval {
    let mean = |weight: &dyn Fn(usize) -> f64| {
        let sum: f64 = values.iter().enumerate().map(|(row, value)| value * weight(row)).sum();
        sum / values.len().max(1) as f64
    };
    ends(mean(&|_| 1.0), resampled(values.len(), seed, mean))
}

/// The figure for each draw; a row's weight is how often it was drawn.
fn resampled(rows: usize, seed: u64, figure: impl Fn(&dyn Fn(usize) -> f64) -> f64) -> Vec<f64> {
    let mut chance = Seeded::new(seed);
    let mut weights = vec![0.0; rows];
    let draws = (0..RESAMPLES).map(|_| {
        weights.fill(0.0);
        for _ in 0..rows {
            if let Some(weight) = weights.get_mut(chance.below(rows)) {
                *weight += 1.0;
            }
        }
        figure(&|row| weights.get(row).copied().unwrap_or(0.0))
    });
    draws.collect()
}

/// A figure with the ends of what was drawn.
pub(super) fn ends(value: f64, mut drawn: Vec<f64>) -> Interval {
    drawn.sort_by(f64::total_cmp);
    let beyond = part(drawn.len(), BEYOND);
    let low = drawn.get(beyond).copied().unwrap_or(value);
    let high =
        drawn.len().checked_sub(beyond + 1).and_then(|place| drawn.get(place)).copied().unwrap_or(value);
    Interval { value, low, high }
}
