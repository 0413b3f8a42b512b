//! `check`: asks a probe again and again until enough answers in a row pass, or the step's time is over.

use std::time::Duration;

use domain::plan::{Check, Failure};
use domain::rollback::Verdict;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Attempt, Excerpt, ExecutionContext};
use crate::metrics::probe_within;

/// Shortest pause between two questions, so that a plan that says 0 does not keep a processor busy.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

pub(super) async fn execute(
    check: &Check,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let deadline = Instant::now() + time_limit;
    let interval = Duration::from_millis(check.interval_millis).max(INTERVAL_MIN);
    let mut log = Excerpt::new(context.masker().clone());
    let mut passed_in_row = 0;
    let failure = loop {
        let rest = deadline.saturating_duration_since(Instant::now());
        let sampled = probe_within(&check.probe, rest, context, cancel).await;
        log.push_line(&sampled.to_string());
        passed_in_row = if sampled.verdict == Verdict::Pass { passed_in_row + 1 } else { 0 };
        if cancel.is_cancelled() {
            break Failure::Cancelled;
        }
        if passed_in_row >= check.successes.max(1) {
            return Attempt::succeeded(log.finish());
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => break Failure::Cancelled,
            () = sleep_until(deadline) => break Failure::TimedOut,
            () = sleep(interval) => {}
        }
    };
    Attempt::failed(failure, log.finish())
}
