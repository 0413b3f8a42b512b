//! Timers that are due. A timer is removed by the append that consumes it, so it takes effect exactly once.

use domain::Timestamp;

use crate::append::Timer;
use crate::database::{Database, Row};
use crate::error::StoreError;
use crate::name::StreamName;
use crate::sql::{count, micros};

/// Most timers read at once.
pub const TIMERS_PAGE_MAX: usize = 500;

const COLUMNS: &str = "id, stream, kind, due_at, payload";

/// Reads the timers due at `now`, the longest due first.
pub(crate) fn due(db: &mut Database, now: Timestamp, limit: usize) -> Result<Vec<Timer>, StoreError> {
    if limit > TIMERS_PAGE_MAX {
        return Err(StoreError::TooMuch { what: "number of timers at once", limit: TIMERS_PAGE_MAX });
    }
    let sql = format!("SELECT {COLUMNS} FROM timer WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2");
    db.query(&sql, &[micros(now).into(), count(limit as u64).into()], timer)
}

/// Reads when the next timer is due.
pub(crate) fn next_due(db: &mut Database) -> Result<Option<Timestamp>, StoreError> {
    db.query_one("SELECT MIN(due_at) FROM timer", &[], |row| row.opt_time(0))
}

fn timer(row: &Row<'_>) -> Result<Timer, StoreError> {
    let stream: StreamName = row.parsed(1, "timer.stream")?;
    Ok(Timer {
        id: row.parsed(0, "timer.id")?,
        stream,
        kind: row.text(2)?,
        due_at: row.time(3)?,
        payload: row.parsed(4, "timer.payload")?,
    })
}
