//! How predictions do: on the past as it would have been, since they were made, and on changes unlike those learned from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often a backtest trains anew.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestRequest {
    /// From 1 to 24; 6 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origins: Option<u32>,
}

/// Backtests: the last one, and whether one is under way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Backtests {
    /// Whether one is under way.
    pub running: bool,
    /// Why nothing came of the last one.
    pub last_failure: Option<String>,
    /// The last one that came to its end since the server was started.
    pub last: Option<Backtest>,
}

/// How models would have done, had they been trained again and again as time went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Backtest {
    /// When it was begun.
    pub at: String,
    /// Past changes whose outcome was known then.
    pub changes: u64,
    /// Failures among them.
    pub failures: u64,
    /// Stretches of time, each measured by a model that was trained on what was known before it.
    pub stretches: Vec<Stretch>,
    /// Brier score over all stretches.
    pub brier: f64,
    /// The same of predicting the share of failures known before each stretch.
    pub brier_of_base_rate: f64,
    /// What to bear in mind.
    pub notes: Vec<String>,
}

/// One stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stretch {
    /// When its first change was handed in.
    pub from: String,
    /// When its last one was.
    pub until: String,
    /// The learner that was chosen before it.
    pub learner: String,
    /// Changes.
    pub changes: u64,
    /// Failures among them.
    pub failures: u64,
    /// Share of failures known before it, in per cent.
    pub failed_before_percent: f64,
    /// Area under the ROC curve; absent where only failures or only successes fell into it.
    pub auc: Option<f64>,
    /// Average precision; absent without a failure.
    pub average_precision: Option<f64>,
    /// Mean squared error of the probabilities.
    pub brier: f64,
    /// The same of predicting `failed_before_percent` every time.
    pub brier_of_base_rate: f64,
    /// Expected calibration error, over 15 bins of equal size.
    pub calibration_error: f64,
    /// Whether it holds too few changes or failures to tell good from bad.
    pub too_few: bool,
}

/// How recorded predictions compare to the outcomes known since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Kpis {
    /// When it was asked.
    pub at: String,
    /// Of changes created from here on; absent for all.
    pub from: Option<String>,
    /// And before this instant; absent for all.
    pub until: Option<String>,
    /// From this probability on a failure counts as predicted.
    pub threshold_percent: f64,
    /// So long after its end the outcome of a change counts.
    pub waiting_hours: u64,
    /// Changes that have ended and are still within that time.
    pub waiting: u64,
    /// All predictions.
    pub all: Performance,
    /// The same by what had said them: a version of a model, the record, or the base rate.
    pub by_source: Vec<Performance>,
}

/// How predictions did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Performance {
    /// What had said them: `all`, `v3`, `record` or `base_rate`.
    pub source: String,
    /// Changes whose outcome is known.
    pub changes: u64,
    /// Failures among them.
    pub failures: u64,
    /// Why these figures tell little; absent where there are enough changes and failures.
    pub too_few: Option<String>,
    /// Judged rightly by the threshold.
    pub accuracy: Option<Share>,
    /// What predicting success every time would judge rightly.
    pub accuracy_of_predicting_success: Option<Share>,
    /// Successes that were predicted to fail.
    pub false_positive_rate: Option<Share>,
    /// Failures that were predicted.
    pub failures_caught: Option<Share>,
    /// All that were predicted to fail.
    pub flagged: Option<Share>,
    /// Mean probability, in per cent.
    pub predicted_percent: Option<f64>,
    /// Mean squared error of the probabilities.
    pub brier: Option<f64>,
    /// The same of predicting the share of failures among them every time.
    pub brier_of_base_rate: Option<f64>,
    /// Mean difference between predicted and observed share of failures over `calibration`.
    pub calibration_error: Option<f64>,
    /// Predictions in equal parts, the smallest first.
    pub calibration: Vec<CalibrationBin>,
}

/// A share, the counts that it is of, and where it lies with 90 % confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Per cent.
    pub percent: f64,
    /// Wilson's 90 % interval, per cent.
    pub interval_percent: [f64; 2],
}

/// Predictions of similar probability, and what came of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationBin {
    /// Their mean, in per cent.
    pub predicted_percent: f64,
    /// Those that failed.
    pub failed: Share,
}

/// How changes since a model was trained compare to those that it was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// The model that is asked; absent where none is.
    pub model: Option<u32>,
    /// When it was trained.
    pub trained_at: Option<String>,
    /// Why nothing can be said; absent where something can.
    pub why_not: Option<String>,
    /// What can be said.
    pub report: Option<DriftReport>,
}

/// How far changes have moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriftReport {
    /// Changes trained on.
    pub changes_then: u64,
    /// Changes that ended and were created since.
    pub changes_now: u64,
    /// From this index on something has moved.
    pub moved_from: f64,
    /// From this index on it has shifted.
    pub shifted_from: f64,
    /// Where thresholds and method come from.
    pub method: String,
    /// What the model says, against what it said of later changes when it was trained.
    pub predictions: Shift,
    /// Facts of changes, what moved furthest first.
    pub facts: Vec<Shift>,
    /// The share of failures trained on.
    pub failed_then: Option<Share>,
    /// The share of failures among later changes whose outcome is known.
    pub failed_now: Option<Share>,
    /// Whether the two differ beyond chance.
    pub failures_shifted: bool,
    /// What to do.
    pub next_steps: Vec<String>,
}

/// How far something has moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Shift {
    /// The fact.
    pub fact: String,
    /// The population stability index.
    pub index: f64,
    /// What chance alone stays below in 95 of 100 cases.
    pub by_chance: f64,
    /// stable, moved or shifted.
    pub reading: String,
    /// Changes of which it was not known, then, in per cent.
    pub missing_then_percent: f64,
    /// The same now.
    pub missing_now_percent: f64,
    /// Changes with words that were not met then, in per cent.
    pub new_words_percent: f64,
    /// The most frequent of those words.
    pub new_words: Vec<String>,
}
