//! How a run ends, well or badly.

use adapters::snapshot::SnapshotError;
use client::ClientError;
use domain::canonical::Digest;
use domain::plan::{Cause, RunOutcome, Task};

use crate::workspaces::WorkspaceError;

/// How a runner's work on a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every step is done; the change waits for its validation.
    Implemented,
    /// Everything was taken back as far as the plan provides for it.
    RolledBack {
        /// Why.
        cause: Option<Cause>,
        /// What that came to.
        outcome: RunOutcome,
    },
    /// Not everything could be taken back.
    RollbackFailed {
        /// Why it was to be taken back.
        cause: Option<Cause>,
        /// What is left.
        outcome: RunOutcome,
    },
    /// The runner was asked to stop and gave the lease back: the change is interrupted.
    Released,
}

/// Work that could not be begun or brought to an end.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The server refuses or does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What would run is not what was shown or approved.
    #[error(
        "the content to run has the digest `{current}`, not `{expected}`: nothing further was started; read the change \
         again"
    )]
    OtherContent {
        /// What was shown, or what the run began with.
        expected: Digest,
        /// What the server gives now.
        current: Digest,
    },
    /// A change without a plan.
    #[error("the change has no implementation plan: add one before it is implemented")]
    NoPlan,
    /// A change that was never started.
    #[error("the change is {state} and was never started: there is nothing to take back")]
    NotStarted {
        /// Where the change is.
        state: String,
    },
    /// An answer that leaves out what a runner needs.
    #[error(
        "the server's answer about {change} has no {what}: check that server and runner have the same version"
    )]
    Incomplete {
        /// The change.
        change: String,
        /// What is missing.
        what: &'static str,
    },
    /// The lease ended. Whatever ran has been stopped.
    #[error(
        "the lease was lost: {reason}; every process of this runner was stopped, and another runner may take over"
    )]
    Fenced {
        /// What happened.
        reason: String,
    },
    /// A task that this runner did not start is recorded as running.
    #[error(
        "{task} is recorded as running, but not by this runner: wait until the change is interrupted, then take over"
    )]
    NotOurs {
        /// The task.
        task: Task,
    },
    /// The server does not accept a report, and nothing has happened that explains it.
    #[error("the server does not accept `{report}`")]
    Refused {
        /// The report, in a sentence.
        report: String,
        /// What it says.
        #[source]
        source: ClientError,
    },
    /// A change's own working copy cannot be had.
    #[error("there is no working copy of the approved commit")]
    Workspace(#[from] WorkspaceError),
    /// A change that may not start yet.
    #[error("{reason}")]
    Blocked {
        /// What stands before its start.
        reason: String,
    },
    /// A rehearsal that could not be begun or brought to its end.
    #[error("the rehearsal: {reason}")]
    Rehearsal {
        /// Why.
        reason: String,
    },
    /// The runner's own folder cannot be used.
    #[error("the runner's state cannot be kept")]
    State(#[source] SnapshotError),
    /// The operating system gives no random number.
    #[error("no name for this runner could be made")]
    Holder(#[source] getrandom::Error),
}
