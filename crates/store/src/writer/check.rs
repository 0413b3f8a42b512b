//! Whether an append may be written: against what the database holds, and against what the same transaction has
//! already accepted from others.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use domain::Timestamp;

use crate::append::{AppendError, Guard, NewIdempotency, StoredResponse};
use crate::database::{Database, Row, Value, parse};
use crate::error::StoreError;
use crate::prepare::{PreparedAppend, PreparedStream, PreparedTimerOp};
use crate::sql::micros;

/// What the appends of one transaction are checked against.
#[derive(Debug)]
pub(crate) struct Checks<'a> {
    now: Timestamp,
    streams: HashMap<&'a str, StreamState>,
    /// Answers kept before.
    responses: HashMap<&'a str, StoredResponse>,
    /// Answers that this transaction keeps.
    answered: HashMap<&'a str, &'a NewIdempotency>,
    timers: HashSet<&'a str>,
    leases: HashMap<&'a str, Lease>,
    /// Streams that this transaction writes to, in the order of their table.
    written: BTreeSet<&'a str>,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamState {
    pub(crate) version: u64,
    pub(crate) last_at: i64,
}

#[derive(Debug)]
struct Lease {
    token: u64,
    expires_at: Timestamp,
}

impl<'a> Checks<'a> {
    /// Reads what the appends mention, with one statement per table.
    pub(crate) fn load(
        db: &mut Database,
        appends: &[&'a PreparedAppend],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let guards = || appends.iter().flat_map(|append| &append.guards);
        let streams = appends.iter().flat_map(|append| &append.streams).map(|stream| stream.stream.as_str());
        let guarded = guards().filter_map(|guard| match guard {
            Guard::StreamVersion { stream, .. } => Some(stream.as_str()),
            Guard::Lease { .. } | Guard::Before { .. } => None,
        });
        let leases = guards().filter_map(|guard| match guard {
            Guard::Lease { resource, .. } => Some(resource.as_str()),
            Guard::StreamVersion { .. } | Guard::Before { .. } => None,
        });
        let keys =
            appends.iter().filter_map(|append| append.idempotency.as_ref()).map(|kept| kept.id.as_str());
        let timers = appends.iter().filter_map(|append| append.consume_timer.as_ref()).map(|id| id.as_str());
        Ok(Self {
            now,
            streams: look_up(db, "stream", "name", "version, last_at", streams.chain(guarded), |row| {
                Ok(StreamState { version: row.count(1)?, last_at: row.int(2)? })
            })?,
            responses: look_up(db, "idempotency", "id", RESPONSE_COLUMNS, keys, |row| {
                stored_response(row, 1)
            })?,
            answered: HashMap::new(),
            timers: look_up(db, "timer", "id", "due_at", timers, |_| Ok(()))?.into_keys().collect(),
            leases: look_up(db, "lease", "resource", "token, expires_at", leases, |row| {
                Ok(Lease { token: row.count(1)?, expires_at: row.time(2)? })
            })?,
            written: BTreeSet::new(),
        })
    }

    /// Accepts an append, so that the following ones are checked against its effect, or refuses it without any.
    pub(crate) fn accept(&mut self, append: &'a PreparedAppend) -> Result<(), AppendError> {
        if let Some(response) = append.idempotency.as_ref().and_then(|kept| self.response(&kept.id)) {
            return Err(AppendError::IdempotentReplay(Box::new(response)));
        }
        if let Some(id) = &append.consume_timer
            && !self.timers.contains(id.as_str())
        {
            return Err(AppendError::TimerGone { id: id.clone() });
        }
        append.guards.iter().try_for_each(|guard| self.check_guard(guard))?;
        append.streams.iter().try_for_each(|stream| self.check_stream(stream))?;
        self.apply(append);
        Ok(())
    }

    /// The streams that were written to, with their new state.
    pub(crate) fn written_streams(&self) -> impl Iterator<Item = (&'a str, StreamState)> {
        self.written.iter().copied().filter_map(|name| Some((name, *self.streams.get(name)?)))
    }

    /// The answer that is kept under a key.
    fn response(&self, id: &str) -> Option<StoredResponse> {
        let answered = self.answered.get(id).map(|response| StoredResponse {
            request_digest: response.request_digest,
            status: response.status,
            body: response.body.clone(),
            created_at: self.now,
        });
        answered.or_else(|| self.responses.get(id).cloned())
    }

    fn check_guard(&self, guard: &Guard) -> Result<(), AppendError> {
        match guard {
            Guard::StreamVersion { stream, version } => {
                let actual = self.streams.get(stream.as_str()).map_or(0, |state| state.version);
                if actual == *version {
                    return Ok(());
                }
                Err(AppendError::VersionConflict { stream: stream.clone(), expected: *version, actual })
            }
            Guard::Lease { resource, token } => {
                let lease = self.leases.get(resource.as_str());
                if lease.is_some_and(|lease| lease.token == *token && lease.expires_at > self.now) {
                    return Ok(());
                }
                Err(AppendError::LeaseLost { resource: resource.clone(), token: *token })
            }
            Guard::Before { instant, clock } => {
                if clock.now() < *instant {
                    return Ok(());
                }
                Err(AppendError::TooLate { instant: *instant })
            }
        }
    }

    fn check_stream(&self, append: &PreparedStream) -> Result<(), AppendError> {
        let stream = &append.stream;
        let state = self.streams.get(stream.as_str());
        let actual = state.map_or(0, |state| state.version);
        if actual != append.expected_version {
            let expected = append.expected_version;
            return Err(AppendError::VersionConflict { stream: stream.clone(), expected, actual });
        }
        let (Some(state), Some(first)) = (state, append.events.first()) else {
            return Ok(());
        };
        if micros(first.at) >= state.last_at {
            return Ok(());
        }
        let last = Timestamp::from_microsecond(state.last_at).unwrap_or_default();
        Err(AppendError::ClockWentBack { stream: stream.clone(), at: first.at, last })
    }

    fn apply(&mut self, append: &'a PreparedAppend) {
        for stream in &append.streams {
            if let Some(last) = stream.events.last() {
                let state = StreamState { version: stream.new_version(), last_at: micros(last.at) };
                self.streams.insert(stream.stream.as_str(), state);
                self.written.insert(stream.stream.as_str());
            }
        }
        if let Some(kept) = &append.idempotency {
            self.answered.insert(&kept.id, &kept.response);
        }
        if let Some(id) = &append.consume_timer {
            self.timers.remove(id.as_str());
        }
        for op in &append.timers {
            match op {
                PreparedTimerOp::Set { timer, .. } => self.timers.insert(timer.id.as_str()),
                PreparedTimerOp::Cancel { id } => self.timers.remove(id.as_str()),
            };
        }
    }
}

/// The columns that [`stored_response`] reads.
pub(crate) const RESPONSE_COLUMNS: &str = "request_digest, status, body, created_at";

/// Reads a kept answer, whose columns begin at `first`.
pub(crate) fn stored_response(row: &Row<'_>, first: usize) -> Result<StoredResponse, StoreError> {
    let status = row.int(first + 1)?;
    Ok(StoredResponse {
        request_digest: parse(&row.hash(first)?.to_string(), "idempotency.request_digest")?,
        status: u16::try_from(status)
            .map_err(|_| StoreError::damaged(format!("idempotency.status {status}")))?,
        body: row.bytes(first + 2)?,
        created_at: row.time(first + 3)?,
    })
}

/// Reads the rows of a table whose `key` column has one of the values, by that value.
fn look_up<'k, T>(
    db: &mut Database,
    table: &str,
    key: &str,
    columns: &str,
    values: impl Iterator<Item = &'k str>,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<HashMap<&'k str, T>, StoreError> {
    let values: HashSet<&str> = values.collect();
    if values.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!("SELECT {key}, {columns} FROM {table} WHERE {}", db.dialect().any(key, "$1"));
    let list = Value::Texts(values.iter().copied().map(Cow::from).collect());
    let rows = db.query(&sql, &[list], |row| Ok((values.get(row.text(0)?.as_str()).copied(), read(row)?)))?;
    Ok(rows.into_iter().filter_map(|(value, found)| Some((value?, found))).collect())
}
