//! Performs steps.
//!
//! To add a kind: its file here with `execute`, its arm in [`execute`], its variant in `domain::plan::StepKind`, and
//! its rows in `tests/it/execute.rs`: cancel, timeout, repeat, undo, undo twice.

mod check;
mod context;
mod excerpt;
mod group;
mod guardian;
mod http;
mod manual;
mod process;
mod run;
mod wait;

use std::time::{Duration, Instant};

use domain::plan::StepKind;
use domain::plan::definition::STEP_TIMEOUT_SECONDS_MAX;
use tokio_util::sync::CancellationToken;

pub use context::{ExecutionContext, GRACE_DEFAULT, UnfitCommand};
pub(crate) use excerpt::Excerpt;
pub use excerpt::LOG_BYTES_MAX;
pub use guardian::guardian_main;
pub(crate) use process::{Conclusion, run_to_end};

/// What one attempt of a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, including the end of its processes.
    pub duration: Duration,
    /// What it printed or was answered: secrets masked, at most [`LOG_BYTES_MAX`] bytes of it and a note of what is
    /// missing.
    pub log: String,
}

/// How an attempt of a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should.
    Succeeded,
    /// It did not. Secrets are masked.
    Failed {
        /// Why, in words.
        reason: String,
        /// The program's status, where a program ran and ended by itself.
        exit_status: Option<i32>,
    },
    /// Its time was over. Its processes are gone; what it had done by then is unknown.
    TimedOut,
    /// It was cancelled. Its processes are gone; what it had done by then is unknown.
    Cancelled,
    /// Only a person can do it. Nothing has been done.
    NeedsPerson {
        /// What to do.
        instructions: String,
    },
}

/// Outcome and log of one kind.
#[derive(Debug)]
struct Attempt {
    outcome: Outcome,
    log: String,
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
    let Attempt { outcome, log } = match kind {
        StepKind::Run(command) => run::execute(command, time_limit, context, cancel).await,
        StepKind::Http(request) => http::execute(request, time_limit, context, cancel).await,
        StepKind::Wait { duration_millis } => {
            wait::execute(Duration::from_millis(*duration_millis), time_limit, cancel).await
        }
        StepKind::Check(check) => check::execute(check, time_limit, context, cancel).await,
        StepKind::Manual { instructions } => manual::execute(instructions),
    };
    Execution { outcome, duration: started.elapsed(), log }
}
