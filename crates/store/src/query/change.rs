//! Lists of changes: filtered, sorted by one of five keys, paged by the last row seen.
//!
//! A page reads its rows in index order where the sort has an index (creation, last event, identifier); by risk,
//! priority and deadline the rows that pass the filter are sorted, which is meant for the short queues that are looked at that way.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::change::{Category, ChangeType, StateName};
use domain::id::{ActorId, ChangeId, CiName, EnvironmentName, ServiceName};
use domain::risk::Level;

use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::projection::{
    CLOSED_CHANGE_COLUMNS, ChangeRow, ClosedChange, change_key, change_row, closed_change, folded,
    number_of_key, priority_rank, year_begin,
};
use crate::query::cursor::ListBinding;
use crate::query::{Cursor, FILTER_VALUES_MAX, PAGE_ROWS_MAX};
use crate::sql::{Select, micros};
use crate::table::CHANGE_ROW;

/// Longest text to look for in titles, in bytes.
const TITLE_PART_BYTES_MAX: usize = 256;

/// A page of changes to read.
#[derive(Debug, Clone, Default)]
pub struct ChangeQuery {
    /// Which changes.
    pub filter: ChangeFilter,
    /// In which order.
    pub order: ChangeOrder,
    /// After which row; from the beginning when left out.
    pub after: Option<Cursor>,
    /// How many at most; more than [`PAGE_ROWS_MAX`] are refused, 0 means that many.
    pub limit: usize,
}

/// Which changes a list shows. Conditions are joined by "and", the values of one condition by "or"; one without values
/// lets everything pass.
#[derive(Debug, Clone, Default)]
pub struct ChangeFilter {
    /// States.
    pub states: Vec<StateName>,
    /// Change types.
    pub types: Vec<ChangeType>,
    /// Categories.
    pub categories: Vec<Category>,
    /// Risk levels.
    pub levels: Vec<Level>,
    /// Who asked for it, for themselves or for somebody else.
    pub requester: Option<ActorId>,
    /// A service it changes.
    pub service: Option<ServiceName>,
    /// A configuration item it changes, be it named as such or as a service.
    pub ci: Option<CiName>,
    /// Where it takes effect.
    pub environment: Option<EnvironmentName>,
    /// Only those that a runner is to carry out by itself.
    pub for_runners: bool,
    /// A part of the title, upper and lower case alike.
    pub title_contains: Option<String>,
    /// Created at this time or later.
    pub created_from: Option<Timestamp>,
    /// Created before this time.
    pub created_before: Option<Timestamp>,
    /// Last event at this time or later.
    pub updated_from: Option<Timestamp>,
    /// Last event before this time.
    pub updated_before: Option<Timestamp>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeOrder {
    /// What it is sorted by; rows that are equal in it are sorted by identifier.
    pub by: ChangeSort,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// The last change first.
impl Default for ChangeOrder {
    fn default() -> Self {
        Self { by: ChangeSort::Updated, descending: true }
    }
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeSort {
    /// Time of creation.
    Created,
    /// Time of the last event.
    Updated,
    /// Raw risk; changes that are not assessed are the smallest.
    Risk,
    /// Priority; P1 is the smallest.
    Priority,
    /// The next deadline; changes without one are the largest.
    Deadline,
    /// Identifier.
    Id,
}

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes.
    pub rows: Vec<ChangeRow>,
    /// Where the next page begins; none when this is the last one.
    pub next: Option<Cursor>,
}

impl ChangeSort {
    /// The expression that the list is sorted by.
    fn key_sql(self) -> &'static str {
        match self {
            Self::Created => "created_at",
            Self::Updated => "updated_at",
            Self::Risk => "COALESCE(risk_raw, -9223372036854775807)",
            Self::Priority => "priority",
            Self::Deadline => "COALESCE(deadline, 9223372036854775807)",
            Self::Id => "change_key",
        }
    }

    /// The same value of a row that was read.
    fn key_of(self, row: &ChangeRow) -> i64 {
        match self {
            Self::Created => row.created_at.as_microsecond(),
            Self::Updated => row.updated_at.as_microsecond(),
            Self::Risk => row.risk.map_or(-i64::MAX, |risk| risk.raw),
            Self::Priority => priority_rank(row.priority),
            Self::Deadline => row.deadline.map_or(i64::MAX, micros),
            Self::Id => change_key(row.change_id),
        }
    }
}

/// Reads one page.
pub(crate) fn changes(db: &mut Database, query: &ChangeQuery) -> Result<ChangePage, StoreError> {
    let limit = page_limit(query.limit)?;
    let binding = ListBinding::of(&(&query.filter, &query.order));
    let mut select =
        Select::new(db.dialect(), format!("SELECT {} FROM change_row c", CHANGE_ROW.column_list()));
    add_filter(&mut select, &query.filter)?;
    let key = query.order.by.key_sql();
    let (comparison, direction) = if query.order.descending { ("<", "DESC") } else { (">", "ASC") };
    if let Some(cursor) = query.after {
        let (after_key, after_row) = cursor.place(&binding)?;
        let (after_key, after_row) = (select.param(after_key), select.param(after_row));
        select.condition(format!("({key}, change_key) {comparison} ({after_key}, {after_row})"));
    }
    select.order_by(&format!("{key} {direction}, change_key {direction}"));
    // One row more than asked for tells whether there is a next page.
    select.limit(limit + 1);
    let mut rows = select.run(db, change_row)?;
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|row| Cursor::after(&binding, query.order.by.key_of(row), change_key(row.change_id)))
    } else {
        None
    };
    Ok(ChangePage { rows, next })
}

/// The number of rows to read for a caller's limit.
pub(crate) fn page_limit(limit: usize) -> Result<usize, StoreError> {
    match limit {
        0 => Ok(PAGE_ROWS_MAX),
        1..=PAGE_ROWS_MAX => Ok(limit),
        _ => Err(StoreError::TooMuch { what: "number of rows of a page", limit: PAGE_ROWS_MAX }),
    }
}

fn add_filter(select: &mut Select<'_>, filter: &ChangeFilter) -> Result<(), StoreError> {
    select.one_of("state", words(&filter.states, StateName::as_str)?);
    select.one_of("change_type", words(&filter.types, ChangeType::as_str)?);
    select.one_of("category", words(&filter.categories, Category::as_str)?);
    select.one_of("risk_level", words(&filter.levels, Level::as_str)?);
    if let Some(actor) = &filter.requester {
        // One parameter may be mentioned twice; its number comes from where it is mentioned first.
        let actor = select.param(actor.as_str().to_owned());
        select.condition(format!("(requester = {actor} OR on_behalf_of = {actor})"));
    }
    if let Some(service) = &filter.service {
        let service = select.param(service.as_str().to_owned());
        select.condition(format!(
            "EXISTS (SELECT 1 FROM change_service s WHERE s.service = {service} AND s.change_key = c.change_key)"
        ));
    }
    if let Some(ci) = &filter.ci {
        let ci = select.param(ci.as_str().to_owned());
        select.condition(format!(
            "c.change_key IN (SELECT change_key FROM change_ci WHERE ci = {ci} \
             UNION SELECT change_key FROM change_service WHERE service = {ci})"
        ));
    }
    if let Some(environment) = &filter.environment {
        let environment = select.param(environment.as_str().to_owned());
        select.condition(format!("environment = {environment}"));
    }
    if filter.for_runners {
        select.condition("runs_on IS NOT NULL");
    }
    if let Some(part) = &filter.title_contains {
        if part.len() > TITLE_PART_BYTES_MAX {
            return Err(StoreError::TooMuch {
                what: "length of the text in titles",
                limit: TITLE_PART_BYTES_MAX,
            });
        }
        let pattern = select.param(like_pattern(part));
        select.condition(format!("title_folded LIKE {pattern} ESCAPE '!'"));
    }
    for (column, comparison, time) in [
        ("created_at", ">=", filter.created_from),
        ("created_at", "<", filter.created_before),
        ("updated_at", ">=", filter.updated_from),
        ("updated_at", "<", filter.updated_before),
    ] {
        if let Some(time) = time {
            let time = select.param(micros(time));
            select.condition(format!("{column} {comparison} {time}"));
        }
    }
    Ok(())
}

/// The words of a filter's values.
pub(crate) fn words<T: Copy>(values: &[T], word: fn(T) -> &'static str) -> Result<Vec<String>, StoreError> {
    if values.len() > FILTER_VALUES_MAX {
        return Err(StoreError::TooMuch { what: "number of values of a filter", limit: FILTER_VALUES_MAX });
    }
    Ok(values.iter().map(|value| word(*value).to_owned()).collect())
}

/// Titles are kept folded beside their own form, so both databases find the same ones whatever their collation.
pub(crate) fn like_pattern(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for c in folded(part).chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Reads one change's row.
pub(crate) fn change(db: &mut Database, id: ChangeId) -> Result<Option<ChangeRow>, StoreError> {
    let sql = format!("SELECT {} FROM change_row WHERE change_key = $1", CHANGE_ROW.column_list());
    db.query_opt(&sql, &[Value::Int(change_key(id))], change_row)
}

/// Counts all changes, by state. States without changes are left out.
pub(crate) fn count_changes_by_state(db: &mut Database) -> Result<BTreeMap<StateName, u64>, StoreError> {
    const SQL: &str = "SELECT state, COUNT(*) FROM change_row GROUP BY state";
    let counts = db.query(SQL, &[], |row| Ok((row.parsed(0, "change_row.state")?, row.count(1)?)))?;
    Ok(counts.into_iter().collect())
}

/// How much somebody has asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequesterLoad {
    /// Changes created from a given time on, whatever has become of them.
    pub recent: u32,
    /// Changes that have not come to their end.
    pub open: u32,
}

/// Counts the changes that `requester` created: those from `since` on, and those that are open.
pub(crate) fn requester_load(
    db: &mut Database,
    requester: &ActorId,
    since: Timestamp,
) -> Result<RequesterLoad, StoreError> {
    let count = |states: &mut dyn Iterator<Item = StateName>, since: Option<Timestamp>, db: &mut Database| {
        let mut select = Select::new(db.dialect(), "SELECT COUNT(*) FROM change_row".to_owned());
        let of = select.param(requester.as_str());
        select.condition(format!("requester = {of}"));
        // All states are named, so that the index on requester, state and time serves.
        select.one_of("state", states.map(|state| state.as_str().to_owned()).collect());
        if let Some(since) = since {
            let since = select.param(micros(since));
            select.condition(format!("created_at >= {since}"));
        }
        let counts = select.run(db, |row| row.count(0))?;
        Ok::<_, StoreError>(
            counts.first().map_or(u32::MAX, |count| u32::try_from(*count).unwrap_or(u32::MAX)),
        )
    };
    let mut all = StateName::ALL.iter().copied();
    let recent = count(&mut all, Some(since), db)?;
    let mut open = StateName::ALL.iter().copied().filter(|state| !state.is_final());
    Ok(RequesterLoad { recent, open: count(&mut open, None, db)? })
}

/// The highest number that a change of the year has; 0 when it has none.
pub(crate) fn max_change_number(db: &mut Database, year: u16) -> Result<u32, StoreError> {
    const SQL: &str = "SELECT MAX(change_key) FROM change_row WHERE change_key >= $1 AND change_key < $2";
    max_number(db, SQL, year)
}

/// The highest number under a key of the year.
pub(crate) fn max_number(db: &mut Database, sql: &str, year: u16) -> Result<u32, StoreError> {
    let params = [Value::Int(year_begin(year)), Value::Int(year_begin(year + 1))];
    let key = db.query_one(sql, &params, |row| row.opt_int(0))?;
    key.map_or(Ok(0), number_of_key)
}

/// Every closed change, in the order of their ids.
pub(crate) fn closed_changes(db: &mut Database) -> Result<Vec<ClosedChange>, StoreError> {
    let sql = format!(
        "SELECT {CLOSED_CHANGE_COLUMNS} FROM change_row WHERE closed_at IS NOT NULL ORDER BY change_key"
    );
    db.query(&sql, &[], closed_change)
}
