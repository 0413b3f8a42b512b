//! Lists of incidents, the last one first.

use domain::id::{ChangeId, IncidentId};
use domain::incident::{IncidentState, Severity};

use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::projection::{IncidentRow, change_key, incident_key, incident_row};
use crate::query::Cursor;
use crate::query::change::{max_number, page_limit};
use crate::query::cursor::ListBinding;
use crate::sql::Select;
use crate::table::INCIDENT_ROW;

/// A page of incidents to read, the last opened first.
#[derive(Debug, Clone, Default)]
pub struct IncidentQuery {
    /// Which incidents.
    pub filter: IncidentFilter,
    /// After which row; from the beginning when left out.
    pub after: Option<Cursor>,
    /// How many at most; more than [`PAGE_ROWS_MAX`](crate::PAGE_ROWS_MAX) are refused, 0 means that many.
    pub limit: usize,
}

/// Which incidents a list shows.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// State; any when left out.
    pub state: Option<IncidentState>,
    /// Severity; any when left out.
    pub severity: Option<Severity>,
    /// The change that led to it; any when left out.
    pub change_id: Option<ChangeId>,
}

/// A page of incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentPage {
    /// The incidents.
    pub rows: Vec<IncidentRow>,
    /// Where the next page begins; none when this is the last one.
    pub next: Option<Cursor>,
}

/// Reads one page.
pub(crate) fn incidents(db: &mut Database, query: &IncidentQuery) -> Result<IncidentPage, StoreError> {
    let limit = page_limit(query.limit)?;
    let binding = ListBinding::of(&query.filter);
    let mut select =
        Select::new(db.dialect(), format!("SELECT {} FROM incident_row", INCIDENT_ROW.column_list()));
    if let Some(state) = query.filter.state {
        select.one_of("state", vec![state.as_str().to_owned()]);
    }
    if let Some(severity) = query.filter.severity {
        select.one_of("severity", vec![severity.as_str().to_owned()]);
    }
    if let Some(id) = query.filter.change_id {
        let id = select.param(change_key(id));
        select.condition(format!("change_key = {id}"));
    }
    if let Some(cursor) = query.after {
        let (_, row) = cursor.place(&binding)?;
        let row = select.param(row);
        select.condition(format!("incident_key < {row}"));
    }
    select.order_by("incident_key DESC");
    select.limit(limit + 1);
    let mut rows = select.run(db, incident_row)?;
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|row| Cursor::after(&binding, 0, incident_key(row.incident_id)))
    } else {
        None
    };
    Ok(IncidentPage { rows, next })
}

/// Reads one incident's row.
pub(crate) fn incident(db: &mut Database, id: IncidentId) -> Result<Option<IncidentRow>, StoreError> {
    let sql = format!("SELECT {} FROM incident_row WHERE incident_key = $1", INCIDENT_ROW.column_list());
    db.query_opt(&sql, &[Value::Int(incident_key(id))], incident_row)
}

/// The highest number that an incident of the year has; 0 when it has none.
pub(crate) fn max_incident_number(db: &mut Database, year: u16) -> Result<u32, StoreError> {
    const SQL: &str =
        "SELECT MAX(incident_key) FROM incident_row WHERE incident_key >= $1 AND incident_key < $2";
    max_number(db, SQL, year)
}
