//! What lists and pages ask for: filters, orders and pages, all bounded.

mod change;
mod ci;
mod cursor;
mod incident;

pub use change::{ChangeFilter, ChangeOrder, ChangePage, ChangeQuery, ChangeSort, RequesterLoad};
pub use ci::{CiFilter, CiOrder, CiPage, CiQuery, CiSort};
pub use cursor::{CiCursor, Cursor};
pub use incident::{IncidentFilter, IncidentPage, IncidentQuery};

pub(crate) use change::{
    change, changes, closed_changes, count_changes_by_state, max_change_number, requester_load,
};
pub(crate) use ci::{ci, cis};
pub(crate) use incident::{incident, incidents, max_incident_number};

/// Most rows in one page of a list.
pub const PAGE_ROWS_MAX: usize = 500;
/// Most values in one filter, for example states.
pub const FILTER_VALUES_MAX: usize = 64;
