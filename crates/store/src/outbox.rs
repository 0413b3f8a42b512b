//! Messages waiting to be delivered, at least once each.
//!
//! A worker claims messages for a while, delivers them and reports each one. A claim that is not reported runs out and
//! the message is claimed again; its stable id lets the receiver recognise the repetition. Claims are made under the
//! log's lock, so two workers never hold the same claim. A message that keeps failing becomes a dead letter, which
//! stays until somebody redelivers it.

use std::time::Duration;

use domain::Timestamp;
use serde_json::Value as Json;

use crate::database::{Database, Row};
use crate::error::StoreError;
use crate::name::MessageId;
use crate::sql::{count, micros};

/// How often a message is tried before it becomes a dead letter.
pub const DELIVERY_ATTEMPTS_MAX: u64 = 12;
/// Most messages claimed or listed at once.
pub const OUTBOX_PAGE_MAX: usize = 500;
/// Longest error text kept, in bytes.
const ERROR_BYTES_MAX: usize = 1000;

const COLUMNS: &str = "id, topic, payload, created_at, attempts, next_attempt_at, last_error";

/// A message in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    /// Stable identifier.
    pub id: MessageId,
    /// Which kind of delivery it needs, in the caller's words.
    pub topic: String,
    /// The message.
    pub payload: Json,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often it was claimed, this time included.
    pub attempts: u64,
    /// When it may be claimed again: for a claimed message, when the claim runs out.
    pub next_attempt_at: Timestamp,
    /// What went wrong the last time.
    pub last_error: Option<String>,
}

/// Claims due messages until `visibility` has passed, the longest due first.
pub(crate) fn claim(
    db: &mut Database,
    now: Timestamp,
    limit: usize,
    visibility: Duration,
) -> Result<Vec<OutboxEntry>, StoreError> {
    const BURY: &str = "UPDATE outbox SET dead_at = $1 \
        WHERE dead_at IS NULL AND next_attempt_at <= $2 AND attempts >= $3";
    let until = micros(now.saturating_add(visibility).unwrap_or(Timestamp::MAX));
    let now = micros(now);
    // A message whose worker died every time was never reported as failed.
    db.execute(BURY, &[now.into(), now.into(), count(DELIVERY_ATTEMPTS_MAX).into()])?;
    let sql = format!(
        "UPDATE outbox SET next_attempt_at = $1, attempts = attempts + 1 WHERE id IN (\
            SELECT id FROM outbox WHERE dead_at IS NULL AND next_attempt_at <= $2 \
            ORDER BY next_attempt_at, id LIMIT $3) RETURNING {COLUMNS}"
    );
    let limit = count(page_limit(limit)? as u64);
    let mut claimed = db.query(&sql, &[until.into(), now.into(), limit.into()], entry)?;
    claimed.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(claimed)
}

/// Removes a message that was delivered.
pub(crate) fn done(db: &mut Database, id: &MessageId) -> Result<(), StoreError> {
    db.execute("DELETE FROM outbox WHERE id = $1", &[id.as_str().into()])?;
    Ok(())
}

/// Notes a failed delivery: the message is due again at `next_at`, or dead after too many attempts.
pub(crate) fn retry(
    db: &mut Database,
    now: Timestamp,
    id: &MessageId,
    error: &str,
    next_at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE outbox SET last_error = $1, next_attempt_at = $2, \
        dead_at = CASE WHEN attempts >= $3 THEN $4 ELSE dead_at END WHERE id = $5";
    let error = bounded(error);
    let params = [
        error.into(),
        micros(next_at).into(),
        count(DELIVERY_ATTEMPTS_MAX).into(),
        micros(now).into(),
        id.as_str().into(),
    ];
    db.execute(SQL, &params)?;
    Ok(())
}

/// Lists messages that wait to be delivered, what is due first before.
pub(crate) fn waiting(db: &mut Database, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM outbox WHERE dead_at IS NULL ORDER BY next_attempt_at, id LIMIT $1");
    db.query(&sql, &[count(page_limit(limit)? as u64).into()], entry)
}

/// Lists dead letters, the oldest first.
pub(crate) fn dead(db: &mut Database, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE dead_at IS NOT NULL ORDER BY dead_at, id LIMIT $1");
    db.query(&sql, &[count(page_limit(limit)? as u64).into()], entry)
}

/// Gives a dead letter all its attempts again, from now on. Tells whether there was one.
pub(crate) fn redeliver(db: &mut Database, now: Timestamp, id: &MessageId) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE outbox SET dead_at = NULL, attempts = 0, next_attempt_at = $1 WHERE id = $2 AND dead_at IS NOT NULL";
    Ok(db.execute(SQL, &[micros(now).into(), id.as_str().into()])? > 0)
}

fn entry(row: &Row<'_>) -> Result<OutboxEntry, StoreError> {
    Ok(OutboxEntry {
        id: row.parsed(0, "outbox.id")?,
        topic: row.text(1)?,
        payload: row.parsed(2, "outbox.payload")?,
        created_at: row.time(3)?,
        attempts: row.count(4)?,
        next_attempt_at: row.time(5)?,
        last_error: row.opt_text(6)?,
    })
}

fn page_limit(limit: usize) -> Result<usize, StoreError> {
    if limit <= OUTBOX_PAGE_MAX {
        return Ok(limit);
    }
    Err(StoreError::TooMuch { what: "number of messages at once", limit: OUTBOX_PAGE_MAX })
}

fn bounded(error: &str) -> String {
    error.chars().filter(|c| !c.is_control()).take(ERROR_BYTES_MAX / size_of::<char>()).collect()
}
