//! What leads to a rollback: conditions exactly as the specification's YAML writes them.

pub mod compare;
pub mod judge;
pub mod measured;
pub mod parse;
pub mod validate;

use serde::{Deserialize, Serialize};

pub use compare::{COMPARED_MIN, Comparison};
pub use judge::{Breach, Health, Judge, Sample, Verdict};
pub use measured::{Arms, Histogram, Measured, Requests};
pub use parse::{InvalidCondition, Percent};

use crate::change::kind::words;
use crate::number::Share;

words!(
    /// A rollback condition, by its key in the specification's YAML.
    ConditionName, "rollback condition", {
        /// Too many probes fail.
        ErrorRate = "error_rate",
        /// Answers take too long.
        Latency = "latency",
        /// Health checks fail in a row.
        HealthCheck = "health_check",
        /// A vulnerability is found.
        Security = "security",
        /// A canary is worse than what it is compared with.
        Canary = "canary",
    }
);

/// The conditions under which a change is taken back. None set means that only a person or a failing step does so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackConditions {
    /// Too many requests or probes fail.
    pub error_rate: Option<ErrorRate>,
    /// Answers take too long.
    pub latency: Option<Latency>,
    /// Health checks fail in a row.
    pub health_check: Option<HealthCheck>,
    /// A vulnerability is found.
    pub security: Option<Security>,
}

/// `error_rate`: threshold and window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    /// Breached when the share of failures is greater.
    pub threshold: Share,
    /// Over how much time the share is taken, in seconds.
    pub window_seconds: u64,
    /// What to do.
    pub action: Reaction,
}

/// `latency`: threshold and window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Breached when the median is greater.
    pub threshold: LatencyThreshold,
    /// Over how much time the median is taken, in seconds.
    pub window_seconds: u64,
    /// What to do.
    pub action: Reaction,
}

/// A latency limit: relative to the time before the change (`2x_baseline`) or absolute (`250ms`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LatencyThreshold {
    /// Multiple of the baseline, in hundredths: 200 is twice the baseline.
    BaselineMultipleHundredths(u32),
    /// Milliseconds.
    Millis(u64),
}

/// `health_check`: failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// Breached when this many checks of one monitor fail in a row.
    pub failed_checks: u32,
    /// What to do.
    pub action: Reaction,
}

/// `security`: whether a vulnerability leads to a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// Whether a found vulnerability is a breach.
    pub vulnerability_detected: bool,
    /// What to do.
    pub action: Reaction,
}

/// What a breach leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// How fast it is taken back.
    pub rollback: RollbackSpeed,
    /// Whether the changed thing is isolated and kept for examination.
    pub quarantine: bool,
}

/// How fast a change is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackSpeed {
    /// The running step is stopped and undone at once.
    Immediate,
    /// The running step is allowed to end first.
    Gradual,
}
