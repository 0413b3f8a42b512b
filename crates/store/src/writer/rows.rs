//! The rows that one transaction writes, gathered so that each table is written once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use audit::Hash;
use domain::Timestamp;
use domain::cmdb::SourceName;
use domain::id::{CiName, ServiceName};

use crate::append::Timer;
use crate::database::{Database, Inserts, Value};
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
    timers: Timers<'a>,
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

    /// Removes what is to go, and gives all rows to be inserted with the streams' new state.
    pub(crate) fn inserts(
        self,
        db: &mut Database,
        streams: impl Iterator<Item = (&'a str, StreamState)>,
    ) -> Result<Inserts<'a>, StoreError> {
        let mut inserts = Inserts::default();
        inserts.add(&EVENT, self.events);
        let (stored, new): (Vec<_>, Vec<_>) = streams.partition(|(_, state)| state.is_stored);
        let cells = |streams: Vec<(&'a str, StreamState)>| {
            let cells = streams
                .into_iter()
                .flat_map(|(name, state)| [name.into(), count(state.version).into(), state.last_at.into()]);
            cells.collect()
        };
        inserts.add(&STREAM, cells(stored));
        inserts.add_new(&STREAM, cells(new));
        inserts.add(&IDEMPOTENCY, self.responses);
        inserts.add(&OUTBOX, self.messages);
        remove_timers(db, &self.timers)?;
        inserts.add(&TIMER, timer_cells(&self.timers));
        self.projections.add_to(&mut inserts, db)?;
        Ok(inserts)
    }
}

/// Timers to be set, or with nothing to be removed.
type Timers<'a> = BTreeMap<&'a str, Option<(&'a Timer, &'a str)>>;

fn remove_timers(db: &mut Database, timers: &Timers<'_>) -> Result<(), StoreError> {
    let removed = timers.iter().filter(|(_, timer)| timer.is_none());
    let removed: Vec<Cow<'_, str>> = removed.map(|(id, _)| Cow::from(*id)).collect();
    if removed.is_empty() {
        return Ok(());
    }
    let sql = format!("DELETE FROM timer WHERE {}", db.dialect().any("id", "$1"));
    db.execute(&sql, &[Value::Texts(removed)]).map(|_| ())
}

fn timer_cells<'a>(timers: &Timers<'a>) -> Vec<Value<'a>> {
    let set = timers.values().filter_map(|timer| *timer);
    let cells = set.flat_map(|(timer, payload)| {
        [
            Value::from(timer.id.as_str()),
            timer.stream.as_str().into(),
            timer.kind.as_str().into(),
            micros(timer.due_at).into(),
            payload.into(),
        ]
    });
    cells.collect()
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

    /// Removes what is to go, and adds all rows.
    pub(crate) fn add_to(&self, inserts: &mut Inserts<'a>, db: &mut Database) -> Result<(), StoreError> {
        self.add_changes(inserts, db)?;
        inserts.add(&INCIDENT_ROW, self.incidents.values().flat_map(|row| row.cells()).collect());
        self.add_cis(inserts, db)
    }

    fn add_changes(&self, inserts: &mut Inserts<'a>, db: &mut Database) -> Result<(), StoreError> {
        let stored = self.stored_names(db)?;
        let names = |key: &i64| stored.get(key);
        let services = self.changes.iter().map(|(key, row)| Words {
            record: (*key).into(),
            old: names(key).map(|names| names.services.iter().map(ServiceName::as_str).collect()),
            new: row.services.iter().map(ServiceName::as_str).collect(),
        });
        inserts.add(&CHANGE_SERVICE, added_words(db, &CHANGE_SERVICE, services)?);
        let cis = self.changes.iter().map(|(key, row)| Words {
            record: (*key).into(),
            old: names(key).map(|names| names.cis.iter().map(CiName::as_str).collect()),
            new: row.cis.iter().map(CiName::as_str).collect(),
        });
        inserts.add(&CHANGE_CI, added_words(db, &CHANGE_CI, cis)?);
        let (older, new): (Vec<_>, Vec<_>) =
            self.changes.iter().partition(|(key, _)| self.older_changes.contains(key));
        inserts.add(&CHANGE_ROW, older.into_iter().flat_map(|(_, row)| row.cells()).collect());
        inserts.add_new(&CHANGE_ROW, new.into_iter().flat_map(|(_, row)| row.cells()).collect());
        Ok(())
    }

    fn add_cis(&self, inserts: &mut Inserts<'a>, db: &mut Database) -> Result<(), StoreError> {
        let stored = self.stored_sources(db)?;
        let sources = self.cis.iter().map(|(id, row)| Words {
            record: (*id).into(),
            old: stored.get(*id).map(|sources| sources.iter().map(SourceName::as_str).collect()),
            new: row.sources.iter().map(SourceName::as_str).collect(),
        });
        inserts.add(&CI_SOURCE, added_words(db, &CI_SOURCE, sources)?);
        inserts.add(&CI_ROW, self.cis.values().flat_map(|row| row.cells()).collect());
        Ok(())
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
struct Words<'s, 'a> {
    record: Value<'a>,
    old: Option<BTreeSet<&'s str>>,
    new: BTreeSet<&'a str>,
}

/// Removes the pairs of word and record that are to go, and gives those to be added. Most rows leave them alone.
fn added_words<'s, 'a>(
    db: &mut Database,
    table: &Table,
    records: impl Iterator<Item = Words<'s, 'a>>,
) -> Result<Vec<Value<'a>>, StoreError> {
    let mut added = Vec::new();
    let [(word, _), (record, _)] = table.columns else { return Ok(added) };
    let delete = format!("DELETE FROM {} WHERE {word} = $1 AND {record} = $2", table.name);
    for Words { record, old, new } in records {
        let old = old.unwrap_or_default();
        for word in old.iter().filter(|word| !new.contains(*word)) {
            db.execute(&delete, &[(*word).into(), record.clone()])?;
        }
        let missing = new.into_iter().filter(|word| !old.contains(word));
        added.extend(missing.flat_map(|word| [Value::from(word), record.clone()]));
    }
    Ok(added)
}
