//! Whether rollback conditions can be judged and mean something.

use std::ops::RangeInclusive;

use super::{LatencyThreshold, RollbackConditions};
use crate::number::Share;
use crate::plan::PlanError;
use crate::plan::validate::{Field, Place};

/// Shortest and longest window, in seconds: one day at most.
const WINDOW_SECONDS: RangeInclusive<u64> = 1..=86_400;
/// Smallest and largest baseline multiple, in hundredths: once to a thousand times.
const MULTIPLE_HUNDREDTHS: RangeInclusive<u32> = 100..=100_000;
/// Smallest and largest absolute latency, in milliseconds: ten minutes at most.
const LATENCY_MILLIS: RangeInclusive<u64> = 1..=600_000;
/// Most failed checks in a row that a condition may wait for.
pub const FAILED_CHECKS_MAX: u32 = 1_000;

impl RollbackConditions {
    /// Checks that each condition can be breached and has a sensible window.
    ///
    /// # Errors
    /// The first fault, with its field and the accepted form.
    pub fn validate(&self) -> Result<(), PlanError> {
        let conditions = Field::root(&Place::RollbackConditions);
        if let Some(rate) = &self.error_rate {
            let field = conditions.at("error_rate");
            if rate.threshold == Share::MAX {
                let expected = "less than 100%, which no error rate can exceed, such as `5%`";
                return Err(field.at("threshold").refuse("`100%`", expected));
            }
            field.at("window").within(rate.window_seconds, WINDOW_SECONDS, "seconds")?;
        }
        if let Some(latency) = &self.latency {
            let field = conditions.at("latency");
            field.at("window").within(latency.window_seconds, WINDOW_SECONDS, "seconds")?;
            let is_sensible = match latency.threshold {
                LatencyThreshold::BaselineMultipleHundredths(multiple) => {
                    MULTIPLE_HUNDREDTHS.contains(&multiple)
                }
                LatencyThreshold::Millis(millis) => LATENCY_MILLIS.contains(&millis),
            };
            if !is_sensible {
                let expected = "`1x_baseline` to `1000x_baseline`, or `1ms` to `10m`";
                return Err(field.at("threshold").refuse(format!("`{}`", latency.threshold), expected));
            }
        }
        if let Some(health) = &self.health_check {
            let failed_checks = u64::from(health.failed_checks);
            let failed_max = u64::from(FAILED_CHECKS_MAX);
            let health_check = conditions.at("health_check");
            health_check.at("failed_checks").within(
                failed_checks,
                1..=failed_max,
                "failed checks in a row",
            )?;
        }
        Ok(())
    }
}
