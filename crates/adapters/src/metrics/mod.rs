//! Asks questions to the outside world and judges each answer.
//!
//! To add a source: its file here, its arm in [`Asker`], its variant in `domain::plan::Probe`, its rows in the table
//! below and in `tests/it/metrics.rs`. Nothing is ever `pass` without an answer.
//!
//! A Prometheus is asked for what has been counted since the question before, so a monitor keeps its [`Asker`].
//!
//! | source | what happened | verdict |
//! | --- | --- | --- |
//! | http | an answer with an expected status, in time | pass |
//! | http | an answer with another status, redirects included | fail |
//! | http | connection refused, closed or broken off, TLS refused | fail: the target is down |
//! | http | no complete answer in time | fail: the target is too slow |
//! | http | the name cannot be resolved in time, the policy refuses the target, the request cannot be sent | error |
//! | command | ended with status 0, in time | pass |
//! | command | ended with another status | fail |
//! | command | ended by a signal, could not be started, did not end in time | error |
//! | prometheus | a value within `expect`, of enough requests, from fresh data | pass |
//! | prometheus | a value beyond `expect` | fail |
//! | prometheus | no data, old data, no requests or too few, NaN or infinite, too few points of a range | inconclusive |
//! | prometheus | not reached, no answer in time, refused, a wrong query, several series, too much | error |
//! | alertmanager | no alert with these labels is active; and the watchdog is, where there is one | pass |
//! | alertmanager | an alert is active that is neither silenced nor inhibited | fail |
//! | alertmanager | the watchdog is not active | inconclusive |
//! | alertmanager | not reached, no answer in time, refused, another answer | error |
//! | findings | a finished scan without findings at or above `fail_on` | pass |
//! | findings | a finding at or above `fail_on` that is not suppressed | fail |
//! | findings | no file, or one that is older than `max_age` | inconclusive |
//! | findings | a file that cannot be read or shows no finished scan | error |
//! | any | cancelled while asking | inconclusive |

mod alertmanager;
mod command;
mod findings;
mod http;
mod prometheus;

use std::fmt;
use std::time::Duration;

use domain::plan::Probe;
use domain::plan::source::Source;
use domain::rollback::{Measured, Verdict};
use tokio_util::sync::CancellationToken;

pub use prometheus::{Prometheus, PrometheusError, QUERY_BYTES_MAX};

use crate::execute::{ExecutionContext, UnfitCommand};
use crate::mask::Masker;

/// Longest detail of a sample, in bytes.
pub const DETAIL_BYTES_MAX: usize = 2 * 1024;

/// Longest time that the file of a scanner is read.
const READING_MAX: Duration = Duration::from_secs(30);

/// One answer, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// What it means.
    pub verdict: Verdict,
    /// How long the answer took, or the latency that was asked for, where there was one, in microseconds.
    pub latency_micros: Option<u64>,
    /// What else was measured.
    pub measured: Option<Measured>,
    /// What was answered or why there was no answer, in words; secrets masked.
    pub detail: String,
}

impl fmt::Display for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verdict.fmt(f)?;
        if let Some(micros) = self.latency_micros {
            write!(f, " after {} ms", micros / 1000)?;
        }
        write!(f, ": {}", self.detail)
    }
}

impl Sampled {
    fn answered(verdict: Verdict, latency: Duration, detail: String) -> Self {
        Self { verdict, latency_micros: u64::try_from(latency.as_micros()).ok(), measured: None, detail }
    }

    fn unanswered(verdict: Verdict, detail: String) -> Self {
        Self { verdict, latency_micros: None, measured: None, detail }
    }

    fn cancelled() -> Self {
        Self::unanswered(Verdict::Inconclusive, "cancelled while asking".to_owned())
    }
}

/// A question that is asked again and again, and what is remembered between two answers.
#[derive(Debug)]
pub struct Asker {
    probe: Probe,
    counted: prometheus::Asked,
}

impl Asker {
    /// Asks this.
    pub fn new(probe: Probe) -> Self {
        Self { probe, counted: prometheus::Asked::default() }
    }

    /// Asks once more.
    pub async fn ask(&mut self, context: &ExecutionContext, cancel: &CancellationToken) -> Sampled {
        self.ask_within(Duration::MAX, context, cancel).await
    }

    /// Asks once more, waiting for the answer as long as the probe says but at most `limit`.
    async fn ask_within(
        &mut self,
        limit: Duration,
        context: &ExecutionContext,
        cancel: &CancellationToken,
    ) -> Sampled {
        let limit = match self.probe {
            Probe::Findings(_) => limit.min(READING_MAX),
            Probe::Http { .. } | Probe::Command { .. } | Probe::Prometheus(_) | Probe::Alertmanager(_) => {
                limit.min(Duration::from_millis(self.probe.timeout_millis()))
            }
        };
        let asked = async {
            match &self.probe {
                // These two watch for the cancellation themselves.
                Probe::Http { request, .. } => return http::probe(request, limit, context, cancel).await,
                Probe::Command { command, .. } => {
                    return command::probe(command, limit, context, cancel).await;
                }
                Probe::Prometheus(question) => self.counted.ask(question, limit, context).await,
                Probe::Alertmanager(question) => alertmanager::ask(question, limit, context).await,
                Probe::Findings(question) => findings::ask(question, context).await,
            }
        };
        match self.probe {
            Probe::Http { .. } | Probe::Command { .. } => asked.await,
            Probe::Prometheus(_) | Probe::Alertmanager(_) | Probe::Findings(_) => tokio::select! {
                biased;
                () = cancel.cancelled() => Sampled::cancelled(),
                sampled = tokio::time::timeout(limit, asked) => sampled.unwrap_or_else(|_elapsed| {
                    let detail = format!("no answer within {} ms", limit.as_millis());
                    Sampled::unanswered(Verdict::Error, detail)
                }),
            },
        }
    }
}

/// Asks a probe once.
pub async fn probe(probe: &Probe, context: &ExecutionContext, cancel: &CancellationToken) -> Sampled {
    probe_within(probe, Duration::MAX, context, cancel).await
}

/// Asks a probe once, waiting for the answer as long as the probe says but at most `limit`.
pub(crate) async fn probe_within(
    probe: &Probe,
    limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Sampled {
    Asker::new(probe.clone()).ask_within(limit, context, cancel).await
}

/// What is sent as `Authorization`, and who masks it.
fn authorization(
    source: &Source,
    context: &ExecutionContext,
) -> Result<(Option<String>, Masker), UnfitCommand> {
    let Some(credentials) = &source.credentials else { return Ok((None, context.masker().clone())) };
    let (value, secret) = context.authorization(credentials)?;
    let masker = context.masker().knowing([secret.as_str(), value.as_str()]);
    Ok((Some(value), masker))
}
