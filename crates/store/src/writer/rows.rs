//! The rows that one transaction writes, gathered so that each table is written once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use audit::Hash;
use domain::Timestamp;
use domain::cmdb::SourceName;
use domain::id::{CiName, ServiceName};

use crate::append::Timer;
use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::name::StreamName;
use crate::prepare::{PreparedAppend, PreparedEvent, PreparedIdempotency, PreparedMessage, PreparedTimerOp};
use crate::projection::{ChangeRow, CiRow, IncidentRow, ProjectionRow, change_key, incident_key, parse_list};
use crate::sql::{count, micros};
use crate::table::{
    CHANGE_CI, CHANGE_ROW, CHANGE_SERVICE, CI_ROW, CI_SOURCE, EVENT, IDEMPOTENCY, INCIDENT_ROW, OUTBOX,
    STREAM, TIMER, Table,
};
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
    older_changes: BTreeSet<i64>,
    incidents: BTreeMap<i64, &'a IncidentRow>,
    cis: BTreeMap<&'a str, &'a CiRow>,
    /// Those of the items that may have a row already.
    older_cis: BTreeSet<&'a str>,
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
        let begun = begun(append);
        self.projections.add(&append.projections, |stream| begun.contains(stream.as_str()));
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

/// Names of the streams that begin with this append: no row can say anything of what they tell of.
fn begun(append: &PreparedAppend) -> HashSet<&str> {
    if append.projections.is_empty() {
        return HashSet::new();
    }
    let new = append.streams.iter().filter(|append| append.expected_version == 0);
    new.map(|append| append.stream.as_str()).collect()
}

impl<'a> Projections<'a> {
    /// Adds rows; `is_new` tells of a stream that it begins with them, so that there are no rows of it yet.
    pub(crate) fn add(
        &mut self,
        rows: impl IntoIterator<Item = &'a ProjectionRow>,
        is_new: impl Fn(&StreamName) -> bool,
    ) {
        for row in rows {
            match row {
                ProjectionRow::Change(row) => {
                    let key = change_key(row.change_id);
                    self.changes.insert(key, row);
                    if !is_new(&StreamName::change(row.change_id)) {
                        self.older_changes.insert(key);
                    }
                }
                ProjectionRow::Incident(row) => {
                    self.incidents.insert(incident_key(row.incident_id), row);
                }
                ProjectionRow::Ci(row) => {
                    self.cis.insert(row.id.as_str(), row);
                    if !is_new(&StreamName::ci(&row.id)) {
                        self.older_cis.insert(row.id.as_str());
                    }
                }
            }
        }
    }

    /// Writes the rows.
    pub(crate) fn write(&self, db: &mut Database) -> Result<(), StoreError> {
        self.write_changes(db)?;
        let incidents: Vec<Value<'_>> = self.incidents.values().flat_map(|row| row.cells()).collect();
        db.insert(&INCIDENT_ROW, &incidents)?;
        self.write_cis(db)
    }

    fn write_changes(&self, db: &mut Database) -> Result<(), StoreError> {
        let stored = self.stored_names(db)?;
        let names = |key: &i64| stored.get(key);
        let services = self.changes.iter().map(|(key, row)| Words {
            record: (*key).into(),
            old: names(key).map(|names| names.services.iter().map(ServiceName::as_str).collect()),
            new: row.services.iter().map(ServiceName::as_str).collect(),
        });
        write_words(db, &CHANGE_SERVICE, services)?;
        let cis = self.changes.iter().map(|(key, row)| Words {
            record: (*key).into(),
            old: names(key).map(|names| names.cis.iter().map(CiName::as_str).collect()),
            new: row.cis.iter().map(CiName::as_str).collect(),
        });
        write_words(db, &CHANGE_CI, cis)?;
        let changes: Vec<Value<'_>> = self.changes.values().flat_map(|row| row.cells()).collect();
        db.insert(&CHANGE_ROW, &changes)
    }

    fn write_cis(&self, db: &mut Database) -> Result<(), StoreError> {
        let stored = self.stored_sources(db)?;
        let sources = self.cis.iter().map(|(id, row)| Words {
            record: (*id).into(),
            old: stored.get(*id).map(|sources| sources.iter().map(SourceName::as_str).collect()),
            new: row.sources.iter().map(SourceName::as_str).collect(),
        });
        write_words(db, &CI_SOURCE, sources)?;
        let cis: Vec<Value<'_>> = self.cis.values().flat_map(|row| row.cells()).collect();
        db.insert(&CI_ROW, &cis)
    }

    fn stored_names(&self, db: &mut Database) -> Result<BTreeMap<i64, StoredNames>, StoreError> {
        if self.older_changes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys = Value::Ints(self.older_changes.iter().copied().collect());
        let any = db.dialect().any("change_key", "$1");
        let sql = format!("SELECT change_key, services, cis FROM change_row WHERE {any}");
        let stored = db.query(&sql, &[keys], |row| {
            let services = parse_list(&row.text(1)?, "change_row.services")?;
            Ok((row.int(0)?, StoredNames { services, cis: parse_list(&row.text(2)?, "change_row.cis")? }))
        })?;
        Ok(stored.into_iter().collect())
    }

    fn stored_sources(&self, db: &mut Database) -> Result<BTreeMap<String, Vec<SourceName>>, StoreError> {
        if self.older_cis.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids = Value::Texts(self.older_cis.iter().map(|id| Cow::from(*id)).collect());
        let sql = format!("SELECT id, sources FROM ci_row WHERE {}", db.dialect().any("id", "$1"));
        let stored =
            db.query(&sql, &[ids], |row| Ok((row.text(0)?, parse_list(&row.text(1)?, "ci_row.sources")?)))?;
        Ok(stored.into_iter().collect())
    }
}

/// What a stored change is listed under.
#[derive(Debug)]
struct StoredNames {
    services: Vec<ServiceName>,
    cis: Vec<CiName>,
}

/// The words under which a record is listed, as stored and as they are to be.
struct Words<'a> {
    record: Value<'a>,
    old: Option<BTreeSet<&'a str>>,
    new: BTreeSet<&'a str>,
}

/// Brings the pairs of word and record from the stored ones to the new ones. Most rows leave them alone.
fn write_words<'a>(
    db: &mut Database,
    table: &Table,
    records: impl Iterator<Item = Words<'a>>,
) -> Result<(), StoreError> {
    let [(word, _), (record, _)] = table.columns else { return Ok(()) };
    let delete = format!("DELETE FROM {} WHERE {word} = $1 AND {record} = $2", table.name);
    let mut added = Vec::new();
    for Words { record, old, new } in records {
        let old = old.unwrap_or_default();
        for word in old.difference(&new) {
            db.execute(&delete, &[(*word).into(), record.clone()])?;
        }
        added.extend(new.difference(&old).flat_map(|word| [Value::from(*word), record.clone()]));
    }
    db.insert(table, &added)
}
