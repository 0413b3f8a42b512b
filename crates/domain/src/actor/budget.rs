//! How much an agent may do by itself. Its own record widens and narrows the limits by a stated rule, unless a person
//! has set them.
//!
//! The rule: of the changes that an agent asked for and that ended in the last 90 days, the share that failed is
//! estimated as Beta(failures + ½, successes + ½), Jeffreys' prior. An agent counts as *trusted* when that share is below
//! 5 % with 95 % certainty, as *proven* when it is below 15 %, and is on *probation* otherwise. So trust needs evidence:
//! without a failure, 12 changes make an agent proven and 38 make it trusted.

use serde::{Deserialize, Serialize};

use crate::catalog::Tier;
use crate::change::kind::words;
use crate::id::ChangeId;
use crate::number::Probability;
use crate::risk::failure_bound;

/// How far back an agent's record goes, in days.
pub const RECORD_DAYS: i64 = 90;
/// Certainty of the bound on the share of failures.
const CERTAINTY: f64 = 0.95;
/// Below this share of failures an agent is proven, in millionths.
const PROVEN_BELOW_PPM: u32 = 150_000;
/// Below this share of failures an agent is trusted, in millionths.
const TRUSTED_BELOW_PPM: u32 = 50_000;
/// Most changes of an hour, and most open changes, that a budget can name.
pub const CHANGES_MAX: u32 = 10_000;
/// Most items that a budget can name.
pub const ITEMS_MAX: u32 = 1_000_000;

words!(
    /// What an agent's record says of it.
    Trust, "trust", {
        /// Too little is known, or too much has failed.
        Probation = "probation",
        /// Fewer than 15 % of its changes fail, with 95 % certainty.
        Proven = "proven",
        /// Fewer than 5 % of its changes fail, with 95 % certainty.
        Trusted = "trusted",
    }
);

/// How the changes that an agent asked for have ended within [`RECORD_DAYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrackRecord {
    /// Changes that were successful.
    pub successes: u32,
    /// Changes that were not.
    pub failures: u32,
}

impl TrackRecord {
    /// The share of its changes that fail is below this, with 95 % certainty.
    pub fn failure_bound(self) -> Probability {
        failure_bound(self.failures, self.successes, CERTAINTY)
    }

    /// What it says of the agent.
    pub fn trust(self) -> Trust {
        match self.failure_bound().get() {
            bound if bound < TRUSTED_BELOW_PPM => Trust::Trusted,
            bound if bound < PROVEN_BELOW_PPM => Trust::Proven,
            _ => Trust::Probation,
        }
    }
}

/// What an agent may do without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Changes that it may ask for within an hour.
    pub changes_per_hour: u32,
    /// Changes of it that may be under way at once.
    pub open_changes: u32,
    /// Services and items that may be changed or fail with what is changed; what reaches further goes to a person.
    pub items_reached: u32,
    /// The most critical tier that it may touch; what is more critical goes to a person.
    pub most_critical_tier: Tier,
}

/// One fact in the stream of an agent's requests, written with every change that it creates, so that the stream's version
/// names a state of what it has used: of two that it creates at once, one is counted again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum AgentEvent {
    /// It created a change.
    #[serde(rename = "agent.change_created")]
    ChangeCreated {
        /// The change.
        change: ChangeId,
        /// What its record said of it then.
        trust: Trust,
        /// What its budget was then.
        budget: Budget,
        /// Changes that it had created within the hour, this one included.
        changes_this_hour: u32,
        /// Changes that it had under way, this one included.
        open_changes: u32,
    },
}

/// A budget beyond the bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {value}: expected 0 to {most}")]
pub struct BudgetTooLarge {
    /// Which limit.
    pub field: &'static str,
    value: u32,
    most: u32,
}

impl Budget {
    /// The budget that an agent has by its record.
    pub fn of(trust: Trust) -> Self {
        let (changes_per_hour, open_changes, items_reached, most_critical_tier) = match trust {
            Trust::Probation => (10, 5, 10, Tier::Two),
            Trust::Proven => (30, 10, 50, Tier::One),
            Trust::Trusted => (100, 30, 500, Tier::One),
        };
        Self { changes_per_hour, open_changes, items_reached, most_critical_tier }
    }

    /// Whether its numbers lie within the bounds.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check(self) -> Result<Self, BudgetTooLarge> {
        let limits = [
            ("changes_per_hour", self.changes_per_hour, CHANGES_MAX),
            ("open_changes", self.open_changes, CHANGES_MAX),
            ("items_reached", self.items_reached, ITEMS_MAX),
        ];
        match limits.into_iter().find(|(_, value, most)| value > most) {
            Some((field, value, most)) => Err(BudgetTooLarge { field, value, most }),
            None => Ok(self),
        }
    }

    /// Whether a change that reaches so far may do without a person.
    pub fn covers(self, items_reached: u32, highest_tier: Tier) -> bool {
        items_reached <= self.items_reached && highest_tier >= self.most_critical_tier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(successes: u32, failures: u32) -> TrackRecord {
        TrackRecord { successes, failures }
    }

    #[test]
    fn trust_needs_evidence() {
        let trust = |successes, failures| record(successes, failures).trust();
        assert_eq!(trust(0, 0), Trust::Probation);
        assert_eq!([trust(11, 0), trust(12, 0)], [Trust::Probation, Trust::Proven]);
        assert_eq!([trust(37, 0), trust(38, 0)], [Trust::Proven, Trust::Trusted]);
        assert_eq!(trust(38, 1), Trust::Proven, "one failure narrows the limits");
        assert_eq!(trust(38, 6), Trust::Probation);
        assert_eq!(trust(1_000, 20), Trust::Trusted, "2 % of very many");
    }

    #[test]
    fn trust_never_falls_with_a_success_nor_rises_with_a_failure() {
        for successes in 0..60 {
            for failures in 0..6 {
                let trust = record(successes, failures).trust();
                assert!(record(successes + 1, failures).trust() >= trust, "{successes} {failures}");
                assert!(record(successes, failures + 1).trust() <= trust, "{successes} {failures}");
            }
        }
    }

    #[test]
    fn more_trust_is_never_a_smaller_budget() {
        for pair in Trust::ALL.windows(2) {
            let [less, more] = [pair[0], pair[1]].map(Budget::of);
            assert!(less.changes_per_hour < more.changes_per_hour && less.open_changes < more.open_changes);
            assert!(
                less.items_reached < more.items_reached && less.most_critical_tier >= more.most_critical_tier
            );
        }
        assert!(Trust::ALL.iter().all(|trust| !Budget::of(*trust).covers(0, Tier::Zero)));
    }

    #[test]
    fn a_budget_covers_what_reaches_no_further() {
        let budget = Budget::of(Trust::Probation);
        assert!(budget.covers(10, Tier::Two) && budget.covers(0, Tier::Three));
        assert!(!budget.covers(11, Tier::Two) && !budget.covers(0, Tier::One));
    }

    #[test]
    fn budgets_are_bounded() {
        let budget = Budget { changes_per_hour: CHANGES_MAX + 1, ..Budget::of(Trust::Trusted) };
        let message = budget.check().unwrap_err().to_string();
        assert_eq!(message, "`changes_per_hour` is 10001: expected 0 to 10000");
        assert_eq!(Budget::of(Trust::Trusted).check(), Ok(Budget::of(Trust::Trusted)));
    }
}
