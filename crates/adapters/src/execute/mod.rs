//! Performs steps.
//!
//! To add a kind: its file here with `execute`, its arm in [`execute`], its variant in `domain::plan::StepKind`, and
//! its rows in `tests/it/execute.rs`: cancel, timeout, repeat, undo, undo twice.

mod check;
mod context;
mod excerpt;
pub(crate) mod flag;
mod group;
mod guardian;
mod http;
pub mod kubernetes;
mod manual;
mod process;
mod run;
mod sql;
pub(crate) mod traffic;
mod wait;

use std::time::{Duration, Instant};

use domain::plan::definition::STEP_TIMEOUT_SECONDS_MAX;
use domain::plan::observation::REASON_BYTES_MAX;
use domain::plan::{Failure, Hold, Outcome, StepKind};
use domain::text::FreeText;
use tokio_util::sync::CancellationToken;

pub use context::{ExecutionContext, GRACE_DEFAULT, UnfitCommand};
pub(crate) use excerpt::Excerpt;
pub use excerpt::LOG_BYTES_MAX;
pub use guardian::guardian_main;
pub(crate) use process::{Conclusion, run_to_end, signal_name};

/// What one attempt of a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// How it ended, or that it needs a person.
    pub result: Performed,
    /// How long it took, including the end of its processes.
    pub duration: Duration,
    /// What it printed or was answered: secrets masked, at most [`LOG_BYTES_MAX`] bytes of it and a note of what is
    /// missing.
    pub log: String,
}

/// What performing a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Performed {
    /// It was attempted. After `TimedOut` and `Cancelled` its processes are gone, and what it had done by then is
    /// unknown. Secrets in a reason are masked.
    Ended(Outcome),
    /// Only a person can do it. Nothing has been done.
    NeedsPerson {
        /// What to do.
        instructions: String,
    },
}

/// Result and log of one kind.
#[derive(Debug)]
struct Attempt {
    result: Performed,
    log: String,
}

impl Attempt {
    fn succeeded(log: String) -> Self {
        Self { result: Performed::Ended(Outcome::Succeeded), log }
    }

    fn failed(failure: Failure, log: String) -> Self {
        Self { result: Performed::Ended(Outcome::Failed { failure }), log }
    }
}

/// What was saved lies with the runner, which puts it back without coming here.
const RESTORE_ELSEWHERE: &str = "nothing was saved here that could be put back";

/// Work that takes its time in other places, ended when the step's time is over or it is cancelled. Nothing of it goes
/// on then, and what it had done by then is unknown.
async fn bounded<T>(
    time_limit: Duration,
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Failure::Cancelled),
        done = work => Ok(done),
        () = tokio::time::sleep(time_limit) => Err(Failure::TimedOut),
    }
}

/// A failure in words. The reason must be masked already.
fn other_failure(reason: &str) -> Failure {
    Failure::Other { reason: FreeText::excerpt(reason, REASON_BYTES_MAX) }
}

/// Performs one attempt of a step within `time_limit`. No process that it started is left when this returns or when
/// the returned future is dropped, except ones that left their process group on purpose.
pub async fn execute(
    kind: &StepKind,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Execution {
    let started = Instant::now();
    let time_limit = time_limit.min(Duration::from_secs(STEP_TIMEOUT_SECONDS_MAX));
    let Attempt { result, log } = match kind {
        StepKind::Run(command) => run::execute(command, time_limit, context, cancel).await,
        StepKind::Http(request) => http::execute(request, time_limit, context, cancel).await,
        StepKind::Wait { duration_millis } => {
            wait::execute(Duration::from_millis(*duration_millis), time_limit, cancel).await
        }
        StepKind::Check(check) => check::execute(check, time_limit, context, cancel).await,
        StepKind::Manual { instructions } | StepKind::Hold(Hold { instructions, .. }) => {
            manual::execute(instructions)
        }
        StepKind::Traffic(traffic) => traffic::execute(traffic, time_limit, context, cancel).await,
        StepKind::Flag(flag) => flag::execute(flag, time_limit, context, cancel).await,
        StepKind::Sql(sql) => sql::execute(sql, time_limit, context, cancel).await,
        StepKind::Kubernetes(step) => kubernetes::execute(step, time_limit, context, cancel).await,
        StepKind::Restore => Attempt::failed(other_failure(RESTORE_ELSEWHERE), String::new()),
        // Whoever runs the plan has the monitors, and watches.
        StepKind::Bake(_) => Attempt::failed(other_failure("a bake is watched, not executed"), String::new()),
    };
    Execution { result, duration: started.elapsed(), log }
}
