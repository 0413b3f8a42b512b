//! What a trained model and the record of past changes say of a change. Both are facts that the caller looks up: what is
//! learned how is not known here.

use serde::{Deserialize, Serialize};

use crate::change::{Outcome, ReviewFinding};
use crate::number::{Probability, Share};
use crate::text::FreeText;

/// Most parts of a prediction that an assessment keeps; the caller sums the smallest up in one.
pub const PREDICTION_PARTS_MAX: usize = 12;
/// Most similar changes that an assessment keeps.
pub const SIMILAR_MAX: usize = 5;
/// Most traits that two changes share and an assessment names.
pub const SHARED_TRAITS_MAX: usize = 6;

/// A trained model's prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The version of the model.
    pub model: String,
    /// The calibrated probability of failure.
    pub value: Probability,
    /// Lower end of its interval.
    pub interval_low: Probability,
    /// Upper end of its interval.
    pub interval_high: Probability,
    /// How many past changes the model learned from.
    pub learned_from: u32,
    /// Why the model is not sure, each in a sentence. With any reason the change goes to a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// The log-odds before anything is known of the change, in thousandths.
    pub base_thousandths: i32,
    /// What each fact adds to the log-odds, in thousandths, what matters most first; with the base they add up to the
    /// log-odds of the prediction, but for rounding.
    pub parts: Vec<PredictionPart>,
}

/// What one fact adds to a prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionPart {
    /// The fact, for example `service_failure_rate`.
    pub fact: String,
    /// Its value, as people read it.
    pub value: String,
    /// What it adds to the log-odds, in thousandths; negative where it makes a failure less probable.
    pub thousandths: i32,
}

/// A past change like the one that is assessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimilarChange {
    /// Its id; of an imported change its source and its id there.
    pub reference: String,
    /// How alike the two are.
    pub likeness: Share,
    /// How it was closed.
    pub outcome: Outcome,
    /// What a review had found by then that the outcome truly was, where one had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<ReviewFinding>,
    /// What the two share, what says most first.
    pub shared: Vec<FreeText>,
}
