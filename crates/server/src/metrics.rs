//! Counters, timings and gauges in the OpenMetrics text format, which Prometheus reads.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Method;
use domain::Timestamp;
use domain::change::{ChangeEvent, StateName, trail};
use domain::cmdb::Cmdb;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use prediction::metrics::{Counted, Performance};

use crate::known::Known;
use crate::record::Recorded;

/// Upper bounds of the timing buckets, in seconds.
const BUCKETS_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WithStatus {
    status: &'static str,
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
    changes: Family<InState, Gauge>,
    runners: Family<WithStatus, Gauge>,
    log_size: Gauge,
    emergency_debt: Gauge,
    cmdb: CmdbGauges,
    predictions: PredictionGauges,
    listening: Gauge,
    subscribers: Arc<AtomicUsize>,
    policies: PolicyFigures,
}

/// Whether the folder of policies is in force.
#[derive(Debug, Default)]
struct PolicyFigures {
    refused: Counter,
    is_held: Gauge,
}

impl PolicyFigures {
    fn register(registry: &mut Registry) -> Self {
        let figures = Self::default();
        registry.register(
            "policy_reloads_refused",
            "Changes of the folder of policies that were not put in force because they are invalid",
            figures.refused.clone(),
        );
        registry.register(
            "policies_held",
            "Whether earlier policies are in force because the folder is invalid",
            figures.is_held.clone(),
        );
        figures
    }
}

/// How large the CMDB is.
#[derive(Debug, Default)]
struct CmdbGauges {
    items: Gauge,
    only_named: Gauge,
    relations: Gauge,
    memory: Gauge,
}

impl CmdbGauges {
    fn register(registry: &mut Registry) -> Self {
        let gauges = Self::default();
        let Self { items, only_named, relations, memory } = &gauges;
        registry.register("cmdb_items", "Configuration items that a source describes", items.clone());
        registry.register(
            "cmdb_items_only_named",
            "Items that are only named by relations",
            only_named.clone(),
        );
        registry.register("cmdb_relations", "Relations that sources state", relations.clone());
        registry.register("cmdb_memory_bytes", "Memory that the CMDB takes", memory.clone());
        gauges
    }

    fn set(&self, cmdb: &Cmdb) {
        let figures = [
            (&self.items, cmdb.len()),
            (&self.only_named, cmdb.only_named_count()),
            (&self.relations, cmdb.relations()),
            (&self.memory, cmdb.memory_bytes()),
        ];
        for (place, figure) in figures {
            place.set(i64::try_from(figure).unwrap_or(i64::MAX));
        }
    }
}

/// How predictions compare to the outcomes known since.
#[derive(Debug, Default)]
struct PredictionGauges {
    changes: Gauge,
    failures: Gauge,
    accuracy: Ratio,
    false_positives: Ratio,
    caught: Ratio,
    brier: Ratio,
    calibration_error: Ratio,
}

/// A figure that is no whole number; NaN of nothing.
type Ratio = Gauge<f64, AtomicU64>;

impl PredictionGauges {
    fn register(registry: &mut Registry) -> Self {
        let gauges = Self::default();
        let mut count = |name: &str, help: &str, gauge: &Gauge| registry.register(name, help, gauge.clone());
        count("prediction_changes", "Changes whose outcome was predicted and is known", &gauges.changes);
        count("prediction_failures", "Failures among them", &gauges.failures);
        let mut ratio = |name: &str, help: &str, gauge: &Ratio| registry.register(name, help, gauge.clone());
        ratio("prediction_accuracy_ratio", "Share judged rightly at 10 % probability", &gauges.accuracy);
        ratio(
            "prediction_false_positive_ratio",
            "Share of successes of 10 % probability and more",
            &gauges.false_positives,
        );
        ratio(
            "prediction_failures_caught_ratio",
            "Share of failures of 10 % probability and more",
            &gauges.caught,
        );
        ratio("prediction_brier_score", "Mean squared error of probabilities", &gauges.brier);
        ratio(
            "prediction_calibration_error",
            "Mean difference between predicted and observed share of failures",
            &gauges.calibration_error,
        );
        gauges
    }

    fn set(&self, told: &Performance) {
        self.changes.set(gauge(told.rows));
        self.failures.set(gauge(told.failures));
        let share = |counted: &Option<Counted>| counted.map_or(f64::NAN, |counted| counted.share.value);
        let of_any = |figure: f64| if told.rows > 0 { figure } else { f64::NAN };
        let figures = [
            (&self.accuracy, share(&told.accuracy)),
            (&self.false_positives, share(&told.false_positives)),
            (&self.caught, share(&told.caught)),
            (&self.brier, of_any(told.brier)),
            (&self.calibration_error, of_any(told.calibration_error)),
        ];
        for (place, figure) in figures {
            place.set(figure);
        }
    }
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
        let (changes, log_size, listening) = (Family::default(), Gauge::default(), Gauge::default());
        registry.register("changes", "Changes by state", changes.clone());
        let runners = Family::default();
        registry.register("runners", "Runners seen in the last day by status", runners.clone());
        registry.register("log_size", "Entries of the log", log_size.clone());
        registry.register("event_subscribers", "Subscribers to the event stream", listening.clone());
        let emergency_debt = Gauge::default();
        registry.register(
            "emergency_debt",
            "Emergency changes that were not reviewed in time, whose requesters ask for no further one",
            emergency_debt.clone(),
        );
        let cmdb = CmdbGauges::register(&mut registry);
        let predictions = PredictionGauges::register(&mut registry);
        let policies = PolicyFigures::register(&mut registry);
        Self {
            registry,
            requests,
            durations,
            events,
            changes,
            runners,
            log_size,
            emergency_debt,
            cmdb,
            predictions,
            listening,
            subscribers: Arc::default(),
            policies,
        }
    }
}

impl Metrics {
    /// Counts an answered request.
    pub(crate) fn answered(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let labels = Request { method: known_method(method), route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.durations.observe(took.as_secs_f64());
    }

    /// Counts the events of a change that were committed with these log indexes.
    pub(crate) fn committed(&self, events: &[Recorded<ChangeEvent>], indexes: Range<u64>) {
        for recorded in events.iter().filter(|recorded| indexes.contains(&recorded.index)) {
            self.events.get_or_create(&Event { action: trail::action(&recorded.event) }).inc();
        }
    }

    /// Counts a change of the folder of policies that is invalid.
    pub(crate) fn policies_held(&self) {
        self.policies.refused.inc();
    }

    /// Takes note of whether the folder of policies is not in force.
    pub(crate) fn policies_are_held(&self, is_held: bool) {
        self.policies.is_held.set(i64::from(is_held));
    }

    /// Takes note of how predictions did.
    pub(crate) fn predicted(&self, told: &Performance) {
        self.predictions.set(told);
    }

    /// Number of subscribers to the event stream.
    pub(crate) fn subscribers(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.subscribers)
    }

    /// Everything in the text format, with the figures that the store tells and what is known at `now`.
    ///
    /// # Errors
    /// When a figure cannot be written.
    pub(crate) fn render(
        &self,
        states: &BTreeMap<StateName, u64>,
        log_size: u64,
        known: &Known,
        now: Timestamp,
    ) -> Result<String, std::fmt::Error> {
        for state in StateName::ALL {
            let count = states.get(state).copied().unwrap_or(0);
            self.changes.get_or_create(&InState { state: state.as_str() }).set(gauge(count));
        }
        self.log_size.set(gauge(log_size));
        self.emergency_debt.set(i64::try_from(known.debts.overdue(now).count()).unwrap_or(i64::MAX));
        for (standing, count) in known.presence.count(now) {
            let labels = WithStatus { status: standing.as_str() };
            self.runners.get_or_create(&labels).set(gauge(count));
        }
        self.cmdb.set(&known.cmdb);
        let listening = u64::try_from(self.subscribers.load(Ordering::Acquire)).unwrap_or(u64::MAX);
        self.listening.set(gauge(listening));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The method, where it is a known one: callers can make up any number of others, and each would be counted for ever.
fn known_method(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
