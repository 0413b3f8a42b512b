//! Calibrations of the judge of canaries. Each is carried exactly as it is recorded, because its digest identifies it.

use domain::canary::Calibrated;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Saves a calibration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveCalibration {
    /// What `cortex-change canary calibrate` made of records of equal arms.
    #[schema(value_type = Object)]
    pub calibration: Calibrated,
}

/// A calibration that was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Calibration {
    /// Its digest: what a plan names.
    pub calibration_id: String,
    /// The service whose equal arms were recorded.
    pub service: String,
    /// When it was saved.
    pub saved_at: String,
    /// Readable name of who saved it.
    pub saved_by: String,
    /// Recorded rollouts that the judge was tried on.
    pub rollouts: u32,
    /// Those that it would have rolled back, each one falsely.
    pub false_alarms: u32,
    /// The rate of false alarms is at most this, 95 % sure, such as `0.995%`.
    pub false_alarm_rate_max: String,
    /// What the judge could spend, such as `1%`.
    pub budget: String,
    /// How long a rollout is, such as `10m`.
    pub horizon: String,
    /// Whether latencies were recorded too.
    pub latencies: bool,
    /// The calibration itself, in whole numbers.
    #[schema(value_type = Object)]
    pub calibration: Calibrated,
}

/// Whether what a plan compares takes a version back by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The service whose calibration it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// That calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_id: Option<String>,
    /// Whether a version that is found to be worse is taken back without asking. Otherwise a person decides.
    pub armed: bool,
    /// Why, with the figures.
    pub reason: String,
}
