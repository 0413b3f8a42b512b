//! Models that predict failures.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All models, and what they could be trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Models {
    /// Every model, the newest first.
    pub items: Vec<TrainedModel>,
    /// The version that is asked; absent where none is.
    pub asked: Option<u32>,
    /// Whether a person chose it, so that no comparison replaces it.
    pub pinned: bool,
    /// Past changes that are known, imported ones among them.
    pub past_changes: u64,
    /// Whether a model is being trained.
    pub training: bool,
    /// Why no model came of the last training.
    pub last_failure: Option<String>,
}

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrainedModel {
    /// Its number, from 1.
    pub version: u32,
    /// When it was trained.
    pub trained_at: String,
    /// Which kind of learner did best.
    pub candidate: String,
    /// Past changes that it learned from.
    pub learned_from: u32,
    /// Failures among them.
    pub failures: u32,
    /// When the earliest of them was handed in.
    pub from: String,
    /// When the latest of them was handed in.
    pub until: String,
    /// SHA-256 of the kept model.
    pub artifact: String,
    /// SHA-256 of the rows that it learned from.
    pub data: String,
    /// How good it was on later changes.
    pub later: ModelFigures,
    /// first, replace, keep or too_few_to_tell.
    pub verdict: String,
}

/// How good predictions were on changes that the model had not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelFigures {
    /// Changes measured on.
    pub changes: u32,
    /// Failures among them.
    pub failures: u32,
    /// Area under the ROC curve: 0.5 is chance, 1 is perfect.
    pub auc: f64,
    /// Average precision; chance is the share of failures.
    pub average_precision: f64,
    /// Brier score: mean squared error of the probabilities; 0 is perfect.
    pub brier: f64,
    /// Brier score of predicting the base rate every time.
    pub brier_of_base_rate: f64,
    /// Expected calibration error, over 15 bins of equal size.
    pub calibration_error: f64,
}

/// Which model is asked from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseModel {
    /// Its version; `null` asks none until one wins a comparison.
    pub version: Option<u32>,
}
