//! Numbers with a range and a unit. Stored events carry whole numbers only.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given} is out of range: expected a {unit} from {min} to {max}")]
pub struct OutOfRange {
    given: i64,
    unit: &'static str,
    min: i64,
    max: i64,
}

/// Millionths as a percentage of at most four decimals, such as `0.995%`.
pub fn in_percent(millionths: u64) -> String {
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Declares a bounded whole number.
macro_rules! bounded {
    ($name:ident, $repr:ty, $max:literal, $unit:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name($repr);

        impl $name {
            /// The smallest value.
            pub const ZERO: Self = Self(0);
            /// The largest value.
            pub const MAX: Self = Self($max);

            /// Checks the range.
            ///
            /// # Errors
            /// When `value` is outside the range, which the error states.
            pub fn new(value: i64) -> Result<Self, OutOfRange> {
                let refuse = || OutOfRange { given: value, unit: $unit, min: 0, max: $max };
                if value > $max {
                    return Err(refuse());
                }
                <$repr>::try_from(value).map(Self).map_err(|_| refuse())
            }

            /// The value in its unit.
            pub fn get(self) -> $repr {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = OutOfRange;

            fn try_from(value: i64) -> Result<Self, OutOfRange> {
                Self::new(value)
            }
        }

        impl From<$name> for i64 {
            fn from(value: $name) -> i64 {
                i64::from(value.0)
            }
        }
    };
}

bounded!(
    Factor,
    u8,
    100,
    "number of tenths",
    "A risk factor: 0.0 to 10.0 in steps of a tenth, kept as 0 to 100 tenths."
);
bounded!(RiskScore, u8, 100, "score", "A risk score: 0 to 100.");
bounded!(
    Probability,
    u32,
    1_000_000,
    "number of millionths",
    "A probability in parts per million: 0 is impossible, 1 000 000 is certain."
);
bounded!(Share, u16, 10_000, "number of basis points", "A share in basis points: 0 is none, 10 000 is all.");

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl fmt::Display for RiskScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Probability {
    /// As a percentage with two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.0 + 50) / 100;
        write!(f, "{}.{:02} %", hundredths / 100, hundredths % 100)
    }
}

impl fmt::Display for Share {
    /// As a percentage with two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} %", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept_and_stated() {
        assert_eq!(Factor::new(75).unwrap().to_string(), "7.5");
        assert_eq!(
            Factor::new(101).unwrap_err().to_string(),
            "101 is out of range: expected a number of tenths from 0 to 100"
        );
        assert!(RiskScore::new(-1).is_err());
        assert!(serde_json::from_str::<Share>("10001").is_err());
        assert!(serde_json::from_str::<Share>("0.5").is_err());
    }

    #[test]
    fn shares_and_probabilities_read_as_percentages() {
        assert_eq!(Probability::new(30_000).unwrap().to_string(), "3.00 %");
        assert_eq!(Probability::new(1_000_000).unwrap().to_string(), "100.00 %");
        assert_eq!(Share::new(9_250).unwrap().to_string(), "92.50 %");
    }
}
