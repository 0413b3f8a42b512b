//! Standing decisions: a class of changes that the board approves once and for all, until a day, under conditions.
//!
//! One holds when a quorum of members supports it. It stands for the approval of the CAB and for nobody else's.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::BoardRefusal;
use super::id::StandingId;
use crate::approval::Quorum;
use crate::change::{Category, ChangeType, Content};
use crate::id::{ActorId, EnvironmentName, ServiceName};
use crate::number::RiskScore;
use crate::risk::{Assessment, Level};
use crate::text::FreeText;

/// Most standing decisions and proposals at once.
pub const STANDING_MAX: usize = 100;
/// Longest life of a standing decision, in hours: a leap year.
pub const STANDING_HOURS_MAX: i64 = 366 * 24;
/// Most conditions of one.
pub const STANDING_CONDITIONS_MAX: usize = 20;
/// Most services or environments that one names.
const NAMES_MAX: usize = 500;

/// Which changes, under which conditions, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingTerms {
    /// What it is about, in a line.
    pub title: FreeText,
    /// Categories of changes; all when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub categories: BTreeSet<Category>,
    /// Services: whatever a change touches is one of them; all when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ServiceName>,
    /// Environments; all when empty. A change that names none is in none of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub environments: BTreeSet<EnvironmentName>,
    /// The highest level.
    pub level_max: Level,
    /// The highest score.
    pub score_max: RiskScore,
    /// What must be met before the start of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<FreeText>,
    /// It holds no longer from this instant on.
    pub expires_at: Timestamp,
}

/// A standing decision, or the proposal of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its identifier.
    pub id: StandingId,
    /// What it says.
    pub terms: StandingTerms,
    /// Who proposed it.
    pub proposed_by: ActorId,
    /// When.
    pub proposed_at: Timestamp,
    /// Who supports it, whoever proposed it first.
    pub supporters: Vec<ActorId>,
    /// How many must.
    pub quorum: Quorum,
}

impl StandingTerms {
    /// Checks that it is about a class of changes, and ends.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), BoardRefusal> {
        let latest = now.saturating_add(SignedDuration::from_hours(STANDING_HOURS_MAX));
        if self.expires_at <= now || self.expires_at > latest.unwrap_or(Timestamp::MAX) {
            return Err(BoardRefusal::StandingTime);
        }
        if self.categories.is_empty() && self.services.is_empty() {
            return Err(BoardRefusal::StandingScope);
        }
        let is_too_long = self.services.len().max(self.environments.len()) > NAMES_MAX
            || self.conditions.len() > STANDING_CONDITIONS_MAX;
        if is_too_long { Err(BoardRefusal::StandingLength) } else { Ok(()) }
    }

    /// Whether a change belongs to the class. What is not known belongs to none.
    pub fn covers(&self, content: &Content, assessment: &Assessment) -> bool {
        let is_ordinary = match assessment.routed_as {
            ChangeType::Standard | ChangeType::Normal => true,
            ChangeType::Emergency => false,
        };
        let names_services = !content.affected_services.is_empty();
        let is_service = |name: &str| self.services.iter().any(|service| service.as_str() == name);
        let touches_only_them = self.services.is_empty()
            || names_services
                && content.affected_services.is_subset(&self.services)
                && content.affected_cis.iter().all(|item| is_service(item.as_str()));
        let is_there = self.environments.is_empty()
            || content.environment.as_ref().is_some_and(|place| self.environments.contains(place));
        is_ordinary
            && (self.categories.is_empty() || self.categories.contains(&content.category))
            && touches_only_them
            && is_there
            && assessment.level <= self.level_max
            && assessment.score <= self.score_max
    }
}

impl Standing {
    /// Whether enough members support it and its time is not over.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.supporters.len() >= usize::from(self.quorum.get()) && now < self.terms.expires_at
    }
}
