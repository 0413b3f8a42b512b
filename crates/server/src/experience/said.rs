//! What was said of changes when they were handed in, beside what came of them.

use domain::Timestamp;
use domain::id::ChangeId;
use domain::number::Probability;
use domain::risk::{FailureProbability, ProbabilitySource};

/// Most predictions that are kept, the latest ones.
pub(super) const SAID_MAX: usize = 1_000_000;

/// A prediction as it was recorded when a change was assessed, and what came of the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// The change.
    pub change: ChangeId,
    /// When the change was created.
    pub created_at: Timestamp,
    /// The probability that decided.
    pub value: Probability,
    /// What had said it: a version of a model, `record` or `base_rate`.
    pub source: String,
    /// When the outcome counts, in seconds since 1970.
    pub known_at: i64,
    /// Whether it failed, as far as is known by now.
    pub failed: bool,
}

impl Said {
    pub(super) fn of(
        change: ChangeId,
        failure: &FailureProbability,
        created_at: Timestamp,
        (known_at, failed): (i64, bool),
    ) -> Self {
        let source = match (failure.source, &failure.prediction) {
            (ProbabilitySource::Model, Some(prediction)) => prediction.model.clone(),
            (ProbabilitySource::Model, None) => "model".to_owned(),
            (ProbabilitySource::History, _) => "record".to_owned(),
            (ProbabilitySource::BaseRate, _) => "base_rate".to_owned(),
        };
        Self { change, created_at, value: failure.value, source, known_at, failed }
    }
}
