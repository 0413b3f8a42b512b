//! Risk levels, and what each demands besides approvals.

use serde::{Deserialize, Serialize};

use crate::change::kind::words;
use crate::number::RiskScore;

words!(
    /// How risky a change is.
    Level, "risk level", {
        /// May be approved without a person.
        Low = "low",
        /// A technical lead decides.
        Medium = "medium",
        /// The CAB and a technical lead decide.
        High = "high",
        /// The CAB, the CISO and the CTO decide.
        Critical = "critical",
    }
);

words!(
    /// The tests that must have passed.
    TestingRequirement, "testing requirement", {
        /// None: the standard change model vouches for it.
        NotApplicable = "not_applicable",
        /// Unit tests.
        Unit = "unit",
        /// Unit and smoke tests.
        UnitAndSmoke = "unit_and_smoke",
        /// Integration tests.
        Integration = "integration",
        /// Everything, on a copy of production.
        FullStaging = "full_staging",
    }
);

words!(
    /// Whether there must be a way back.
    RollbackRequirement, "rollback requirement", {
        /// None: the standard change model vouches for it.
        NotApplicable = "not_applicable",
        /// Welcome.
        Optional = "optional",
        /// Needed.
        Required = "required",
        /// Needed, and nobody may do without it.
        Mandatory = "mandatory",
    }
);

/// A rule that keeps the level from being lower, whatever score and matrix say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelFloor {
    /// The lowest level that the rule allows.
    pub level: Level,
    /// The rule in a sentence.
    pub sentence: String,
}

impl Level {
    /// The score's band: low below 30, medium to 60, high to 80, critical above.
    pub fn of_score(score: RiskScore) -> Self {
        match score.get() {
            0..30 => Self::Low,
            30..=60 => Self::Medium,
            61..=80 => Self::High,
            81.. => Self::Critical,
        }
    }

    /// The word with a capital letter, as headings and the audit trail write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }

    /// The tests that must have passed.
    pub fn testing(self) -> TestingRequirement {
        match self {
            Self::Low => TestingRequirement::Unit,
            Self::Medium => TestingRequirement::UnitAndSmoke,
            Self::High => TestingRequirement::Integration,
            Self::Critical => TestingRequirement::FullStaging,
        }
    }

    /// Whether there must be a way back.
    pub fn rollback(self) -> RollbackRequirement {
        match self {
            Self::Low => RollbackRequirement::Optional,
            Self::Medium => RollbackRequirement::Required,
            Self::High | Self::Critical => RollbackRequirement::Mandatory,
        }
    }
}
