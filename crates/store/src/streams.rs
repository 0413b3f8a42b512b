//! Events of many streams, read together: a start folds a million items without a query for each.

use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::event::{COLUMNS, LOG_PAGE_EVENTS_MAX, STREAMS_PAGE_MAX, StoredEvent, stored_event};
use crate::name::StreamName;
use crate::sql::{Select, count};

/// Which streams to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamSet {
    /// Those whose names begin with this text.
    WithPrefix(String),
    /// These, at most [`STREAMS_PAGE_MAX`].
    Named(Vec<StreamName>),
}

/// The event after which to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlace {
    /// Its stream.
    pub stream: StreamName,
    /// Its version.
    pub version: u64,
}

impl EventPlace {
    /// Where an event stands.
    pub fn of(event: &StoredEvent) -> Self {
        Self { stream: event.stream.clone(), version: event.version }
    }
}

/// Reads events of the streams, by stream and version.
pub(crate) fn read_streams(
    db: &mut Database,
    streams: &StreamSet,
    after: Option<&EventPlace>,
    limit: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    if limit > LOG_PAGE_EVENTS_MAX {
        return Err(StoreError::TooMuch { what: "number of events of a page", limit: LOG_PAGE_EVENTS_MAX });
    }
    let mut select = Select::new(db.dialect(), format!("SELECT {COLUMNS} FROM event"));
    match streams {
        StreamSet::WithPrefix(prefix) => {
            // After an event, its stream is where the range begins.
            if after.is_none() {
                let from = select.param(prefix.clone());
                select.condition(format!("stream >= {from}"));
            }
            // Names are visible ASCII, so the byte after `~` ends every prefix.
            let end = select.param(format!("{prefix}\u{7f}"));
            select.condition(format!("stream < {end}"));
        }
        StreamSet::Named(names) => {
            if names.len() > STREAMS_PAGE_MAX {
                return Err(StoreError::TooMuch {
                    what: "number of streams of a page",
                    limit: STREAMS_PAGE_MAX,
                });
            }
            // Those before the place are done with.
            let names = names.iter().filter(|name| after.is_none_or(|after| **name >= after.stream));
            let names: Vec<_> = names.map(|name| name.as_str().to_owned()).collect();
            if names.is_empty() {
                return Ok(Vec::new());
            }
            select.one_of("stream", names);
        }
    }
    if let Some(after) = after {
        let stream = select.param(after.stream.as_str().to_owned());
        let version = select.param(Value::Int(count(after.version)));
        select.condition(format!("(stream, version) > ({stream}, {version})"));
    }
    select.order_by("stream, version");
    select.limit(limit);
    select.run(db, stored_event)
}
