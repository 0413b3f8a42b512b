//! What a gate at some probability does.

use serde::{Deserialize, Serialize};

use crate::number::part;

/// A gate that stops rows from some probability on, and what it did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtThreshold {
    /// Rows from this probability on are stopped.
    pub threshold: f64,
    /// Share of rows that were judged rightly.
    pub accuracy: f64,
    /// Share of successes that were stopped.
    pub false_positive_rate: f64,
    /// Share of failures that were stopped.
    pub caught: f64,
    /// Share of all rows that were stopped.
    pub stopped: f64,
}

/// What a gate at `threshold` does to rows.
#[must_use]
pub fn at_threshold(probabilities: &[f64], failed: &[bool], threshold: f64) -> AtThreshold {
    let count = |stopped: bool, failure: bool| {
        let rows = probabilities.iter().zip(failed);
        rows.filter(|(probability, failed)| (**probability >= threshold) == stopped && **failed == failure)
            .count() as f64
    };
    let (caught, missed) = (count(true, true), count(false, true));
    let (false_alarms, passed) = (count(true, false), count(false, false));
    let share = |part: f64, rest: f64| if part + rest > 0.0 { part / (part + rest) } else { 0.0 };
    AtThreshold {
        threshold,
        accuracy: share(caught + passed, missed + false_alarms),
        false_positive_rate: share(false_alarms, passed),
        caught: share(caught, missed),
        stopped: share(caught + false_alarms, missed + passed),
    }
}

/// The threshold at which most rows are judged rightly; above every probability when stopping nothing is best.
#[must_use]
pub fn most_accurate(probabilities: &[f64], failed: &[bool]) -> f64 {
    let mut rows: Vec<(f64, bool)> = probabilities.iter().copied().zip(failed.iter().copied()).collect();
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    // Failures minus successes among the rows stopped so far; equal probabilities are stopped together.
    let (mut balance, mut best, mut threshold) = (0_i64, 0_i64, f64::INFINITY);
    let nexts = rows.iter().skip(1).map(|row| Some(row.0)).chain([None]);
    for ((probability, failed), next) in rows.iter().zip(nexts) {
        balance += if *failed { 1 } else { -1 };
        if next != Some(*probability) && balance > best {
            (best, threshold) = (balance, *probability);
        }
    }
    threshold
}

/// The threshold that stops the riskiest `share` of rows, or fewer where more have the same probability.
#[must_use]
pub fn riskiest(probabilities: &[f64], share: f64) -> f64 {
    let mut sorted = probabilities.to_vec();
    sorted.sort_by(|one, other| other.total_cmp(one));
    let count = part(sorted.len(), share);
    let first_passed = sorted.get(count).copied().unwrap_or(f64::NEG_INFINITY);
    let stopped = sorted.iter().take(count).filter(|probability| **probability > first_passed);
    stopped.min_by(|one, other| one.total_cmp(other)).copied().unwrap_or(f64::INFINITY)
}
