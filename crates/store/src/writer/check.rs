//! Whether an append may be written: against what the database holds, and against what the same transaction has
//! already accepted from others.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use domain::Timestamp;

use crate::append::{AppendError, Guard, NewIdempotency, StoredResponse};
use crate::database::{Database, Row, Value, parse};
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::prepare::{PreparedAppend, PreparedStream, PreparedTimerOp};
use crate::sql::micros;
use crate::writer::head::LogHead;

/// What the appends of one transaction are checked against.
#[derive(Debug, Default)]
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
    /// Whether it has a row.
    pub(crate) is_stored: bool,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    token: u64,
    expires_at: Timestamp,
}

/// What a row of [`READ`] tells of, in its first column. The second one is its key.
mod part {
    pub(super) const HEAD: i64 = 0;
    pub(super) const STREAM: i64 = 1;
    pub(super) const RESPONSE: i64 = 2;
    pub(super) const TIMER: i64 = 3;
    pub(super) const LEASE: i64 = 4;
}

impl<'a> Checks<'a> {
    /// Takes the log for this transaction, and reads its end and everything that the appends mention: two statements,
    /// because the second must see what was committed before the first was through.
    pub(super) fn begin(
        db: &mut Database,
        appends: &[&'a PreparedAppend],
    ) -> Result<(LogHead, Self), StoreError> {
        db.begin_write_of_log()?;
        let mentioned = Mentioned::of(appends);
        let mut head = None;
        let mut checks = Self::default();
        db.for_each(&read_statement(db.dialect()), &mentioned.lists(), |row| {
            let key = |keys: &HashSet<&'a str>| Ok::<_, StoreError>(keys.get(row.text(1)?.as_str()).copied());
            match row.int(0)? {
                part::HEAD => head = Some(LogHead::of_row(row, 2)?),
                part::STREAM => {
                    let state = StreamState { version: row.count(3)?, last_at: row.int(5)?, is_stored: true };
                    checks.streams.extend(key(&mentioned.streams)?.map(|name| (name, state)));
                }
                part::RESPONSE => {
                    let response = stored_response(row, 2)?;
                    checks.responses.extend(key(&mentioned.responses)?.map(|id| (id, response)));
                }
                part::TIMER => checks.timers.extend(key(&mentioned.timers)?),
                part::LEASE => {
                    let lease = Lease { token: row.count(3)?, expires_at: row.time(5)? };
                    checks.leases.extend(key(&mentioned.leases)?.map(|resource| (resource, lease)));
                }
                other => return Err(StoreError::damaged(format!("a row of part {other}"))),
            }
            Ok(())
        })?;
        let head = head.ok_or_else(|| StoreError::damaged("log_head has no row"))?;
        checks.now = head.now();
        Ok((head, checks))
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
                let name = stream.stream.as_str();
                let is_stored = self.streams.get(name).is_some_and(|state| state.is_stored);
                let state =
                    StreamState { version: stream.new_version(), last_at: micros(last.at), is_stored };
                self.streams.insert(name, state);
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

/// The keys that the appends of one transaction mention.
#[derive(Debug, Default)]
struct Mentioned<'a> {
    streams: HashSet<&'a str>,
    responses: HashSet<&'a str>,
    timers: HashSet<&'a str>,
    leases: HashSet<&'a str>,
}

impl<'a> Mentioned<'a> {
    fn of(appends: &[&'a PreparedAppend]) -> Self {
        let mut mentioned = Self::default();
        for append in appends {
            mentioned.streams.extend(append.streams.iter().map(|stream| stream.stream.as_str()));
            for guard in &append.guards {
                match guard {
                    Guard::StreamVersion { stream, .. } => {
                        mentioned.streams.insert(stream.as_str());
                    }
                    Guard::Lease { resource, .. } => {
                        mentioned.leases.insert(resource.as_str());
                    }
                    Guard::Before { .. } => {}
                }
            }
            mentioned.responses.extend(append.idempotency.as_ref().map(|kept| kept.id.as_str()));
            mentioned.timers.extend(append.consume_timer.as_ref().map(|id| id.as_str()));
        }
        mentioned
    }

    /// The parameters of [`read_statement`].
    fn lists(&self) -> [Value<'a>; 4] {
        let list = |keys: &HashSet<&'a str>| Value::Texts(keys.iter().copied().map(Cow::from).collect());
        [list(&self.streams), list(&self.responses), list(&self.timers), list(&self.leases)]
    }
}

/// One statement for all tables: on PostgreSQL each costs a round trip, during which the log is taken.
fn read_statement(dialect: Dialect) -> String {
    const NO_BYTES: &str = "CAST(NULL AS BYTEA)";
    let found = |part: i64, table: &str, key: &str, columns: &str, placeholder: &str| {
        format!(
            " UNION ALL SELECT {part}, {key}, {columns}, 0 FROM {table} WHERE {}",
            dialect.any(key, placeholder)
        )
    };
    [
        format!(
            "SELECT CAST({} AS BIGINT), '', frontier, size, {NO_BYTES}, last_at, {} FROM log_head WHERE id = 1",
            part::HEAD,
            dialect.now_micros()
        ),
        found(part::STREAM, "stream", "name", &format!("{NO_BYTES}, version, {NO_BYTES}, last_at"), "$1"),
        found(part::RESPONSE, "idempotency", "id", RESPONSE_COLUMNS, "$2"),
        found(part::TIMER, "timer", "id", &format!("{NO_BYTES}, 0, {NO_BYTES}, 0"), "$3"),
        found(part::LEASE, "lease", "resource", &format!("{NO_BYTES}, token, {NO_BYTES}, expires_at"), "$4"),
    ]
    .concat()
}
