//! The parameters of the approval rules, as `approvals.toml` states them. A key that is absent keeps its default.

use serde::{Deserialize, Serialize};

use super::rules::{CriticalRule, EmergencyRule, HighRule, LowRule, MediumRule};

/// Most people that one gate may demand.
pub const QUORUM_MAX: u8 = 20;
/// Shortest time to decide or review, in seconds: one minute.
pub const PERIOD_SECONDS_MIN: u64 = 60;
/// Longest time to decide or review, in seconds: thirty days.
pub const PERIOD_SECONDS_MAX: u64 = 30 * 86_400;

/// Parameters of every rule, one table each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalSettings {
    /// Low risk.
    pub low: LowRule,
    /// Medium risk.
    pub medium: MediumRule,
    /// High risk.
    pub high: HighRule,
    /// Critical risk.
    pub critical: CriticalRule,
    /// Emergencies.
    pub emergency: EmergencyRule,
}

/// A parameter outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given} is out of range: expected {unit} from {min} to {max}")]
pub struct InvalidSetting {
    given: u64,
    unit: &'static str,
    min: u64,
    max: u64,
}

/// How many people must approve: 1 to [`QUORUM_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Quorum(u8);

impl Quorum {
    /// One person.
    pub const ONE: Self = Self(1);
    /// Two people.
    pub const TWO: Self = Self(2);

    /// Checks the range.
    ///
    /// # Errors
    /// When `people` is 0 or more than [`QUORUM_MAX`].
    pub fn new(people: u64) -> Result<Self, InvalidSetting> {
        let invalid =
            InvalidSetting { given: people, unit: "a number of people", min: 1, max: u64::from(QUORUM_MAX) };
        match u8::try_from(people) {
            Ok(count) if (1..=QUORUM_MAX).contains(&count) => Ok(Self(count)),
            Ok(_) | Err(_) => Err(invalid),
        }
    }

    /// The number of people.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for Quorum {
    type Error = InvalidSetting;

    fn try_from(people: u64) -> Result<Self, InvalidSetting> {
        Self::new(people)
    }
}

impl From<Quorum> for u64 {
    fn from(quorum: Quorum) -> u64 {
        u64::from(quorum.0)
    }
}

/// A time to decide or review: [`PERIOD_SECONDS_MIN`] to [`PERIOD_SECONDS_MAX`] seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Period(u64);

impl Period {
    /// Four hours.
    pub const FOUR_HOURS: Self = Self(4 * 3_600);
    /// Two days.
    pub const TWO_DAYS: Self = Self(2 * 86_400);
    /// One day.
    pub const DAY: Self = Self(86_400);
    /// One week.
    pub const WEEK: Self = Self(7 * 86_400);

    /// Checks the range.
    ///
    /// # Errors
    /// When `seconds` is outside the range, which the error states.
    pub fn new(seconds: u64) -> Result<Self, InvalidSetting> {
        let (min, max) = (PERIOD_SECONDS_MIN, PERIOD_SECONDS_MAX);
        if (min..=max).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(InvalidSetting { given: seconds, unit: "a number of seconds", min, max })
        }
    }

    /// Its length in seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Period {
    type Error = InvalidSetting;

    fn try_from(seconds: u64) -> Result<Self, InvalidSetting> {
        Self::new(seconds)
    }
}

impl From<Period> for u64 {
    fn from(period: Period) -> u64 {
        period.0
    }
}
