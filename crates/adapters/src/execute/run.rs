//! `run`: a program, which must end with status 0.

use std::time::Duration;

use domain::plan::{Command, Failure};
use tokio_util::sync::CancellationToken;

use super::process::{Conclusion, run_to_end};
use super::{Attempt, ExecutionContext, LOG_BYTES_MAX, other_failure};

pub(super) async fn execute(
    command: &Command,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let finished = run_to_end(command, time_limit, context, cancel, LOG_BYTES_MAX).await;
    let failure = match finished.conclusion {
        Conclusion::Exited(0) => return Attempt::succeeded(finished.log),
        Conclusion::Exited(status) => Failure::ExitStatus { status },
        Conclusion::Signalled(signal) => Failure::Signal { signal },
        Conclusion::Unknown(reason) => other_failure(&reason),
        Conclusion::TimedOut => Failure::TimedOut,
        Conclusion::Cancelled => Failure::Cancelled,
    };
    Attempt::failed(failure, finished.log)
}
