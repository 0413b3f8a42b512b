//! The stream of everything that happens, resumed by itself after a break.

use std::collections::VecDeque;
use std::time::Duration;

use api::audit::LogEntry;
use futures_util::Stream;
use futures_util::stream::unfold;
use reqwest::header::HeaderValue;
use reqwest::{Response, StatusCode};

use crate::call::Client;
use crate::error::ClientError;
use crate::sse::{Parser, RawEvent, TooLong};

/// Longest silence of the server, which sends signs of life far more often.
pub const EVENTS_IDLE_MAX: Duration = Duration::from_secs(60);
/// Breaks in a row after which the stream ends with an error.
const RESUMES_MAX: u32 = 12;
/// Pause before the first resumption; each further pause is twice as long.
const RESUME_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause before a resumption.
const RESUME_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Which events to hear of. Everything may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only events of this stream, for example `change/CHG-2026-000001`.
    pub stream: Option<String>,
    /// Only events after this index of the log; only new ones when absent.
    pub after: Option<u64>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its index in the log.
    pub index: u64,
    /// Its type, for example `change.approved`.
    pub event_type: String,
    /// The log's entry.
    pub entry: LogEntry,
}

impl Client {
    /// Everything that happens from now on, or after an index, in the log's order and each event once. A break is
    /// resumed after the last event that was seen. The stream ends after its first error.
    pub fn events(
        &self,
        filter: EventFilter,
    ) -> impl Stream<Item = Result<Event, ClientError>> + Send + use<> {
        let listener = Listener {
            client: self.clone(),
            filter,
            connection: None,
            waiting: VecDeque::new(),
            breaks: 0,
            has_heard: false,
        };
        unfold(Some(listener), |listener| async {
            let mut listener = listener?;
            match listener.next().await {
                Ok(event) => Some((Ok(event), Some(listener))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// The state between two events.
#[derive(Debug)]
struct Listener {
    client: Client,
    /// `after` moves on with every event.
    filter: EventFilter,
    connection: Option<(Response, Parser)>,
    waiting: VecDeque<RawEvent>,
    /// Breaks since the last sign of life.
    breaks: u32,
    /// Whether there ever was a connection: before that an error is reported at once.
    has_heard: bool,
}

impl Listener {
    async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            while let Some(raw) = self.waiting.pop_front() {
                let event = self.parse(&raw)?;
                // What was sent again after a resumption is left out.
                if self.filter.after.is_none_or(|seen| event.index > seen) {
                    self.filter.after = Some(event.index);
                    return Ok(event);
                }
            }
            self.hear().await?;
        }
    }

    /// Connects, or reads the next piece.
    async fn hear(&mut self) -> Result<(), ClientError> {
        let Some((response, parser)) = &mut self.connection else {
            return self.connect().await;
        };
        match tokio::time::timeout(EVENTS_IDLE_MAX, response.chunk()).await {
            Ok(Ok(Some(piece))) => {
                self.breaks = 0;
                parser.push(&piece, &mut self.waiting).map_err(|TooLong| {
                    self.client.unexpected(StatusCode::OK, "an event longer than any of the log")
                })
            }
            Ok(Ok(None) | Err(_)) | Err(_) => {
                self.connection = None;
                self.breaks += 1;
                Ok(())
            }
        }
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        if self.breaks > RESUMES_MAX {
            return Err(self.client.unexpected(StatusCode::OK, "a stream that breaks off again and again"));
        }
        if let Some(doublings) = self.breaks.checked_sub(1) {
            tokio::time::sleep((RESUME_PAUSE * 2_u32.pow(doublings)).min(RESUME_PAUSE_MAX)).await;
        }
        let call = self.client.get(&["events"]).query("stream", self.filter.stream.as_deref());
        let call = match self.filter.after {
            Some(index) => call.header("last-event-id", "index", &index.to_string())?,
            None => call,
        };
        match call.open(HeaderValue::from_static("text/event-stream")).await {
            Ok(response) => {
                self.connection = Some((response, Parser::default()));
                self.has_heard = true;
                Ok(())
            }
            Err(error) if error.is_transient() && self.has_heard && self.breaks < RESUMES_MAX => {
                self.breaks += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn parse(&self, raw: &RawEvent) -> Result<Event, ClientError> {
        let unexpected =
            |what: &str| self.client.unexpected(StatusCode::OK, &format!("{what}: {}", raw.data));
        let index = raw.id.as_deref().and_then(|id| id.parse().ok());
        let index = index.ok_or_else(|| unexpected("an event without the log's index"))?;
        let entry = serde_json::from_str(&raw.data).map_err(|error| unexpected(&error.to_string()))?;
        Ok(Event { index, event_type: raw.kind.clone(), entry })
    }
}
