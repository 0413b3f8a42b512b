//! Facts that an assessment lacks.

use serde::{Deserialize, Serialize};

use crate::change::kind::words;

/// Most names that one missing fact lists; the sentence says how many there are.
pub(super) const NAMES_LISTED_MAX: usize = 20;

words!(
    /// A fact that an assessment looks for.
    Fact, "fact", {
        /// Which services are changed.
        AffectedServices = "affected_services",
        /// The record of a named service.
        Service = "service",
        /// The record of a named configuration item.
        ConfigurationItem = "configuration_item",
        /// How critical a changed item is.
        Tier = "tier",
        /// How many lines are changed.
        Churn = "churn",
        /// Whether a setting is changed.
        ConfigurationChange = "configuration_change",
        /// Whether a database schema is changed.
        SchemaChange = "schema_change",
        /// How much of the change tests cover.
        Coverage = "coverage",
        /// How the tests ended.
        Tests = "tests",
        /// The past, as far as it is not read yet.
        PastChanges = "past_changes",
        /// How healthy the system is.
        SystemHealth = "system_health",
    }
);

/// A fact that is missing, and the cautious value that took its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingFact {
    /// Which fact.
    pub fact: Fact,
    /// What it is missing of, when not of the whole request; only the first few.
    pub names: Vec<String>,
    /// What is missing, what was taken instead, and how to supply it.
    pub sentence: String,
}

impl MissingFact {
    /// A fact missing of the whole request.
    pub(super) fn of_request(fact: Fact, sentence: impl Into<String>) -> Self {
        Self { fact, names: Vec::new(), sentence: sentence.into() }
    }

    /// A fact missing of each of `names`.
    pub(super) fn of_names<T: ToString>(fact: Fact, names: &[T], sentence: impl Into<String>) -> Self {
        let names = names.iter().take(NAMES_LISTED_MAX).map(ToString::to_string).collect();
        Self { fact, names, sentence: sentence.into() }
    }
}
