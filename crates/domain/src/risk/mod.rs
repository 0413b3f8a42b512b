//! How risky a change is, and why.
//!
//! `raw = impact × probability × complexity − testing coverage × automation level`; the score is `raw`, rounded and
//! held between 0 and 100. [`assess`] is a plain function of the request, the CMDB and the history, in whole
//! numbers: the same facts give the same score on every machine. (Only the credible interval, which decides nothing,
//! is computed in floating point.)
//!
//! Invariant: a fact that is missing is named, takes its cautious value and makes the level at least medium.

mod assessment;
mod beta;
mod blast_radius;
mod circumstances;
mod factors;
mod finding;
mod history;
mod level;
mod log10;
mod matrix;
mod missing;
mod prediction;
mod probability;
mod scope;
mod score;
mod source_fact;
pub mod what_if;

pub use assessment::{Assessment, AssessmentFacts, Extent, assess, assess_within};
pub(crate) use beta::failure_bound;
pub use blast_radius::{BlastClass, BlastRadius, Hop, PATH_LISTED_MAX, REACHED_LISTED_MAX, Reached};
pub use circumstances::{
    ActiveAlert, ActiveAlerts, CIRCUMSTANCES_NAMED_MAX, CONFLICTS_TOLD_MAX, Circumstances, HealthReading,
    HealthState, INCIDENT_WINDOW_DAYS, RULE_VIOLATIONS_MAX, RecentIncidents, RuleViolation, VersionWithdrawn,
};
pub use factors::{Contribution, FactorValue, Factors, has_way_back};
pub use finding::{Finding, FindingRule};
pub use history::{Age, Count, History, Record};
pub use level::{Level, LevelFloor, RollbackRequirement, TestingRequirement};
pub use matrix::{ProbabilityBand, matrix_level};
pub use missing::{Fact, MissingFact};
pub use prediction::{
    PREDICTION_PARTS_MAX, Prediction, PredictionPart, SHARED_TRAITS_MAX, SIMILAR_MAX, SimilarChange,
};
pub use probability::{FailureProbability, ProbabilitySource};
pub use score::WaterfallStep;
pub use source_fact::{SourceFact, SourcedTier};

use crate::number::OutOfRange;

/// The number, whose value the caller has just brought into its range.
fn in_range<T>(checked: Result<T, OutOfRange>) -> T {
    checked.unwrap_or_else(|error| unreachable!("brought into range by the caller: {error}"))
}

/// `1 service`, `2 services`.
fn counted(count: usize, singular: &str) -> String {
    if count == 1 { format!("1 {singular}") } else { format!("{count} {singular}s") }
}
