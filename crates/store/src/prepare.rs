//! What an append needs before it reaches the writer thread: limits checked, leaves completed and hashed. All of it runs
//! on the caller's side, so that the one writer only assigns indexes and talks to the database.

use audit::{Hash, PrivateText};
use domain::Timestamp;
use domain::id::ActorId;
use serde_json::Value;

use crate::append::{
    Append, AppendError, EVENT_BYTES_MAX, EVENTS_MAX, EventError, Guard, NewIdempotency, OutboxMessage,
    PARTS_MAX, PAYLOAD_BYTES_MAX, RESPONSE_BYTES_MAX, StreamAppend, Timer, TimerOp,
};
use crate::error::StoreError;
use crate::name::{IdempotencyKey, StreamName, TimerId};
use crate::new_event::{NewEvent, NotSealed, SealedEvent};
use crate::projection::ProjectionRow;
use crate::sql::micros;

/// Highest version that a caller may expect of a stream.
const VERSION_MAX: usize = 1 << 31;

/// An append that is ready to be written.
#[derive(Debug)]
pub(crate) struct PreparedAppend {
    pub(crate) streams: Vec<PreparedStream>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) projections: Vec<ProjectionRow>,
    pub(crate) timers: Vec<PreparedTimerOp>,
    pub(crate) consume_timer: Option<TimerId>,
    pub(crate) outbox: Vec<PreparedMessage>,
    pub(crate) idempotency: Option<PreparedIdempotency>,
    /// Number of bytes that it adds to a transaction, roughly.
    pub(crate) size_bytes: usize,
}

/// The events of one stream.
#[derive(Debug)]
pub(crate) struct PreparedStream {
    pub(crate) stream: StreamName,
    pub(crate) expected_version: u64,
    pub(crate) events: Vec<PreparedEvent>,
}

/// An event as it is stored.
#[derive(Debug)]
pub(crate) struct PreparedEvent {
    pub(crate) version: u64,
    pub(crate) at: Timestamp,
    pub(crate) leaf: Vec<u8>,
    pub(crate) leaf_hash: Hash,
    /// The texts beside the leaf, as JSON; none when there are none.
    pub(crate) private: Option<Vec<u8>>,
}

/// A change to the timers, the payload as text.
#[derive(Debug)]
pub(crate) enum PreparedTimerOp {
    Set { timer: Timer, payload: String },
    Cancel { id: TimerId },
}

/// A message, the payload as text.
#[derive(Debug)]
pub(crate) struct PreparedMessage {
    pub(crate) message: OutboxMessage,
    pub(crate) payload: String,
}

/// An answer to keep, under the key by which it is found.
#[derive(Debug)]
pub(crate) struct PreparedIdempotency {
    pub(crate) id: String,
    pub(crate) response: NewIdempotency,
}

impl PreparedAppend {
    /// Checks and hashes.
    pub(crate) fn new(append: Append) -> Result<Self, AppendError> {
        check_limits(&append)?;
        let mut size_bytes = append.projections.len() * size_of::<ProjectionRow>();
        let mut streams = Vec::with_capacity(append.streams.len());
        for stream in append.streams {
            if streams.iter().any(|earlier: &PreparedStream| earlier.stream == stream.stream) {
                return Err(AppendError::StreamTwice { stream: stream.stream });
            }
            streams.push(PreparedStream::new(stream)?);
        }
        let events = streams.iter().flat_map(|stream| &stream.events);
        size_bytes += events.map(PreparedEvent::size_bytes).sum::<usize>();
        let idempotency = append.idempotency.map(|response| {
            let id = idempotency_id(&response.actor, &response.key);
            PreparedIdempotency { id, response }
        });
        size_bytes += idempotency.as_ref().map_or(0, |kept| kept.response.body.len());
        let timers = append.timers.into_iter().map(PreparedTimerOp::new).collect::<Result<Vec<_>, _>>()?;
        let outbox = append.outbox.into_iter().map(PreparedMessage::new).collect::<Result<Vec<_>, _>>()?;
        size_bytes += outbox.iter().map(|message| message.payload.len()).sum::<usize>();
        Ok(Self {
            streams,
            guards: append.guards,
            projections: append.projections,
            timers,
            consume_timer: append.consume_timer,
            outbox,
            idempotency,
            size_bytes,
        })
    }
}

impl PreparedStream {
    fn new(append: StreamAppend) -> Result<Self, AppendError> {
        let StreamAppend { stream, expected_version, events } = append;
        let mut prepared: Vec<PreparedEvent> = Vec::with_capacity(events.len());
        for (version, event) in (expected_version + 1..).zip(events) {
            let event = PreparedEvent::new(event, &stream, version)?;
            if let Some(last) = prepared.last()
                && micros(event.at) < micros(last.at)
            {
                return Err(AppendError::ClockWentBack { stream, at: event.at, last: last.at });
            }
            prepared.push(event);
        }
        Ok(Self { stream, expected_version, events: prepared })
    }

    /// Version of the stream once the events are written.
    pub(crate) fn new_version(&self) -> u64 {
        self.expected_version + self.events.len() as u64
    }
}

impl PreparedEvent {
    fn new(event: NewEvent, stream: &StreamName, version: u64) -> Result<Self, AppendError> {
        let invalid = |source| AppendError::InvalidEvent { stream: stream.clone(), version, source };
        let SealedEvent { at, mut public, private, .. } =
            event.into_sealed().map_err(|error| match error {
                NotSealed::Invalid(source) => invalid(source),
                NotSealed::NoSalt(error) => StoreError::unavailable(error).into(),
            })?;
        public.insert("stream", stream.as_str()).map_err(|_| invalid(EventError::ReservedKey("stream")))?;
        public.insert("version", &version).map_err(|_| invalid(EventError::ReservedKey("version")))?;
        let leaf = public.into_vec();
        if leaf.len() > EVENT_BYTES_MAX {
            return Err(invalid(EventError::TooLarge { bytes: leaf.len() }));
        }
        Ok(Self { version, at, leaf_hash: Hash::leaf(&leaf), leaf, private })
    }

    fn size_bytes(&self) -> usize {
        self.leaf.len() + self.private.as_ref().map_or(0, Vec::len) + Hash::BYTES
    }
}

impl PreparedTimerOp {
    fn new(op: TimerOp) -> Result<Self, StoreError> {
        match op {
            TimerOp::Set(timer) => Ok(Self::Set { payload: payload_text(&timer.payload)?, timer }),
            TimerOp::Cancel { id } => Ok(Self::Cancel { id }),
        }
    }
}

impl PreparedMessage {
    fn new(message: OutboxMessage) -> Result<Self, StoreError> {
        Ok(Self { payload: payload_text(&message.payload)?, message })
    }
}

fn payload_text(payload: &Value) -> Result<String, StoreError> {
    let text = payload.to_string();
    check(&[("number of bytes of a payload", text.len(), PAYLOAD_BYTES_MAX)])?;
    Ok(text)
}

/// Texts as they are stored; nothing when there are none.
pub(crate) fn encode_private(texts: &[PrivateText]) -> Result<Option<Vec<u8>>, serde_json::Error> {
    if texts.is_empty() { Ok(None) } else { serde_json::to_vec(texts).map(Some) }
}

/// The key of a kept answer. Neither part can contain a blank, so no two pairs have the same key.
pub(crate) fn idempotency_id(actor: &ActorId, key: &IdempotencyKey) -> String {
    format!("{actor} {key}")
}

fn check_limits(append: &Append) -> Result<(), StoreError> {
    let events = append.streams.iter().map(|stream| stream.events.len()).sum();
    let version = append.streams.iter().map(|stream| stream.expected_version).max().unwrap_or(0);
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    let response_bytes = append.idempotency.as_ref().map_or(0, |response| response.body.len());
    check(&[
        ("number of events in an append", events, EVENTS_MAX),
        ("version of a stream", version, VERSION_MAX),
        ("number of streams in an append", append.streams.len(), PARTS_MAX),
        ("number of guards in an append", append.guards.len(), PARTS_MAX),
        ("number of projection rows in an append", append.projections.len(), PARTS_MAX),
        ("number of timers in an append", append.timers.len(), PARTS_MAX),
        ("number of messages in an append", append.outbox.len(), PARTS_MAX),
        ("number of bytes of an answer to keep", response_bytes, RESPONSE_BYTES_MAX),
    ])
}

/// Refuses the first count that is above its limit.
fn check(counts: &[(&'static str, usize, usize)]) -> Result<(), StoreError> {
    match counts.iter().find(|(_, found, limit)| found > limit) {
        None => Ok(()),
        Some((what, _, limit)) => Err(StoreError::TooMuch { what, limit: *limit }),
    }
}
