//! Rows of configuration items.

use domain::Timestamp;
use domain::catalog::Tier;
use domain::cmdb::{CiType, Lifecycle, SourceName};
use domain::id::{CiName, EnvironmentName};

use super::{list_text, parse_list};
use crate::database::{Row, Value};
use crate::error::StoreError;
use crate::sql::{count, micros};

/// What lists show of a configuration item that a source describes or once described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiRow {
    /// Identifier.
    pub id: CiName,
    /// What is known of it; nothing when no source describes it any more.
    pub facts: Option<CiFacts>,
    /// The sources that describe it.
    pub sources: Vec<SourceName>,
    /// Version of its stream.
    pub version: u64,
    /// Time of its last event.
    pub updated_at: Timestamp,
}

/// What lists show of a configuration item that a source describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFacts {
    /// What kind of thing it is.
    pub ci_type: CiType,
    /// How critical it is.
    pub tier: Option<Tier>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it runs.
    pub environment: Option<EnvironmentName>,
    /// Where it stands between plan and end.
    pub lifecycle: Lifecycle,
}

impl CiRow {
    /// The cells of [`CI_ROW`](crate::table::CI_ROW).
    pub(crate) fn cells(&self) -> [Value<'_>; 9] {
        let facts = self.facts.as_ref();
        [
            self.id.as_str().into(),
            facts.map(|facts| facts.ci_type.as_str()).into(),
            facts.and_then(|facts| facts.tier).map(|tier| i64::from(tier.number())).into(),
            facts.and_then(|facts| facts.owner.as_deref()).into(),
            facts.and_then(|facts| facts.environment.as_ref()).map(EnvironmentName::as_str).into(),
            facts.map(|facts| facts.lifecycle.as_str()).into(),
            list_text(self.sources.iter().map(SourceName::as_str)).into(),
            count(self.version).into(),
            micros(self.updated_at).into(),
        ]
    }
}

/// Reads a row of [`CI_ROW`](crate::table::CI_ROW), all columns in order.
pub(crate) fn ci_row(row: &Row<'_>) -> Result<CiRow, StoreError> {
    let facts = match (row.opt_parsed(1, "ci_row.ci_type")?, row.opt_parsed(5, "ci_row.lifecycle")?) {
        (Some(ci_type), Some(lifecycle)) => Some(CiFacts {
            ci_type,
            tier: row.opt_int(2)?.map(tier).transpose()?,
            owner: row.opt_text(3)?,
            environment: row.opt_parsed(4, "ci_row.environment")?,
            lifecycle,
        }),
        _ => None,
    };
    Ok(CiRow {
        id: row.parsed(0, "ci_row.id")?,
        facts,
        sources: parse_list(&row.text(6)?, "ci_row.sources")?,
        version: row.count(7)?,
        updated_at: row.time(8)?,
    })
}

fn tier(number: i64) -> Result<Tier, StoreError> {
    let tier = u8::try_from(number).ok().and_then(|number| Tier::try_from(number).ok());
    tier.ok_or_else(|| StoreError::damaged(format!("ci_row.tier: {number} is no tier")))
}
