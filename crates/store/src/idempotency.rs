//! Answers kept for repeated requests. They are written by appends; here they are read and, when old, removed.

use domain::Timestamp;
use domain::id::ActorId;

use crate::append::StoredResponse;
use crate::database::Database;
use crate::error::StoreError;
use crate::name::IdempotencyKey;
use crate::prepare::idempotency_id;
use crate::sql::micros;
use crate::writer::{RESPONSE_COLUMNS, stored_response};

/// Reads the answer kept under an actor's key.
pub(crate) fn read(
    db: &mut Database,
    actor: &ActorId,
    key: &IdempotencyKey,
) -> Result<Option<StoredResponse>, StoreError> {
    let sql = format!("SELECT {RESPONSE_COLUMNS} FROM idempotency WHERE id = $1");
    db.query_opt(&sql, &[idempotency_id(actor, key).into()], |row| stored_response(row, 0))
}

/// Removes answers stored before a time and tells how many.
pub(crate) fn prune(db: &mut Database, before: Timestamp) -> Result<u64, StoreError> {
    db.execute("DELETE FROM idempotency WHERE created_at < $1", &[micros(before).into()])
}
