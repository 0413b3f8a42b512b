//! What a runner tells the person or program in front of it.
//!
//! Updates go through a bounded channel and are never waited for: a terminal that is stopped must not keep a runner
//! from its heartbeats. What does not fit is counted and left out; everything that matters is on the server too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::plan::{Finding, MonitorAnswer, Outcome, Question, Task};
use domain::rollback::{Breach, Verdict};
use domain::{id::StepName, plan};
use tokio::sync::mpsc;

/// Most updates that wait to be read.
pub const PROGRESS_WAITING_MAX: usize = 1_024;

/// One update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The lease is ours.
    LeaseTaken {
        /// Who holds it.
        holder: String,
        /// Its token.
        fencing_token: u64,
    },
    /// Every monitor was asked before the first step.
    MonitorsAsked {
        /// One for each, in order.
        answers: Vec<MonitorAnswer>,
    },
    /// The time that a monitor's answers take before the change.
    Baseline {
        /// The monitor.
        monitor: StepName,
        /// The median in microseconds; nothing when too few answers passed, so that no multiple of it can be judged.
        latency_micros: Option<u64>,
    },
    /// The state before the change is saved.
    SnapshotTaken {
        /// Things saved.
        captures: usize,
    },
    /// The state before the change could not be saved.
    SnapshotFailed {
        /// Why.
        reason: String,
    },
    /// An attempt has begun.
    TaskStarted {
        /// The task.
        task: Task,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// An attempt has ended.
    TaskEnded {
        /// The task.
        task: Task,
        /// The attempt, from 1.
        attempt: u32,
        /// How.
        outcome: Outcome,
        /// How long it took.
        duration: Duration,
        /// What it wrote, shortened and with secrets masked; empty when nothing.
        log: String,
    },
    /// A task whose end nobody saw was looked at.
    UnknownChecked {
        /// The task.
        task: Task,
        /// The attempt, from 1.
        attempt: u32,
        /// What was found.
        finding: Finding,
    },
    /// A person must answer.
    Asked {
        /// What.
        question: Question,
        /// What to do, where the plan says so.
        instructions: Option<String>,
    },
    /// The run is in another phase.
    Phase {
        /// The phase in a word.
        phase: &'static str,
        /// Why, where it goes back.
        cause: Option<String>,
    },
    /// The run has come further.
    Advanced(plan::Progress),
    /// A monitor's answer means something else than its answer before.
    Monitor {
        /// The monitor.
        monitor: StepName,
        /// What it means now.
        verdict: Verdict,
        /// The answer, in words.
        detail: String,
    },
    /// A rollback condition is breached.
    Breached {
        /// Which, with figures.
        breach: Breach,
        /// What was done about it.
        response: Response,
    },
    /// Everything that was saved has been put back and compared.
    Restored {
        /// What is not as before, and why.
        differing: Vec<(String, String)>,
    },
    /// The server does not answer; work stops when the lease ends.
    Unreachable {
        /// Why.
        reason: String,
        /// Time until the lease ends.
        left: Duration,
    },
    /// The server answers again.
    Reachable,
    /// What was to happen on a stop could not be had; the lease is given back instead.
    StopRefused {
        /// Why.
        reason: String,
    },
    /// Updates that nobody read in time were left out.
    Skipped {
        /// How many.
        updates: u64,
    },
}

/// What a runner did about a breach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The change is taken back.
    RolledBack,
    /// No further step starts until somebody decides.
    Paused,
    /// Nothing: the run is over, paused or going back already.
    None,
    /// The server did not accept it.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Where updates go.
#[derive(Debug, Clone)]
pub struct Reporter {
    sender: Option<mpsc::Sender<Progress>>,
    skipped: Arc<AtomicU64>,
}

impl Reporter {
    /// A reporter, and where its updates are read.
    pub fn channel() -> (Self, mpsc::Receiver<Progress>) {
        let (sender, receiver) = mpsc::channel(PROGRESS_WAITING_MAX);
        (Self { sender: Some(sender), skipped: Arc::default() }, receiver)
    }

    /// A reporter to nobody.
    pub fn silent() -> Self {
        Self { sender: None, skipped: Arc::default() }
    }

    /// Hands an update over, or counts it when nobody reads.
    pub(crate) fn tell(&self, progress: Progress) {
        tracing::debug!(?progress, "progress");
        let Some(sender) = &self.sender else { return };
        let updates = self.skipped.load(Ordering::Relaxed);
        if updates > 0 {
            if sender.try_send(Progress::Skipped { updates }).is_err() {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            self.skipped.fetch_sub(updates, Ordering::Relaxed);
        }
        if sender.try_send(progress).is_err() {
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_counted_and_never_waited_for() {
        let (reporter, mut updates) = Reporter::channel();
        for _ in 0..PROGRESS_WAITING_MAX + 5 {
            reporter.tell(Progress::Reachable);
        }
        assert_eq!(updates.len(), PROGRESS_WAITING_MAX);
        for _ in 0..PROGRESS_WAITING_MAX {
            assert_eq!(updates.try_recv(), Ok(Progress::Reachable));
        }
        reporter.tell(Progress::Reachable);
        assert_eq!(updates.try_recv(), Ok(Progress::Skipped { updates: 5 }));
        assert_eq!(updates.try_recv(), Ok(Progress::Reachable));
        assert!(updates.try_recv().is_err());
    }
}
