//! `run`: a program, which must end with status 0.

use std::time::Duration;

use domain::plan::Command;
use tokio_util::sync::CancellationToken;

use super::process::{Conclusion, run_to_end};
use super::{Attempt, ExecutionContext, LOG_BYTES_MAX, Outcome};

pub(super) async fn execute(
    command: &Command,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let finished = run_to_end(command, time_limit, context, cancel, LOG_BYTES_MAX).await;
    let outcome = match finished.conclusion {
        Conclusion::Exited(0) => Outcome::Succeeded,
        Conclusion::Exited(status) => {
            Outcome::Failed { reason: format!("ended with status {status}"), exit_status: Some(status) }
        }
        Conclusion::Signalled(signal) => {
            Outcome::Failed { reason: format!("ended by {signal}"), exit_status: None }
        }
        Conclusion::Unknown(reason) => Outcome::Failed { reason, exit_status: None },
        Conclusion::TimedOut => Outcome::TimedOut,
        Conclusion::Cancelled => Outcome::Cancelled,
    };
    Attempt { outcome, log: finished.log }
}
