//! Counters and timings in the Prometheus text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::change::{ChangeEvent, StateName, trail};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::record::Recorded;

/// Upper bounds of the timing buckets, in seconds.
const BUCKETS_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    action: &'static str,
}

/// Counters and timings of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Histogram,
    events: Family<Event, Counter>,
    subscribers: Arc<AtomicUsize>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("cortex_change");
        let requests = Family::default();
        let durations = Histogram::new(BUCKETS_SECONDS);
        let events = Family::default();
        registry.register("http_requests", "Requests by method, route and status", requests.clone());
        registry.register("http_request_duration_seconds", "Time to answer", durations.clone());
        registry.register("change_events", "Events of changes by action", events.clone());
        Self { registry, requests, durations, events, subscribers: Arc::default() }
    }
}

impl Metrics {
    /// Counts an answered request.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = Request { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.durations.observe(took.as_secs_f64());
    }

    /// Counts the events of a change that were committed with these log indexes.
    pub(crate) fn committed(&self, events: &[Recorded<ChangeEvent>], indexes: Range<u64>) {
        for recorded in events.iter().filter(|recorded| indexes.contains(&recorded.index)) {
            self.events.get_or_create(&Event { action: trail::action(&recorded.event) }).inc();
        }
    }

    /// Number of subscribers to the event stream.
    pub(crate) fn subscribers(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.subscribers)
    }

    /// Everything in the text format, with the gauges that the store tells.
    pub(crate) fn render(&self, states: &BTreeMap<StateName, u64>, log_size: u64) -> String {
        let mut text = String::new();
        for state in StateName::ALL {
            let count = states.get(state).copied().unwrap_or(0);
            // Writing to a String cannot fail.
            let _written = writeln!(text, "cortex_change_changes{{state=\"{state}\"}} {count}");
        }
        let _written = writeln!(text, "cortex_change_log_size {log_size}");
        let subscribers = self.subscribers.load(Ordering::Acquire);
        let _written = writeln!(text, "cortex_change_event_subscribers {subscribers}");
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("metrics could not be encoded");
        }
        text
    }
}
