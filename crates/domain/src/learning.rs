//! Models that predict how probable a failure is: which were trained from what, how good they were, and which one is
//! asked. What is learned and how lies in `prediction`; here is what the log says of it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::canonical::Digest;
use crate::change::kind::words;
use crate::number::Probability;

words!(
    /// What comes of a newly trained model.
    Verdict, "verdict", {
        /// It is the first one, and better than the base rate alone.
        First = "first",
        /// It is better on later changes than the one asked so far, beyond chance.
        Replace = "replace",
        /// It is not better beyond chance.
        Keep = "keep",
        /// There are too few later changes to tell.
        TooFewToTell = "too_few_to_tell",
    }
);

words!(
    /// Why a model is asked from now on.
    ChosenBy, "choice", {
        /// It won on later changes.
        Comparison = "comparison",
        /// A person chose it; no comparison replaces it until a person says so.
        Person = "person",
    }
);

/// How good predictions were on changes that the model had not seen, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFigures {
    /// Changes measured on.
    pub changes: u32,
    /// Failures among them.
    pub failures: u32,
    /// Area under the ROC curve.
    pub auc: Probability,
    /// Average precision.
    pub average_precision: Probability,
    /// Brier score: mean squared error of the probabilities.
    pub brier: Probability,
    /// Brier score of predicting the base rate for every one of them.
    pub brier_of_base_rate: Probability,
    /// Expected calibration error.
    pub calibration_error: Probability,
}

/// A trained model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedModel {
    /// Its number, from 1.
    pub version: u32,
    /// When it was trained.
    pub trained_at: Timestamp,
    /// How many past changes had a known outcome then.
    pub known: u32,
    /// Digest of the kept model.
    pub artifact: Digest,
    /// Digest of the rows that it learned from.
    pub data: Digest,
    /// Which kind of learner did best.
    pub candidate: String,
    /// Changes learned from.
    pub learned_from: u32,
    /// Failures among them.
    pub failures: u32,
    /// The earliest of them.
    pub from: Timestamp,
    /// The latest of them.
    pub until: Timestamp,
    /// How good it was on later changes.
    pub later: ModelFigures,
    /// What came of comparing it with the model asked so far.
    pub verdict: Verdict,
    /// Digest of the kept counts of what it learned from; none for models of before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Digest>,
}

/// One fact in the stream `model`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum ModelEvent {
    /// A model was trained.
    #[serde(rename = "model.trained")]
    Trained {
        /// What is known of it.
        model: Box<TrainedModel>,
    },
    /// A model is asked from now on; none when no version is named.
    #[serde(rename = "model.chosen")]
    Chosen {
        /// Which one.
        version: Option<u32>,
        /// Why.
        by: ChosenBy,
    },
}

/// All models, as the events so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Models {
    trained: Vec<TrainedModel>,
    chosen: Option<u32>,
    pinned: bool,
}

impl Models {
    /// The models after `event`. Total: any recorded event can be folded.
    pub fn evolve(&mut self, event: &ModelEvent) {
        match event {
            ModelEvent::Trained { model } => self.trained.push(model.as_ref().clone()),
            ModelEvent::Chosen { version, by } => {
                self.chosen = *version;
                self.pinned = *by == ChosenBy::Person && version.is_some();
            }
        }
    }

    /// Every model, the first one first.
    pub fn trained(&self) -> &[TrainedModel] {
        &self.trained
    }

    /// The model of that version.
    pub fn get(&self, version: u32) -> Option<&TrainedModel> {
        self.trained.iter().find(|model| model.version == version)
    }

    /// The model that is asked.
    pub fn champion(&self) -> Option<&TrainedModel> {
        self.chosen.and_then(|version| self.get(version))
    }

    /// Whether a person chose the model that is asked, so that no comparison replaces it.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// The next version.
    pub fn next_version(&self) -> u32 {
        self.trained.last().map_or(0, |model| model.version).saturating_add(1)
    }

    /// Whether a new model with this verdict is asked from now on.
    pub fn yields_to(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::First | Verdict::Replace => !self.pinned,
            Verdict::Keep | Verdict::TooFewToTell => false,
        }
    }
}
