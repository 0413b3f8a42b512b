//! What a runner is told: about its machine once, and for each run.

use std::path::PathBuf;
use std::time::Duration;

use adapters::execute::ExecutionContext;
use api::run::LEASE_GRACE_SECONDS;
use domain::canonical::Digest;
use tokio_util::sync::CancellationToken;

use crate::progress::Reporter;
use crate::waiting::Waiting;

/// Longest time between asking a step's processes to end and killing them. Half of the time that a lost lease leaves,
/// so that a step is gone before another runner may take over.
pub const GRACE_MAX: Duration = Duration::from_secs(LEASE_GRACE_SECONDS / 2);

/// What a runner needs to know about its machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Environment, working folder and limits of steps and probes.
    pub context: ExecutionContext,
    /// Where snapshots and baselines are kept, so that a runner started later on this machine can put things back.
    pub state_folder: PathBuf,
    /// Time between asking a step's processes to end and killing them; at most [`GRACE_MAX`] is used.
    pub grace: Duration,
}

/// How a change is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Digest of what the user was shown; another content is refused.
    pub digest: Option<Digest>,
    /// Commit of the working tree, where it has no local modifications.
    pub commit: Option<String>,
    /// Whether a failure or a breach is undone without asking.
    pub auto_rollback: bool,
    /// Whether the monitors are asked.
    pub monitor: bool,
    /// What a stop means.
    pub on_stop: OnStop,
    /// Cancelled by the caller to stop, for example after SIGTERM.
    pub stop: CancellationToken,
    /// Who is told how it goes.
    pub reporter: Reporter,
    /// Where it is counted while it waits for a person.
    pub waiting: Waiting,
}

/// What happens to a change whose runner is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStop {
    /// The running step is stopped and the lease is given back: another runner may take over.
    #[default]
    Release,
    /// Everything is taken back, then the runner ends.
    RollBack,
}

impl Default for Options {
    /// Monitors are asked, nothing is undone without asking, and nobody is told.
    fn default() -> Self {
        Self {
            digest: None,
            commit: None,
            auto_rollback: false,
            monitor: true,
            on_stop: OnStop::Release,
            stop: CancellationToken::new(),
            reporter: Reporter::silent(),
            waiting: Waiting::default(),
        }
    }
}
