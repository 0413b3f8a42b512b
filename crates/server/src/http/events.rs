//! The stream of everything that happens, as server-sent events that can be resumed.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api::audit::LogEntry;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, Query};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::view;

/// Entries read at once.
const PAGE_EVENTS: usize = 200;
/// Time between signs of life on a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Streams that those may see who may read, but not audit.
const READABLE: [&str; 4] = ["change/", "incident/", "ci/", "cmdb"];

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(follow_events))
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// Only events of this stream, for example `change/CHG-2026-000001`.
    stream: Option<String>,
    /// Log index after which to begin; from now on when absent. `Last-Event-ID` goes before it.
    after: Option<u64>,
}

/// One subscription's place in the log.
struct Follower {
    app: SharedApp,
    caller: Caller,
    stream: Option<String>,
    next_index: u64,
    size: tokio::sync::watch::Receiver<u64>,
    waiting: std::collections::VecDeque<Event>,
    _seat: Seat,
}

/// A place among the subscribers, given back when dropped.
struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Follow everything that happens. Ids are log indexes; `Last-Event-ID` resumes after one.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventsQuery),
    responses((status = 200, description = "Server-sent events whose data are log entries", body = LogEntry,
        content_type = "text/event-stream")))]
async fn follow_events(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let follower = Follower::new(app, &caller, query, &headers).await?;
    let stream = futures_util::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Follower {
    async fn new(
        app: SharedApp,
        caller: &Caller,
        query: EventsQuery,
        headers: &HeaderMap,
    ) -> Result<Self, Failure> {
        let seats = app.metrics.subscribers();
        let taken = seats.fetch_add(1, Ordering::AcqRel);
        let seat = Seat(seats);
        if taken >= app.config.limits.event_subscribers {
            return Err(Failure::Overloaded("too many subscribers to the event stream"));
        }
        let size = app.store.subscribe();
        let resumed = match headers.get("last-event-id") {
            Some(value) => {
                Some(value.to_str().ok().and_then(|text| text.parse::<u64>().ok()).ok_or_else(|| {
                    api::FieldError::new("Last-Event-ID", "expected the index of a log entry, a whole number")
                })?)
            }
            None => query.after,
        };
        let next_index = match resumed {
            Some(index) => known_index(&app, index).await?.saturating_add(1),
            None => app.store.head().await?.size,
        };
        let waiting = std::collections::VecDeque::new();
        Ok(Self { app, caller: caller.clone(), stream: query.stream, next_index, size, waiting, _seat: seat })
    }

    /// The next event, waiting for it; nothing when the server shuts down.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            // Registered before the log is read, so that nothing that comes in between is missed.
            self.size.mark_unchanged();
            let events = match self.app.store.read_log(self.next_index, PAGE_EVENTS).await {
                Ok(events) => events,
                Err(error) => {
                    tracing::warn!(error = %error, "event stream ends");
                    return None;
                }
            };
            // A token that was revoked or has expired meanwhile sees nothing more.
            self.caller = self.caller.renewed(&self.app.known().directory, self.app.clock.now()).ok()?;
            if events.is_empty() {
                let shutdown = self.app.shutdown.clone();
                tokio::select! {
                    changed = self.size.changed() => changed.ok()?,
                    () = shutdown.cancelled() => return None,
                }
                continue;
            }
            let may_audit = ask::about(&self.app, &self.caller, Action::ReadAudit, &Resource::Log).is_ok();
            for event in events {
                self.next_index = event.index.saturating_add(1);
                if self.is_wanted(event.stream.as_str(), may_audit) {
                    self.waiting.extend(self.rendered(event));
                }
            }
        }
    }

    fn is_wanted(&self, stream: &str, may_audit: bool) -> bool {
        let is_asked_for = self.stream.as_deref().is_none_or(|wanted| wanted == stream);
        is_asked_for && (may_audit || READABLE.iter().any(|prefix| stream.starts_with(prefix)))
    }

    fn rendered(&self, stored: store::StoredEvent) -> Option<Event> {
        let entry = view::log_entry(&self.app.known(), stored, None);
        let event =
            Event::default().id(entry.entry.log_index.to_string()).event(entry.entry.event_type.clone());
        event.json_data(&entry).ok()
    }
}

/// An index to resume after, when the log has come that far. It has not when it was restored from a backup, and whoever
/// waits for it would never hear of what happened instead.
async fn known_index(app: &SharedApp, index: u64) -> Result<u64, Failure> {
    let size = app.store.head().await?.size;
    if index < size {
        return Ok(index);
    }
    let message = format!("the log ends before entry {index}, it has {size}: read anew and leave this out");
    Err(api::FieldError::new("Last-Event-ID", message).into())
}
