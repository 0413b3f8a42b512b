//! How healthy the system is: the last answer to each query of the settings.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use adapters::metrics::{Prometheus, QUERY_BYTES_MAX};
use adapters::outgoing::OutgoingPolicy;
use domain::Timestamp;
use domain::change::Line;
use domain::risk::{HealthReading, HealthState};
use jiff::SignedDuration;

use crate::config;

/// Most queries.
const SIGNALS_MAX: usize = 20;
/// An answer older than so many intervals is none.
const STALE_INTERVALS: u32 = 3;
/// The greatest value that is kept; a greater one is not known.
const VALUE_MAX: f64 = 1e12;

/// What is asked, and the last answers.
#[derive(Debug)]
pub(crate) struct Health {
    source: Option<Prometheus>,
    signals: Vec<Signal>,
    interval: Duration,
    timeout: Duration,
    asked: Mutex<Asked>,
}

#[derive(Debug)]
struct Signal {
    name: Line,
    query: String,
    healthy: Healthy,
}

/// Which values are healthy.
#[derive(Debug, Clone, Copy)]
enum Healthy {
    AtMost(f64),
    AtLeast(f64),
}

#[derive(Debug, Default)]
struct Asked {
    last: Option<Instant>,
    /// One for each signal, in their order; empty before the first round.
    answers: Vec<Answer>,
}

/// A value, or why there is none, and when that was heard.
#[derive(Debug, Clone)]
struct Answer {
    at: Timestamp,
    value: Result<f64, String>,
}

impl Health {
    /// What the settings ask for.
    ///
    /// # Errors
    /// When they make no sense; the text names the setting.
    pub(crate) fn new(settings: &config::Health) -> Result<Self, String> {
        if settings.signals.len() > SIGNALS_MAX {
            return Err(format!("`health.signals`: at most {SIGNALS_MAX} are accepted"));
        }
        let signal =
            |(at, signal)| Signal::new(signal).map_err(|why| format!("`health.signals[{at}]`: {why}"));
        let signals = settings.signals.iter().enumerate().map(signal).collect::<Result<Vec<_>, _>>()?;
        if settings.prometheus.is_none() && !signals.is_empty() {
            return Err("`health.prometheus`: give the address of the Prometheus that is asked".to_owned());
        }
        let policy = if settings.allow_private_network {
            OutgoingPolicy::with_private_networks()
        } else {
            OutgoingPolicy::strict()
        };
        let source = settings.prometheus.as_deref().map(|url| Prometheus::new(url, policy)).transpose();
        Ok(Self {
            source: source.map_err(|error| format!("`health.prometheus`: {error}"))?,
            signals,
            interval: Duration::from_secs(settings.interval_seconds),
            timeout: Duration::from_secs(settings.timeout_seconds),
            asked: Mutex::default(),
        })
    }

    /// Asks everything once when it is time to; `now` tells when an answer came.
    pub(crate) async fn ask(&self, now: impl Fn() -> Timestamp) {
        let Some(source) = self.source.as_ref().filter(|_| self.begins()) else { return };
        let mut answers = Vec::with_capacity(self.signals.len());
        for signal in &self.signals {
            let value = source.instant(&signal.query, self.timeout).await;
            let value = value.map_err(|error| error.to_string());
            if let Err(why) = &value {
                tracing::warn!(signal = %signal.name, %why, "the health of the system is not known");
            }
            answers.push(Answer { at: now(), value });
        }
        self.asked().answers = answers;
    }

    /// Whether a round begins now.
    fn begins(&self) -> bool {
        let mut asked = self.asked();
        let is_due = asked.last.is_none_or(|last| last.elapsed() >= self.interval);
        if is_due {
            asked.last = Some(Instant::now());
        }
        is_due && !self.signals.is_empty()
    }

    /// The last answer to each query, as of `now`.
    pub(crate) fn readings(&self, now: Timestamp) -> Vec<HealthReading> {
        let asked = self.asked();
        let signals = self.signals.iter().enumerate();
        signals.map(|(at, signal)| signal.reading(asked.answers.get(at), now, self.interval)).collect()
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signal {
    fn new(signal: &config::Signal) -> Result<Self, String> {
        let name = Line::new(signal.name.as_str()).map_err(|error| format!("`name`: {error}"))?;
        if signal.query.trim().is_empty() || signal.query.len() > QUERY_BYTES_MAX {
            return Err(format!("`query`: expected 1 to {QUERY_BYTES_MAX} bytes"));
        }
        let healthy = match (signal.healthy_at_most, signal.healthy_at_least) {
            (Some(most), None) if most.is_finite() => Healthy::AtMost(most),
            (None, Some(least)) if least.is_finite() => Healthy::AtLeast(least),
            _ => {
                return Err(
                    "expected one of `healthy_at_most` and `healthy_at_least`, a finite number".to_owned()
                );
            }
        };
        Ok(Self { name, query: signal.query.clone(), healthy })
    }

    fn reading(&self, answer: Option<&Answer>, now: Timestamp, interval: Duration) -> HealthReading {
        let unknown = |at, sentence: String| HealthReading {
            name: self.name.clone(),
            state: HealthState::Unknown,
            value_thousandths: None,
            at,
            sentence,
        };
        let Some(answer) = answer else { return unknown(None, "not asked yet".to_owned()) };
        let at = Some(answer.at);
        let fresh = SignedDuration::try_from(interval * STALE_INTERVALS).unwrap_or(SignedDuration::MAX);
        if now.duration_since(answer.at) > fresh {
            return unknown(at, format!("the last answer is older than {STALE_INTERVALS} intervals"));
        }
        match &answer.value {
            Err(why) => unknown(at, why.clone()),
            Ok(value) => match thousandths(*value) {
                None => unknown(at, format!("{value} is too great to be kept")),
                Some(thousandths) => HealthReading {
                    name: self.name.clone(),
                    state: self.healthy.judge(*value),
                    value_thousandths: Some(thousandths),
                    at,
                    sentence: format!("{value}, healthy is {}", self.healthy.sentence()),
                },
            },
        }
    }
}

impl Healthy {
    fn judge(self, value: f64) -> HealthState {
        let is_healthy = match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        };
        if is_healthy { HealthState::Healthy } else { HealthState::Unhealthy }
    }

    fn sentence(self) -> String {
        match self {
            Self::AtMost(most) => format!("at most {most}"),
            Self::AtLeast(least) => format!("at least {least}"),
        }
    }
}

fn thousandths(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to lie far within the range")]
    (value.abs() <= VALUE_MAX).then(|| (value * 1_000.0).round() as i64)
}
