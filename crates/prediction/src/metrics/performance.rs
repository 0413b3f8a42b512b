//! How recorded predictions did, once outcomes are known: every figure with its counts and what chance leaves open.

use super::{CalibrationBin, Interval, brier, calibration_table, proportion};
use crate::backtest::{COMPARED_FAILURES_MIN, COMPARED_ROWS_MIN};
use crate::number::mean;

/// Most bins of predictions.
const BINS_MAX: usize = 10;
/// Fewest predictions of a bin; with fewer, chance alone moves it by more than it could show.
const BIN_ROWS_MIN: usize = 30;

/// A share and the counts that it is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// How many of them.
    pub part: u64,
    /// Of how many.
    pub whole: u64,
    /// The share with its 90 % interval.
    pub share: Interval,
}

/// Predictions of similar probability, and what came of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Their mean.
    pub predicted: f64,
    /// How many of them failed.
    pub failed: Counted,
}

/// How predictions did.
#[derive(Debug, Clone, PartialEq)]
pub struct Performance {
    /// Predictions whose outcome is known.
    pub rows: u64,
    /// Failures among them.
    pub failures: u64,
    /// Whether there are enough of both to tell good from bad.
    pub is_enough: bool,
    /// Judged rightly by the threshold.
    pub accuracy: Option<Counted>,
    /// What would be judged rightly by predicting success every time.
    pub accuracy_of_success: Option<Counted>,
    /// Successes that reached the threshold.
    pub false_positives: Option<Counted>,
    /// Failures that reached the threshold.
    pub caught: Option<Counted>,
    /// All that reached the threshold.
    pub flagged: Option<Counted>,
    /// The mean prediction; 0 of none.
    pub predicted: f64,
    /// Mean squared error.
    pub brier: f64,
    /// Mean squared error of predicting their share of failures every time.
    pub brier_of_base_rate: f64,
    /// Mean difference between predicted and observed share of failures over `bins`.
    pub calibration_error: f64,
    /// Predictions in equal parts, the smallest first.
    pub bins: Vec<Bin>,
}

fn counted(part: u64, whole: u64) -> Option<Counted> {
    proportion(part, whole).map(|share| Counted { part, whole, share })
}

/// How predictions did. From `threshold` on, a failure counts as predicted.
#[must_use]
pub fn performance(probabilities: &[f64], failed: &[bool], threshold: f64) -> Performance {
    let count = |is: &dyn Fn(bool, bool) -> bool| {
        let rows = probabilities.iter().zip(failed);
        rows.filter(|(probability, failed)| is(**probability >= threshold, **failed)).count() as u64
    };
    let rows = probabilities.len().min(failed.len());
    let all = rows as u64;
    let failures = count(&|_, failed| failed);
    let successes = all - failures;
    let base = counted(failures, all).map_or(0.0, |counted| counted.share.value);
    let bins = (rows / BIN_ROWS_MIN).clamp(1, BINS_MAX);
    let bins: Vec<Bin> = calibration_table(probabilities, failed, bins).into_iter().filter_map(bin).collect();
    let apart = |bin: &Bin| bin.failed.whole as f64 * (bin.predicted - bin.failed.share.value).abs();
    Performance {
        rows: all,
        failures,
        is_enough: rows >= COMPARED_ROWS_MIN && failures >= COMPARED_FAILURES_MIN as u64,
        accuracy: counted(count(&|flagged, failed| flagged == failed), all),
        accuracy_of_success: counted(successes, all),
        false_positives: counted(count(&|flagged, failed| flagged && !failed), successes),
        caught: counted(count(&|flagged, failed| flagged && failed), failures),
        flagged: counted(count(&|flagged, _| flagged), all),
        predicted: mean(probabilities.iter().copied()),
        brier: brier(probabilities, failed),
        brier_of_base_rate: base * (1.0 - base),
        calibration_error: bins.iter().map(apart).sum::<f64>() / all.max(1) as f64,
        bins,
    }
}

fn bin(bin: CalibrationBin) -> Option<Bin> {
    let rows = bin.rows as u64;
    // The share was a mean of so many noughts and ones.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count is a count"
    )]
    let failures = (bin.failed * bin.rows as f64).round() as u64;
    counted(failures, rows).map(|failed| Bin { predicted: bin.predicted, failed })
}
