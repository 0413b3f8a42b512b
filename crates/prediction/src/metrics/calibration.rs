//! Figures that depend on the probabilities themselves.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Interval, RESAMPLES, ends};
use crate::number::{indicator, mean};
use crate::random::Seeded;

/// Bins of the calibration table, each with as many rows as the others.
pub const CALIBRATION_BINS: usize = 15;
/// Probabilities are kept this far from 0 and 1 in the logarithm.
const MARGIN: f64 = 1e-12;

/// Rows of similar probability, and what came of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationBin {
    /// Rows.
    pub rows: usize,
    /// Their mean probability.
    pub predicted: f64,
    /// The share of them that failed.
    pub failed: f64,
}

/// The mean squared difference between probability and outcome.
#[must_use]
pub fn brier(probabilities: &[f64], failed: &[bool]) -> f64 {
    mean(pairs(probabilities, failed).map(|(probability, outcome)| (probability - outcome).powi(2)))
}

/// The mean surprise at the outcomes, in nats.
#[must_use]
pub fn log_loss(probabilities: &[f64], failed: &[bool]) -> f64 {
    let surprise = |(probability, outcome): (f64, f64)| {
        let inside = probability.clamp(MARGIN, 1.0 - MARGIN);
        -(outcome * inside.ln() + (1.0 - outcome) * (1.0 - inside).ln())
    };
    mean(pairs(probabilities, failed).map(surprise))
}

/// Rows in equal parts by probability, the smallest first.
#[must_use]
pub fn calibration_table(probabilities: &[f64], failed: &[bool], bins: usize) -> Vec<CalibrationBin> {
    let mut rows: Vec<(f64, f64)> = pairs(probabilities, failed).collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    let bounds = (0..=bins).map(|bin| bin * rows.len() / bins.max(1)).collect::<Vec<_>>();
    let parts = bounds.iter().zip(bounds.iter().skip(1)).filter_map(|(&from, &to)| rows.get(from..to));
    let summed = parts.filter(|part| !part.is_empty()).map(|part| CalibrationBin {
        rows: part.len(),
        predicted: mean(part.iter().map(|(probability, _)| *probability)),
        failed: mean(part.iter().map(|(_, outcome)| *outcome)),
    });
    summed.collect()
}

/// The mean difference between predicted and observed share of failures over [`CALIBRATION_BINS`] equal parts.
#[must_use]
pub fn calibration_error(probabilities: &[f64], failed: &[bool]) -> f64 {
    let table = calibration_table(probabilities, failed, CALIBRATION_BINS);
    let rows: usize = table.iter().map(|bin| bin.rows).sum();
    let sum: f64 = table.iter().map(|bin| bin.rows as f64 * (bin.predicted - bin.failed).abs()).sum();
    if rows == 0 { 0.0 } else { sum / rows as f64 }
}

/// The calibration error that the same probabilities would have if each meant exactly what it says: outcomes are drawn by
/// them. Their mean error, which is above 0 because rows are few, and where 95 % of the draws lie. An error above that is
/// not chance.
#[must_use]
pub fn calibration_error_by_chance(probabilities: &[f64], seed: u64) -> Interval {
    let mut chance = Seeded::new(seed);
    let mut ordered = probabilities.to_vec();
    ordered.sort_by(f64::total_cmp);
    let draws: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let failed: Vec<bool> = ordered.iter().map(|probability| chance.share() < *probability).collect();
            calibration_error(&ordered, &failed)
        })
        .collect();
    ends(mean(draws.iter().copied()), draws)
}

fn pairs<'a>(probabilities: &'a [f64], failed: &'a [bool]) -> impl Iterator<Item = (f64, f64)> + 'a {
    probabilities.iter().zip(failed).map(|(probability, failed)| (*probability, indicator(*failed)))
}
