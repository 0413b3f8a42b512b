//! What one append writes: everything in it is committed together, or nothing is.

use std::ops::Range;

use domain::Timestamp;
use domain::canonical::{Digest, NotCanonical};
use domain::id::ActorId;
use serde_json::Value;

use crate::error::StoreError;
use crate::name::{IdempotencyKey, MessageId, ResourceName, StreamName, TimerId};
use crate::new_event::NewEvent;
use crate::projection::ProjectionRow;

/// Most events in one append.
pub const EVENTS_MAX: usize = 1000;
/// Most streams, guards, projection rows, timer operations or messages in one append, each counted on its own.
pub const PARTS_MAX: usize = 1000;
/// Largest event in its stored form without free texts, in bytes.
pub const EVENT_BYTES_MAX: usize = audit::ENTRY_BYTES_MAX;
/// Most bytes of free texts in one event, with their places and salts.
pub const EVENT_TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest payload of a timer or message, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Largest response kept under an idempotency key, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// One transaction: events for several streams, and what must hold and change with them.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// The events, by stream. A stream appears at most once.
    pub streams: Vec<StreamAppend>,
    /// What must still hold when the events are written.
    pub guards: Vec<Guard>,
    /// The new rows of the views that lists are read from.
    pub projections: Vec<ProjectionRow>,
    /// Timers to set and to cancel.
    pub timers: Vec<TimerOp>,
    /// The timer whose firing this append is. It is refused when the timer has fired or was cancelled.
    pub consume_timer: Option<TimerId>,
    /// Messages to send once the events are durable.
    pub outbox: Vec<OutboxMessage>,
    /// The answer to keep for a repetition of the same request.
    pub idempotency: Option<NewIdempotency>,
}

/// Events for one stream.
#[derive(Debug, Clone)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamName,
    /// Version of the stream's last event as the caller knows it; 0 for a stream that does not exist yet.
    pub expected_version: u64,
    /// The events, in order. The first one gets version `expected_version + 1`.
    pub events: Vec<NewEvent>,
}

/// A condition that is checked in the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// A stream that was only read still has the version that was read.
    StreamVersion {
        /// The stream.
        stream: StreamName,
        /// Its version when it was read; 0 when it did not exist.
        version: u64,
    },
    /// A lease is still held: its token is the latest one and its time is not over.
    Lease {
        /// What the lease is held on.
        resource: ResourceName,
        /// The fencing token that the holder was given.
        token: u64,
    },
    /// An instant has not come yet, by the caller's clock, when the append is about to be written.
    Before {
        /// The instant.
        instant: Timestamp,
        /// The caller's clock.
        clock: GuardClock,
    },
}

/// The clock of whoever appends. It is asked by the writer, however long the append has waited for it.
#[derive(Clone)]
pub struct GuardClock(std::sync::Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl GuardClock {
    /// A clock that tells the time by `now`, which must not wait for anything.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(std::sync::Arc::new(now))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl std::fmt::Debug for GuardClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardClock").finish_non_exhaustive()
    }
}

impl Eq for GuardClock {}

impl PartialEq for GuardClock {
    fn eq(&self, other: &Self) -> bool {
        std::sync::Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A change to the timers.
#[derive(Debug, Clone, PartialEq)]
pub enum TimerOp {
    /// Sets a timer, or moves it when the id is already set.
    Set(Timer),
    /// Removes a timer. One that is not set is left alone.
    Cancel {
        /// The timer.
        id: TimerId,
    },
}

/// Something to happen at a time. It takes effect once: by an append that consumes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Timer {
    /// Identifier of the timer.
    pub id: TimerId,
    /// The stream that it is about.
    pub stream: StreamName,
    /// What is to happen, in the caller's words.
    pub kind: String,
    /// When.
    pub due_at: Timestamp,
    /// What the caller needs to know then.
    pub payload: Value,
}

/// A message to be delivered at least once.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxMessage {
    /// Stable identifier. A second message with the same id is dropped.
    pub id: MessageId,
    /// Which kind of delivery it needs, in the caller's words.
    pub topic: String,
    /// The message.
    pub payload: Value,
    /// Not to be delivered before this time.
    pub not_before: Timestamp,
}

/// The answer to a request, kept for its repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdempotency {
    /// Whose key it is: keys of different actors never meet.
    pub actor: ActorId,
    /// The request's key.
    pub key: IdempotencyKey,
    /// Digest of the request, to recognise the same key on another request.
    pub request_digest: Digest,
    /// Status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub body: Vec<u8>,
}

/// The answer that an earlier request with the same key was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// Digest of that request.
    pub request_digest: Digest,
    /// Status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub body: Vec<u8>,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// What was written. Once a caller has it, it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Log indexes of the events, in the order in which they were given. Empty for an append without events.
    pub indexes: Range<u64>,
    /// The streams' new versions, in the order in which they were given.
    pub versions: Vec<(StreamName, u64)>,
    /// When it was recorded, by the database's clock.
    pub at: Timestamp,
}

/// An append that was refused. Nothing of it was written, unless the error says that this is not known.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else was faster: read the stream again and decide again.
    #[error("stream `{stream}` is at version {actual}, not {expected}: read it again and repeat the request")]
    VersionConflict {
        /// The stream.
        stream: StreamName,
        /// The version that the caller knows.
        expected: u64,
        /// The version it has.
        actual: u64,
    },
    /// The event is older than the stream's last one.
    #[error(
        "event time {at} lies before {last}, the time of the last event of `{stream}`: set the clock and repeat the request"
    )]
    ClockWentBack {
        /// The stream.
        stream: StreamName,
        /// Time of the refused event.
        at: Timestamp,
        /// Time of the stream's last event.
        last: Timestamp,
    },
    /// The lease that the append relies on has expired, was released or was taken over.
    #[error(
        "lease on `{resource}` with token {token} is no longer held: stop, and acquire it again before going on"
    )]
    LeaseLost {
        /// What the lease was held on.
        resource: ResourceName,
        /// The token that is no longer valid.
        token: u64,
    },
    /// The instant has come before which the append had to be written.
    #[error("it is {instant} or later: what was decided before holds no more, decide it again")]
    TooLate {
        /// The instant.
        instant: Timestamp,
    },
    /// The timer has taken effect already or was cancelled.
    #[error("timer `{id}` has already fired or was cancelled")]
    TimerGone {
        /// The timer.
        id: TimerId,
    },
    /// The same actor has used the key before.
    #[error("idempotency key was used before: the earlier answer applies if the request is the same")]
    IdempotentReplay(Box<StoredResponse>),
    /// An event's body is not what the log accepts.
    #[error("event {version} of `{stream}` cannot be recorded")]
    InvalidEvent {
        /// The stream.
        stream: StreamName,
        /// The version the event would have had.
        version: u64,
        /// What is wrong with it.
        #[source]
        source: EventError,
    },
    /// The same stream appears twice in one append.
    #[error("stream `{stream}` appears twice in one append: put its events together")]
    StreamTwice {
        /// The stream.
        stream: StreamName,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A body that the log does not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not a JSON object.
    #[error("body is not an object")]
    NotAnObject,
    /// A key that the store writes itself.
    #[error("key `{0}` is written by the store: leave it out")]
    ReservedKey(&'static str),
    /// No time, or not one.
    #[error("key `at` is missing or not an RFC 3339 instant like `2026-01-31T12:00:00Z`")]
    At,
    /// Free texts that cannot be sealed.
    #[error(transparent)]
    Seal(#[from] audit::SealError),
    /// No canonical form, for example because of a number that is not finite.
    #[error(transparent)]
    NotCanonical(NotCanonical),
    /// Too many or too long free texts.
    #[error("event has {bytes} bytes of free texts: at most {EVENT_TEXT_BYTES_MAX} are accepted")]
    TextTooLarge {
        /// Size in bytes.
        bytes: usize,
    },
    /// Too large.
    #[error("event has {bytes} bytes without its free texts: at most {EVENT_BYTES_MAX} are accepted")]
    TooLarge {
        /// Size in bytes.
        bytes: usize,
    },
}
