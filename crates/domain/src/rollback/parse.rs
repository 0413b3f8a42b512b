//! The words of the specification's `rollback_conditions`, read and written exactly as its YAML has them: `5%`,
//! `2x_baseline`, `immediate_rollback + quarantine`. Windows are durations: see [`crate::duration`].

use std::fmt;
use std::str::FromStr;

use super::{LatencyThreshold, Reaction, RollbackSpeed};
use crate::duration::{format_duration_millis, parse_duration_millis};
use crate::number::Share;

const BASELINE_SUFFIX: &str = "x_baseline";
const QUARANTINE_SUFFIX: &str = " + quarantine";

/// A word of the rollback conditions that does not have the accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {kind}: expected {expected}")]
pub struct InvalidCondition {
    kind: &'static str,
    given: String,
    expected: &'static str,
}

impl InvalidCondition {
    fn new(kind: &'static str, given: &str, expected: &'static str) -> Self {
        let given = given.chars().take(80).filter(|c| !c.is_control()).collect();
        Self { kind, given, expected }
    }
}

/// A share written as a percentage with up to two decimals: `5%`, `0.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(
    /// The share.
    pub Share,
);

impl FromStr for Percent {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        text.strip_suffix('%')
            .and_then(hundredths)
            .and_then(|basis_points| Share::new(i64::from(basis_points)).ok())
            .map(Self)
            .ok_or_else(|| {
                let expected = "0% to 100% with at most two decimals, such as `5%` or `0.25%`";
                InvalidCondition::new("share", text, expected)
            })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", Decimal(u32::from(self.0.get())))
    }
}

impl FromStr for LatencyThreshold {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let threshold = match text.strip_suffix(BASELINE_SUFFIX) {
            Some(multiple) => hundredths(multiple).map(Self::BaselineMultipleHundredths),
            None => parse_duration_millis(text).ok().map(Self::Millis),
        };
        threshold.ok_or_else(|| {
            let expected = "a multiple of the baseline such as `2x_baseline` or `1.5x_baseline`, or a duration such as `250ms`";
            InvalidCondition::new("latency threshold", text, expected)
        })
    }
}

impl fmt::Display for LatencyThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BaselineMultipleHundredths(multiple) => {
                write!(f, "{}{BASELINE_SUFFIX}", Decimal(*multiple))
            }
            Self::Millis(millis) => f.write_str(&format_duration_millis(*millis)),
        }
    }
}

impl FromStr for Reaction {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let (speed, quarantine) =
            text.strip_suffix(QUARANTINE_SUFFIX).map_or((text, false), |speed| (speed, true));
        RollbackSpeed::ALL.iter().find(|known| known.as_str() == speed).map_or_else(
            || {
                let expected =
                    "`immediate_rollback` or `gradual_rollback`, optionally followed by ` + quarantine`";
                Err(InvalidCondition::new("rollback action", text, expected))
            },
            |known| Ok(Self { rollback: *known, quarantine }),
        )
    }
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quarantine = if self.quarantine { QUARANTINE_SUFFIX } else { "" };
        write!(f, "{}{quarantine}", self.rollback.as_str())
    }
}

impl RollbackSpeed {
    const ALL: [Self; 2] = [Self::Immediate, Self::Gradual];

    /// The specification's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "immediate_rollback",
            Self::Gradual => "gradual_rollback",
        }
    }
}

/// A decimal number with at most two decimals, in hundredths: `1.5` is 150.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 2 {
        return None;
    }
    let decimals = decimals.parse::<u32>().ok()? * if decimals.len() == 1 { 10 } else { 1 };
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(decimals)
}

/// Hundredths as the shortest decimal number.
struct Decimal(u32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match (rest / 10, rest % 10) {
            (0, 0) => write!(f, "{whole}"),
            (tenths, 0) => write!(f, "{whole}.{tenths}"),
            (tenths, hundredths) => write!(f, "{whole}.{tenths}{hundredths}"),
        }
    }
}
