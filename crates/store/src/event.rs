//! Events read back: by stream, by position in the log, or as the bytes that the log proves.

use audit::{Hash, PrivateText};
use domain::Timestamp;
use serde_json::Value as Json;

use crate::database::{Database, Row, Value};
use crate::error::StoreError;
use crate::name::StreamName;
use crate::sql::{Select, count};

/// Most events in one page of the log.
pub const LOG_PAGE_EVENTS_MAX: usize = 1000;
/// Most events that a stream is read with at once.
pub const STREAM_EVENTS_MAX: usize = 100_000;
/// Most names in one page of streams.
pub const STREAMS_PAGE_MAX: usize = 1000;

/// The columns of an event, in the order in which [`stored_event`] reads them.
pub(crate) const COLUMNS: &str = "log_index, stream, version, recorded_at, leaf, private";

/// An event as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Position in the log, from 0.
    pub index: u64,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its version within the stream, from 1.
    pub version: u64,
    /// When it was recorded, by the database's clock.
    pub recorded_at: Timestamp,
    /// The body that was appended; a text that was erased is `{"$erased": "…"}`.
    pub body: Json,
}

/// What the log proves of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredLeaf {
    /// Position in the log, from 0.
    pub index: u64,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its version within the stream, from 1.
    pub version: u64,
    /// The bytes that the log covers.
    pub leaf: Vec<u8>,
    /// Their hash in the tree, as stored.
    pub leaf_hash: Hash,
    /// The texts that lie beside the log.
    pub private: Vec<PrivateText>,
}

/// A stream and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamVersion {
    /// The stream.
    pub stream: StreamName,
    /// Version of its last event.
    pub version: u64,
    /// Time of its last event.
    pub last_at: Timestamp,
}

/// Reads the events of a stream from a version on.
pub(crate) fn read_stream(
    db: &mut Database,
    stream: &StreamName,
    from_version: u64,
) -> Result<Vec<StoredEvent>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM event WHERE stream = $1 AND version >= $2 ORDER BY version LIMIT $3");
    let limit = STREAM_EVENTS_MAX + 1;
    let params = [stream.as_str().into(), count(from_version).into(), count(limit as u64).into()];
    let events = db.query(&sql, &params, stored_event)?;
    if events.len() > STREAM_EVENTS_MAX {
        return Err(StoreError::TooMuch { what: "number of events of a stream", limit: STREAM_EVENTS_MAX });
    }
    Ok(events)
}

/// Reads the last events of a stream, in order.
pub(crate) fn read_stream_end(
    db: &mut Database,
    stream: &StreamName,
    limit: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM event WHERE stream = $1 ORDER BY version DESC LIMIT $2");
    let params = [stream.as_str().into(), count(page_limit(limit)? as u64).into()];
    let mut events = db.query(&sql, &params, stored_event)?;
    events.reverse();
    Ok(events)
}

/// Reads events in log order.
pub(crate) fn read_log(
    db: &mut Database,
    from_index: u64,
    limit: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM event WHERE log_index >= $1 ORDER BY log_index LIMIT $2");
    let params = [count(from_index).into(), count(page_limit(limit)? as u64).into()];
    db.query(&sql, &params, stored_event)
}

fn page_limit(limit: usize) -> Result<usize, StoreError> {
    if limit <= LOG_PAGE_EVENTS_MAX {
        return Ok(limit);
    }
    Err(StoreError::TooMuch { what: "number of events of a page", limit: LOG_PAGE_EVENTS_MAX })
}

/// Reads what the log proves of one event.
pub(crate) fn event_leaf(db: &mut Database, index: u64) -> Result<Option<StoredLeaf>, StoreError> {
    Ok(leaves(db, index, 1)?.into_iter().find(|leaf| leaf.index == index))
}

/// Reads what the log proves of a run of events.
fn leaves(db: &mut Database, from_index: u64, limit: usize) -> Result<Vec<StoredLeaf>, StoreError> {
    let mut leaves = Vec::new();
    each_leaf(db, from_index, limit, |leaf| {
        let LeafRow { index, stream, version, leaf, leaf_hash, private } = leaf;
        leaves.push(StoredLeaf { index, stream, version, leaf: leaf.to_owned(), leaf_hash, private });
        Ok(())
    })?;
    Ok(leaves)
}

/// What the log proves of an event, the bytes where the database has them.
#[derive(Debug)]
pub(crate) struct LeafRow<'a> {
    pub(crate) index: u64,
    pub(crate) stream: StreamName,
    pub(crate) version: u64,
    pub(crate) leaf: &'a [u8],
    pub(crate) leaf_hash: Hash,
    pub(crate) private: Vec<PrivateText>,
}

/// Hands over what the log proves of a run of events.
pub(crate) fn each_leaf(
    db: &mut Database,
    from_index: u64,
    limit: usize,
    mut take: impl FnMut(LeafRow<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    const SQL: &str = "SELECT log_index, stream, version, leaf, leaf_hash, private FROM event \
        WHERE log_index >= $1 ORDER BY log_index LIMIT $2";
    let params = [count(from_index).into(), count(page_limit(limit)? as u64).into()];
    db.for_each(SQL, &params, |row| {
        let index = row.count(0)?;
        take(LeafRow {
            index,
            stream: row.parsed(1, "event.stream")?,
            version: row.count(2)?,
            leaf: row.bytes_ref(3)?,
            leaf_hash: row.hash(4)?,
            private: decode_private(index, row.opt_bytes(5)?)?,
        })
    })
}

/// Reads a stream's version.
pub(crate) fn stream_version(db: &mut Database, stream: &StreamName) -> Result<u64, StoreError> {
    const SQL: &str = "SELECT version FROM stream WHERE name = $1";
    Ok(db.query_opt(SQL, &[stream.as_str().into()], |row| row.count(0))?.unwrap_or(0))
}

/// Reads streams whose names begin with `prefix`, in the order of their names.
pub(crate) fn streams(
    db: &mut Database,
    prefix: &str,
    after: Option<&StreamName>,
    limit: usize,
) -> Result<Vec<StreamVersion>, StoreError> {
    if limit > STREAMS_PAGE_MAX {
        return Err(StoreError::TooMuch { what: "number of streams of a page", limit: STREAMS_PAGE_MAX });
    }
    let mut select = Select::new(db.dialect(), "SELECT name, version, last_at FROM stream".to_owned());
    let from = select.param(prefix.to_owned());
    select.condition(format!("name >= {from}"));
    // Names are visible ASCII, so the byte after `~` ends every prefix.
    let end = select.param(format!("{prefix}\u{7f}"));
    select.condition(format!("name < {end}"));
    if let Some(after) = after {
        let after = select.param(after.as_str().to_owned());
        select.condition(format!("name > {after}"));
    }
    select.order_by("name");
    select.limit(limit);
    select.run(db, |row| {
        Ok(StreamVersion {
            stream: row.parsed(0, "stream.name")?,
            version: row.count(1)?,
            last_at: row.time(2)?,
        })
    })
}

pub(crate) fn stored_event(row: &Row<'_>) -> Result<StoredEvent, StoreError> {
    let index = row.count(0)?;
    let stream: StreamName = row.parsed(1, "event.stream")?;
    let version = row.count(2)?;
    let damaged = |what: &str| StoreError::damaged(format!("entry {index}: {what}"));
    let leaf = serde_json::from_slice(&row.bytes(4)?).map_err(|error| damaged(&error.to_string()))?;
    let private = decode_private(index, row.opt_bytes(5)?)?;
    let body = audit::unseal(leaf, private).map_err(|error| damaged(&error.to_string()))?;
    let Json::Object(mut body) = body else {
        return Err(damaged("not an object"));
    };
    let (in_stream, at_version) = (body.remove("stream"), body.remove("version"));
    if in_stream != Some(Json::from(stream.as_str())) || at_version != Some(Json::from(version)) {
        return Err(damaged("its stream or version is not the one it is stored under"));
    }
    Ok(StoredEvent { index, stream, version, recorded_at: row.time(3)?, body: Json::Object(body) })
}

/// Reads the texts beside an entry.
pub(crate) fn decode_private(index: u64, stored: Option<Vec<u8>>) -> Result<Vec<PrivateText>, StoreError> {
    stored.map_or(Ok(Vec::new()), |bytes| {
        serde_json::from_slice(&bytes)
            .map_err(|error| StoreError::damaged(format!("entry {index}: texts beside it: {error}")))
    })
}

/// Removes texts from beside an event: all of them, or those at one place. Gives the number removed, or nothing when
/// there is no such event.
pub(crate) fn erase(
    db: &mut Database,
    stream: &StreamName,
    version: u64,
    pointer: Option<&str>,
) -> Result<Option<usize>, StoreError> {
    const SELECT: &str = "SELECT log_index, private FROM event WHERE stream = $1 AND version = $2";
    const UPDATE: &str = "UPDATE event SET private = $1 WHERE log_index = $2";
    let params = [stream.as_str().into(), count(version).into()];
    let Some((index, texts)) = db.query_opt(SELECT, &params, |row| {
        let index = row.count(0)?;
        Ok((index, decode_private(index, row.opt_bytes(1)?)?))
    })?
    else {
        return Ok(None);
    };
    let before = texts.len();
    let kept: Vec<PrivateText> =
        texts.into_iter().filter(|text| pointer.is_some_and(|pointer| text.pointer != pointer)).collect();
    let private = crate::prepare::encode_private(&kept).map_err(StoreError::refused)?;
    db.execute(UPDATE, &[private.into(), Value::Int(count(index))])?;
    Ok(Some(before - kept.len()))
}
