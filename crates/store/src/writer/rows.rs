//! The rows that one transaction writes, gathered so that each table is written once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use audit::Hash;
use domain::Timestamp;
use domain::id::ServiceName;

use crate::append::Timer;
use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::name::StreamName;
use crate::prepare::{PreparedAppend, PreparedEvent, PreparedIdempotency, PreparedMessage, PreparedTimerOp};
use crate::projection::{ChangeRow, IncidentRow, ProjectionRow, change_key, incident_key, parse_services};
use crate::sql::{count, micros};
use crate::table::{CHANGE_ROW, CHANGE_SERVICE, EVENT, IDEMPOTENCY, INCIDENT_ROW, OUTBOX, STREAM, TIMER};
use crate::writer::check::StreamState;

/// Rows to be written. Where one key comes twice the last one counts, as it would row by row.
#[derive(Debug, Default)]
pub(crate) struct Rows<'a> {
    events: Vec<Value<'a>>,
    responses: Vec<Value<'a>>,
    messages: Vec<Value<'a>>,
    /// Timers to be set, or with nothing to be removed.
    timers: BTreeMap<&'a str, Option<(&'a Timer, &'a str)>>,
    projections: Projections<'a>,
}

/// Rows of the views.
#[derive(Debug, Default)]
pub(crate) struct Projections<'a> {
    changes: BTreeMap<i64, &'a ChangeRow>,
    /// Those of the changes that may have a row already.
    older: BTreeSet<i64>,
    incidents: BTreeMap<i64, &'a IncidentRow>,
}

impl<'a> Rows<'a> {
    /// Adds an event at its place in the log.
    pub(crate) fn add_event(
        &mut self,
        index: u64,
        stream: &'a str,
        event: &'a PreparedEvent,
        now: Timestamp,
    ) {
        let hash: &'a [u8; Hash::BYTES] = event.leaf_hash.as_bytes();
        self.events.extend([
            Value::Int(count(index)),
            stream.into(),
            count(event.version).into(),
            micros(now).into(),
            event.leaf.as_slice().into(),
            hash.as_slice().into(),
            event.private.as_deref().into(),
        ]);
    }

    /// Adds everything else that an append writes.
    pub(crate) fn add(&mut self, append: &'a PreparedAppend, now: Timestamp) {
        let now = micros(now);
        if let Some(PreparedIdempotency { id, response }) = &append.idempotency {
            self.responses.extend([
                Value::from(id.as_str()),
                response.request_digest.as_bytes().as_slice().into(),
                i64::from(response.status).into(),
                response.body.as_slice().into(),
                now.into(),
            ]);
        }
        for PreparedMessage { message, payload } in &append.outbox {
            self.messages.extend([
                Value::from(message.id.as_str()),
                message.topic.as_str().into(),
                payload.as_str().into(),
                now.into(),
                0.into(),
                micros(message.not_before).into(),
                Value::Null,
                Value::Null,
            ]);
        }
        if let Some(id) = &append.consume_timer {
            self.timers.insert(id.as_str(), None);
        }
        for op in &append.timers {
            match op {
                PreparedTimerOp::Set { timer, payload } => {
                    self.timers.insert(timer.id.as_str(), Some((timer, payload.as_str())))
                }
                PreparedTimerOp::Cancel { id } => self.timers.insert(id.as_str(), None),
            };
        }
        self.projections.add(&append.projections, |row| begins_with(append, row));
    }

    /// Writes all rows, and the streams' new state.
    pub(crate) fn write(
        &self,
        db: &mut Database,
        streams: impl Iterator<Item = (&'a str, StreamState)>,
    ) -> Result<(), StoreError> {
        db.insert(&EVENT, &self.events)?;
        let streams: Vec<Value<'_>> = streams
            .flat_map(|(name, state)| [name.into(), count(state.version).into(), state.last_at.into()])
            .collect();
        db.insert(&STREAM, &streams)?;
        db.insert(&IDEMPOTENCY, &self.responses)?;
        db.insert(&OUTBOX, &self.messages)?;
        self.write_timers(db)?;
        self.projections.write(db)
    }

    fn write_timers(&self, db: &mut Database) -> Result<(), StoreError> {
        let removed = self.timers.iter().filter(|(_, timer)| timer.is_none());
        let removed: Vec<Cow<'_, str>> = removed.map(|(id, _)| Cow::from(*id)).collect();
        if !removed.is_empty() {
            let sql = format!("DELETE FROM timer WHERE {}", db.dialect().any("id", "$1"));
            db.execute(&sql, &[Value::Texts(removed)])?;
        }
        let set = self.timers.values().filter_map(|timer| *timer);
        let cells: Vec<Value<'_>> = set
            .flat_map(|(timer, payload)| {
                [
                    Value::from(timer.id.as_str()),
                    timer.stream.as_str().into(),
                    timer.kind.as_str().into(),
                    micros(timer.due_at).into(),
                    payload.into(),
                ]
            })
            .collect();
        db.insert(&TIMER, &cells)
    }
}

/// Whether the change begins with this append: its stream is new, so no row can say anything of it.
fn begins_with(append: &PreparedAppend, row: &ChangeRow) -> bool {
    let stream = StreamName::change(row.change_id);
    append.streams.iter().any(|append| append.expected_version == 0 && append.stream == stream)
}

impl<'a> Projections<'a> {
    /// Adds rows; `is_new` tells of a change that it has no row yet.
    pub(crate) fn add(
        &mut self,
        rows: impl IntoIterator<Item = &'a ProjectionRow>,
        is_new: impl Fn(&ChangeRow) -> bool,
    ) {
        for row in rows {
            match row {
                ProjectionRow::Change(row) => {
                    let key = change_key(row.change_id);
                    self.changes.insert(key, row);
                    if !is_new(row) {
                        self.older.insert(key);
                    }
                }
                ProjectionRow::Incident(row) => {
                    self.incidents.insert(incident_key(row.incident_id), row);
                }
            }
        }
    }

    /// Writes the rows.
    pub(crate) fn write(&self, db: &mut Database) -> Result<(), StoreError> {
        self.write_services(db)?;
        let changes: Vec<Value<'_>> = self.changes.values().flat_map(|row| row.cells()).collect();
        db.insert(&CHANGE_ROW, &changes)?;
        let incidents: Vec<Value<'_>> = self.incidents.values().flat_map(|row| row.cells()).collect();
        db.insert(&INCIDENT_ROW, &incidents)
    }

    /// Brings the pairs of service and change from the rows still stored to the new ones. Most rows leave them alone.
    fn write_services(&self, db: &mut Database) -> Result<(), StoreError> {
        const DELETE: &str = "DELETE FROM change_service WHERE service = $1 AND change_key = $2";
        let stored = self.stored_services(db)?;
        let mut added = Vec::new();
        for (key, row) in &self.changes {
            let new: BTreeSet<&ServiceName> = row.services.iter().collect();
            let old: BTreeSet<&ServiceName> = stored.get(key).into_iter().flatten().collect();
            for service in old.difference(&new) {
                db.execute(DELETE, &[service.as_str().into(), (*key).into()])?;
            }
            added.extend(
                new.difference(&old).flat_map(|service| [Value::from(service.as_str()), (*key).into()]),
            );
        }
        db.insert(&CHANGE_SERVICE, &added)
    }

    fn stored_services(&self, db: &mut Database) -> Result<BTreeMap<i64, Vec<ServiceName>>, StoreError> {
        if self.older.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys = Value::Ints(self.older.iter().copied().collect());
        let any = db.dialect().any("change_key", "$1");
        let sql = format!("SELECT change_key, services FROM change_row WHERE {any}");
        let stored = db.query(&sql, &[keys], |row| Ok((row.int(0)?, parse_services(&row.text(1)?)?)))?;
        Ok(stored.into_iter().collect())
    }
}
