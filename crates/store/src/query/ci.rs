//! Lists of configuration items: filtered, sorted by one of three keys, paged by the last row seen.

use domain::catalog::Tier;
use domain::cmdb::{CiType, Lifecycle, SourceName};
use domain::id::{CiName, EnvironmentName};

use super::change::{like_pattern, page_limit, words};
use super::cursor::{CiCursor, ListBinding};
use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::projection::{CiRow, ci_row};
use crate::sql::Select;
use crate::table::CI_ROW;

/// Longest text to look for in ids, in bytes.
const ID_PART_BYTES_MAX: usize = 384;
/// Where items without a tier stand in the order: after all others.
const NO_TIER: i64 = 4;

/// A page of items that a source describes.
#[derive(Debug, Clone, Default)]
pub struct CiQuery {
    /// Which items.
    pub filter: CiFilter,
    /// In which order.
    pub order: CiOrder,
    /// After which row; from the beginning when left out.
    pub after: Option<CiCursor>,
    /// How many at most; more than [`PAGE_ROWS_MAX`](crate::PAGE_ROWS_MAX) are refused, 0 means that many.
    pub limit: usize,
}

/// Which items a list shows. Conditions are joined by "and", the values of one condition by "or"; one without values lets
/// everything pass.
#[derive(Debug, Clone, Default)]
pub struct CiFilter {
    /// Types.
    pub types: Vec<CiType>,
    /// Tiers.
    pub tiers: Vec<Tier>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it runs.
    pub environment: Option<EnvironmentName>,
    /// Where it stands between plan and end.
    pub lifecycles: Vec<Lifecycle>,
    /// A source that describes it.
    pub source: Option<SourceName>,
    /// A part of the id, upper and lower case alike.
    pub id_contains: Option<String>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CiOrder {
    /// What it is sorted by; rows that are equal in it are sorted by id.
    pub by: CiSort,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// By id.
impl Default for CiOrder {
    fn default() -> Self {
        Self { by: CiSort::Id, descending: false }
    }
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CiSort {
    /// Identifier.
    Id,
    /// Time of the last event.
    Updated,
    /// Tier, the most critical the smallest; items without one are the largest.
    Tier,
}

/// A page of items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiPage {
    /// The items.
    pub rows: Vec<CiRow>,
    /// Where the next page begins; none when this is the last one.
    pub next: Option<CiCursor>,
}

impl CiSort {
    /// The expression that the list is sorted by, before the id.
    fn key_sql(self) -> Option<String> {
        match self {
            Self::Id => None,
            Self::Updated => Some("updated_at".to_owned()),
            Self::Tier => Some(format!("COALESCE(tier, {NO_TIER})")),
        }
    }

    /// The same value of a row that was read.
    fn key_of(self, row: &CiRow) -> i64 {
        match self {
            Self::Id => 0,
            Self::Updated => row.updated_at.as_microsecond(),
            Self::Tier => {
                let tier = row.facts.as_ref().and_then(|facts| facts.tier);
                tier.map_or(NO_TIER, |tier| i64::from(tier.number()))
            }
        }
    }
}

/// Reads one page.
pub(crate) fn cis(db: &mut Database, query: &CiQuery) -> Result<CiPage, StoreError> {
    let limit = page_limit(query.limit)?;
    let binding = ListBinding::of(&(&query.filter, &query.order));
    let mut select = Select::new(db.dialect(), format!("SELECT {} FROM ci_row c", CI_ROW.column_list()));
    add_filter(&mut select, &query.filter)?;
    let key = query.order.by.key_sql();
    let (comparison, direction) = if query.order.descending { ("<", "DESC") } else { (">", "ASC") };
    if let Some(cursor) = &query.after {
        let (after_key, after_id) = cursor.place(&binding)?;
        let after_id = after_id.to_owned();
        match &key {
            None => {
                let after_id = select.param(after_id);
                select.condition(format!("id {comparison} {after_id}"));
            }
            Some(key) => {
                let (after_key, after_id) = (select.param(after_key), select.param(after_id));
                select.condition(format!("({key}, id) {comparison} ({after_key}, {after_id})"));
            }
        }
    }
    match &key {
        None => select.order_by(&format!("id {direction}")),
        Some(key) => select.order_by(&format!("{key} {direction}, id {direction}")),
    }
    // One row more than asked for tells whether there is a next page.
    select.limit(limit + 1);
    let mut rows = select.run(db, ci_row)?;
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|row| CiCursor::after(&binding, query.order.by.key_of(row), row.id.clone()))
    } else {
        None
    };
    Ok(CiPage { rows, next })
}

fn add_filter(select: &mut Select<'_>, filter: &CiFilter) -> Result<(), StoreError> {
    if filter.types.is_empty() {
        select.condition("ci_type IS NOT NULL");
    }
    select.one_of("ci_type", words(&filter.types, CiType::as_str)?);
    select.one_of("lifecycle", words(&filter.lifecycles, Lifecycle::as_str)?);
    if !filter.tiers.is_empty() {
        let tiers: Vec<_> = Tier::ALL.into_iter().filter(|tier| filter.tiers.contains(tier)).collect();
        let tiers: Vec<_> = tiers.into_iter().map(|tier| tier.number().to_string()).collect();
        select.condition(format!("tier IN ({})", tiers.join(", ")));
    }
    if let Some(owner) = &filter.owner {
        let owner = select.param(owner.clone());
        select.condition(format!("owner = {owner}"));
    }
    if let Some(environment) = &filter.environment {
        let environment = select.param(environment.as_str().to_owned());
        select.condition(format!("environment = {environment}"));
    }
    if let Some(source) = &filter.source {
        let source = select.param(source.as_str().to_owned());
        select.condition(format!(
            "EXISTS (SELECT 1 FROM ci_source s WHERE s.source = {source} AND s.id = c.id)"
        ));
    }
    if let Some(part) = &filter.id_contains {
        if part.len() > ID_PART_BYTES_MAX {
            return Err(StoreError::TooMuch { what: "length of the text in ids", limit: ID_PART_BYTES_MAX });
        }
        let pattern = select.param(like_pattern(part));
        // Ids are ASCII, which both databases fold alike.
        select.condition(format!("LOWER(id) LIKE {pattern} ESCAPE '!'"));
    }
    Ok(())
}

/// Reads one item's row.
pub(crate) fn ci(db: &mut Database, id: &CiName) -> Result<Option<CiRow>, StoreError> {
    let sql = format!("SELECT {} FROM ci_row WHERE id = $1", CI_ROW.column_list());
    db.query_opt(&sql, &[Value::from(id.as_str())], ci_row)
}
