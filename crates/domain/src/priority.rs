//! ITIL priority from impact and urgency.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How large something is: the impact or the urgency that a requester declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Magnitude {
    /// Hardly noticed.
    Low,
    /// Noticed by some.
    Medium,
    /// Noticed by many.
    High,
    /// Everything depends on it.
    Critical,
}

/// A word that is not a magnitude.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a magnitude: expected low, medium, high or critical")]
pub struct InvalidMagnitude(String);

impl Magnitude {
    /// The word used in requests, pages and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Magnitude {
    type Err = InvalidMagnitude;

    fn from_str(text: &str) -> Result<Self, InvalidMagnitude> {
        [Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|magnitude| magnitude.as_str() == text)
            .ok_or_else(|| InvalidMagnitude(text.chars().take(80).filter(|c| !c.is_control()).collect()))
    }
}

/// Priority of a change, P1 first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    /// Drop everything.
    P1,
    /// Today.
    P2,
    /// This week.
    P3,
    /// Planned.
    P4,
    /// When convenient.
    P5,
}

impl Priority {
    /// The ITIL impact × urgency matrix.
    pub fn of(impact: Magnitude, urgency: Magnitude) -> Self {
        use Magnitude::{Critical, High, Low, Medium};
        match (impact, urgency) {
            (Critical, Critical | High) => Self::P1,
            (Critical, Medium) | (High, Critical | High) => Self::P2,
            (Critical, Low) | (High, Medium) | (Medium, Critical | High) => Self::P3,
            (High, Low) | (Medium, Medium) | (Low, Critical | High) => Self::P4,
            (Medium | Low, Low) | (Low, Medium) => Self::P5,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_matrix() {
        use Magnitude::{Critical, High, Low, Medium};
        let row = |impact| [Critical, High, Medium, Low].map(|urgency| Priority::of(impact, urgency));
        use Priority::{P1, P2, P3, P4, P5};
        assert_eq!(row(Critical), [P1, P1, P2, P3]);
        assert_eq!(row(High), [P2, P2, P3, P4]);
        assert_eq!(row(Medium), [P3, P3, P4, P5]);
        assert_eq!(row(Low), [P4, P4, P5, P5]);
    }
}
