//! The formula: `raw = impact × probability × complexity − testing coverage × automation level`.
//!
//! Factors are whole tenths, so `raw` is exact in whole thousandths. The waterfall follows the formula from left to
//! right, each step being what the running value becomes less what it was.

use serde::{Deserialize, Serialize};

use super::factors::Factors;
use super::in_range;
use crate::number::RiskScore;

/// One step from nothing to the raw score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaterfallStep {
    /// The step in a sentence.
    pub sentence: String,
    /// The factor that moves the score.
    pub source: String,
    /// By how much, in thousandths.
    pub thousandths: i32,
}

impl WaterfallStep {
    fn new(source: &str, thousandths: i32, sentence: String) -> Self {
        Self { source: source.to_owned(), thousandths, sentence }
    }
}

/// The steps of the formula; they add up to the raw score.
pub(super) fn waterfall(factors: &Factors) -> Vec<WaterfallStep> {
    let tenths = |factor: &super::FactorValue| i32::from(factor.value.get());
    let impact = tenths(&factors.impact) * 100;
    let times_probability = impact * tenths(&factors.probability) / 10;
    let times_complexity = times_probability * tenths(&factors.complexity) / 10;
    let relief = tenths(&factors.testing_coverage) * tenths(&factors.automation_level) * 10;
    let (testing, automation) = (factors.testing_coverage.value, factors.automation_level.value);
    vec![
        WaterfallStep::new("impact", impact, format!("impact {}", factors.impact.value)),
        WaterfallStep::new(
            "probability",
            times_probability - impact,
            format!("times probability {}", factors.probability.value),
        ),
        WaterfallStep::new(
            "complexity",
            times_complexity - times_probability,
            format!("times complexity {}", factors.complexity.value),
        ),
        WaterfallStep::new(
            "testing_and_automation",
            -relief,
            format!("less testing coverage {testing} times automation level {automation}"),
        ),
    ]
}

/// The raw score rounded to a whole number, halves upwards, and held between 0 and 100.
pub(super) fn clamp(raw_thousandths: i32) -> RiskScore {
    let bounded = raw_thousandths.clamp(0, 100_000);
    in_range(RiskScore::new(i64::from((bounded + 500) / 1_000)))
}
