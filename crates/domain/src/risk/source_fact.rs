//! Which record of the CMDB a number rests on.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::catalog::Tier;
use crate::cmdb::{Ci, SourceName, StatedTier};
use crate::id::CiName;

/// A record of the CMDB: whose, by whom and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFact {
    /// When it was said.
    pub at: Timestamp,
    /// The item that it is about.
    pub item: CiName,
    /// Who says so.
    pub source: SourceName,
}

impl SourceFact {
    pub(super) fn of_tier(ci: &Ci<'_>, stated: &StatedTier<'_>) -> Self {
        Self { item: ci.to_name(), source: stated.source.clone(), at: stated.at }
    }
}

/// A tier, by whom and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcedTier {
    /// When it was said.
    pub at: Timestamp,
    /// Who says so.
    pub source: SourceName,
    /// How critical the item is.
    pub tier: Tier,
}

impl SourcedTier {
    pub(super) fn of(stated: &StatedTier<'_>) -> Self {
        Self { tier: stated.tier, source: stated.source.clone(), at: stated.at }
    }
}
