//! One service of the file.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::change::kind::words;
use crate::id::ServiceName;
use crate::text::FreeText;

/// How critical a service is; the most critical compares as the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Tier {
    /// Critical: everything stands still without it.
    Zero,
    /// High.
    One,
    /// Medium.
    Two,
    /// Low: monitoring, logging, tools.
    Three,
}

/// A number that is not a tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tier: expected 0 (critical), 1 (high), 2 (medium) or 3 (low)")]
pub struct UnknownTier(u8);

impl Tier {
    /// Every tier, the most critical first.
    pub const ALL: [Self; 4] = [Self::Zero, Self::One, Self::Two, Self::Three];

    /// Its number, 0 to 3.
    pub fn number(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tier {}", self.number())
    }
}

impl TryFrom<u8> for Tier {
    type Error = UnknownTier;

    fn try_from(number: u8) -> Result<Self, UnknownTier> {
        Self::ALL.into_iter().find(|tier| tier.number() == number).ok_or(UnknownTier(number))
    }
}

impl From<Tier> for u8 {
    fn from(tier: Tier) -> u8 {
        tier.number()
    }
}

words!(
    /// What becomes of the dependent when the other service fails.
    Strength, "dependency strength", {
        /// It fails too.
        Hard = "hard",
        /// It works, slower or poorer.
        Soft = "soft",
    }
);

/// One service needs another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// The service that is needed.
    pub service: ServiceName,
    /// How badly.
    pub strength: Strength,
}

/// One entry of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Unique within the file.
    pub name: ServiceName,
    /// How critical it is.
    pub tier: Tier,
    /// The team or person who answers for it.
    pub owner: Option<FreeText>,
    /// What it needs.
    pub depends_on: Vec<Dependency>,
}
