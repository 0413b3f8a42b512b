//! Asks questions to the outside world and judges each answer.
//!
//! To add a source: its file here, its arm in [`probe`], its variant in `domain::plan::Probe`, its rows in the table
//! below and in `tests/it/metrics.rs`. Nothing is ever `pass` without an answer.
//!
//! [`Prometheus`] gives a number, which whoever asks compares with a threshold.
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
//! | any | cancelled while asking | inconclusive |

mod command;
mod http;
mod prometheus;

use std::fmt;
use std::time::Duration;

use domain::plan::Probe;
use domain::rollback::Verdict;
use tokio_util::sync::CancellationToken;

pub use prometheus::{Prometheus, PrometheusError, QUERY_BYTES_MAX};

use crate::execute::ExecutionContext;

/// Longest detail of a sample, in bytes.
pub const DETAIL_BYTES_MAX: usize = 2 * 1024;

/// One answer, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// What it means.
    pub verdict: Verdict,
    /// How long the answer took, where there was one, in microseconds.
    pub latency_micros: Option<u64>,
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
        Self { verdict, latency_micros: u64::try_from(latency.as_micros()).ok(), detail }
    }

    fn unanswered(verdict: Verdict, detail: String) -> Self {
        Self { verdict, latency_micros: None, detail }
    }

    fn cancelled() -> Self {
        Self::unanswered(Verdict::Inconclusive, "cancelled while asking".to_owned())
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
    match probe {
        Probe::Http { request, timeout_millis } => {
            let limit = limit.min(Duration::from_millis(*timeout_millis));
            http::probe(request, limit, context, cancel).await
        }
        Probe::Command { command, timeout_millis } => {
            let limit = limit.min(Duration::from_millis(*timeout_millis));
            command::probe(command, limit, context, cancel).await
        }
    }
}
