//! Asks by running a program.

use std::time::{Duration, Instant};

use domain::plan::Command;
use domain::rollback::Verdict;
use tokio_util::sync::CancellationToken;

use super::{DETAIL_BYTES_MAX, Sampled};
use crate::execute::{Conclusion, ExecutionContext, run_to_end, signal_name};

pub(super) async fn probe(
    command: &Command,
    limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Sampled {
    let started = Instant::now();
    let finished = run_to_end(command, limit, context, cancel, DETAIL_BYTES_MAX).await;
    let printed = finished.log.trim();
    let detail = |what: String| if printed.is_empty() { what } else { format!("{what}: {printed}") };
    match finished.conclusion {
        Conclusion::Exited(status) => {
            let verdict = if status == 0 { Verdict::Pass } else { Verdict::Fail };
            Sampled::answered(verdict, started.elapsed(), detail(format!("ended with status {status}")))
        }
        Conclusion::Signalled(signal) => {
            Sampled::unanswered(Verdict::Error, detail(format!("ended by {}", signal_name(signal))))
        }
        Conclusion::Unknown(reason) => Sampled::unanswered(Verdict::Error, reason),
        Conclusion::TimedOut => Sampled::unanswered(
            Verdict::Error,
            detail(format!("did not end within {} ms", limit.as_millis())),
        ),
        Conclusion::Cancelled => Sampled::cancelled(),
    }
}
