//! What a runner can be asked to do.

use std::path::PathBuf;
use std::time::Duration;

use adapters::snapshot::SnapshotStore;
use api::command::{Check, ReasonRequest};
use api::run::{Assignment, StartRequest};
use client::Client;
use domain::id::ChangeId;
use domain::plan::{Phase, Rehearsable};
use tokio::time::{Instant, sleep};

use crate::baseline;
use crate::drive::{drive, ended};
use crate::error::{Ended, RunnerError};
use crate::holder;
use crate::lease::Lease;
use crate::progress::Progress;
use crate::rehearsal::{Place, Rehearsed, rehearse};
use crate::session::{Machine, Session, is_conflict};
use crate::settings::{GRACE_MAX, Options, Settings};
use crate::soak::{Watched, soak};
use crate::stop::{limit_rollback, obey};
use crate::watch::watch;

/// Longest time a start is tried. A grant whose answer was lost ends by itself within this time.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Pause before a start is tried again.
const START_PAUSE: Duration = Duration::from_secs(1);
/// Attempts to give the lease back. It ends by itself too.
const RELEASE_ATTEMPTS: u32 = 3;
/// Pause before the lease is given back again.
const RELEASE_PAUSE: Duration = Duration::from_millis(200);

/// Carries out changes on this machine.
#[derive(Debug, Clone)]
pub struct Runner {
    client: Client,
    machine: Machine,
}

impl Runner {
    /// A runner that reports through `client`.
    ///
    /// # Errors
    /// When the state folder cannot be used.
    pub fn new(client: Client, settings: Settings) -> Result<Self, RunnerError> {
        let Settings { context, state_folder, grace } = settings;
        let snapshots = SnapshotStore::open(state_folder.clone()).map_err(RunnerError::State)?;
        let context = context.with_grace(grace.min(GRACE_MAX));
        Ok(Self { client, machine: Machine { context, snapshots, state_folder } })
    }

    /// The same, in another working folder.
    #[must_use]
    pub fn in_folder(&self, folder: PathBuf) -> Self {
        let context = self.machine.context.in_folder(folder);
        Self { client: self.client.clone(), machine: Machine { context, ..self.machine.clone() } }
    }

    /// Carries out a change's plan, or goes on with it where another runner was interrupted, until it has ended.
    ///
    /// # Errors
    /// When the change may not be run, is not what was shown, or the lease is lost.
    pub async fn implement(&self, change: ChangeId, options: &Options) -> Result<Ended, RunnerError> {
        let shown = self.client.assignment(&change.to_string()).await?;
        if shown.plan.is_none() {
            return Err(RunnerError::NoPlan);
        }
        self.run(change, &shown, options).await
    }

    /// Takes a change back: has the rollback begun where it has not, then carries it out.
    ///
    /// # Errors
    /// When the change was never started, may not be taken back, or the lease is lost.
    pub async fn roll_back(
        &self,
        change: ChangeId,
        reason: &str,
        options: &Options,
    ) -> Result<Ended, RunnerError> {
        let id = change.to_string();
        let shown = self.client.assignment(&id).await?;
        let Some(run) = shown.run.clone() else {
            return Err(RunnerError::NotStarted { state: shown.state });
        };
        if matches!(run.phase(), Phase::RolledBack) {
            return Ok(ended(&run));
        }
        if !run.is_rolling_back() {
            self.client.roll_back(&id, &ReasonRequest { reason: reason.to_owned() }).await?;
        }
        self.run(change, &shown, options).await
    }

    /// Carries a plan and its way back out somewhere else, and says what came of it. A stop ends what runs and takes back
    /// what was begun.
    ///
    /// # Errors
    /// When it could not be begun: a variable is missing, or what the steps declare cannot be saved.
    pub async fn rehearse(
        &self,
        what: &Rehearsable,
        place: &Place,
        options: &Options,
    ) -> Result<Rehearsed, RunnerError> {
        rehearse(what, place, &self.machine.context, &options.reporter, &options.stop).await
    }

    /// Watches a change's monitors for `duration`, or for the soak time of its plan, and says how each is. The checks
    /// are what a validation hands in.
    pub async fn soak_and_check(
        &self,
        change: ChangeId,
        assignment: &Assignment,
        duration: Option<Duration>,
        options: &Options,
    ) -> Vec<Check> {
        let planned = assignment.plan.as_ref().map_or(0, |plan| plan.soak_seconds);
        let baselines = baseline::kept(&self.machine.state_folder, change).await;
        let before = baseline::kept_latencies(&self.machine.state_folder, change).await;
        let watched = Watched {
            monitors: &assignment.monitors,
            conditions: &assignment.rollback_conditions,
            baselines: &baselines,
            before: &before,
        };
        let time = duration.unwrap_or(Duration::from_secs(planned));
        soak(&watched, time, &self.machine.context, &options.reporter, &options.stop).await
    }

    /// Removes what this machine keeps of a change that is over: it can no longer be put back afterwards.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn forget(&self, change: ChangeId) -> std::io::Result<()> {
        let folder = self.machine.state_folder.join(change.to_string());
        match tokio::fs::remove_dir_all(folder).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Takes the lease and works until the end. `shown` is what the caller decided upon.
    async fn run(
        &self,
        change: ChangeId,
        shown: &Assignment,
        options: &Options,
    ) -> Result<Ended, RunnerError> {
        let expected = options.digest.unwrap_or(shown.digest);
        if expected != shown.digest {
            return Err(RunnerError::OtherContent { expected, current: shown.digest });
        }
        let request = StartRequest {
            holder: holder::name().map_err(RunnerError::Holder)?,
            digest: expected,
            commit: options.commit.clone(),
            auto_rollback: options.auto_rollback,
        };
        let granted = self.start(&change.to_string(), &request, options).await?;
        let lease_seconds = granted.lease_seconds;
        if granted.digest != expected {
            return Err(RunnerError::OtherContent { expected, current: granted.digest });
        }
        let (machine, reporter) = (self.machine.clone(), options.reporter.clone());
        let client = self.client.clone();
        let session = Session::new(client, change, request.holder, granted, machine, reporter)?;
        let lease = Lease::confirmed(&session, lease_seconds).await?;
        session.reporter.tell(Progress::LeaseTaken {
            holder: session.holder.clone(),
            fencing_token: session.fencing_token,
        });
        let ended = tokio::select! {
            biased;
            ended = Box::pin(work(&session, options)) => ended,
            never = lease.keep(&session) => match never {},
        };
        let is_lost = matches!(ended, Err(RunnerError::Fenced { .. }) | Ok(Ended::Implemented));
        if !is_lost {
            release(&session).await;
        }
        if matches!(ended, Ok(Ended::RolledBack { .. })) {
            // Nothing is left to be put back, and saved files may hold secrets.
            if let Err(error) = self.forget(change).await {
                tracing::warn!(%error, %change, "what was saved before the change is left on this machine");
            }
        }
        ended
    }

    /// Asks for the lease. A grant whose answer was lost keeps everybody away, us too, until it ends by itself: that is
    /// waited for.
    async fn start(
        &self,
        id: &str,
        request: &StartRequest,
        options: &Options,
    ) -> Result<Assignment, RunnerError> {
        let began = Instant::now();
        let mut may_be_granted = false;
        loop {
            let error = match self.client.start(id, request).await {
                Ok(assignment) => return Ok(assignment),
                Err(error) => error,
            };
            // Also when something in between answered instead of the server.
            may_be_granted |= error.is_transient();
            let is_our_own_shadow = may_be_granted && is_conflict(&error);
            let is_worth_waiting = error.is_transient() || is_our_own_shadow;
            if !is_worth_waiting || began.elapsed() >= START_PATIENCE {
                return Err(error.into());
            }
            tokio::select! {
                () = sleep(START_PAUSE) => {}
                () = options.stop.cancelled() => return Err(error.into()),
            }
        }
    }
}

/// Everything that happens at the same time once the lease is ours; the plan says when it ends.
async fn work(session: &Session, options: &Options) -> Result<Ended, RunnerError> {
    let plan = async {
        // A plan that bakes cannot go on without what is watched.
        let is_watched = options.monitor || session.script.plan.bakes();
        if !is_watched || session.script.monitors.is_empty() {
            return drive(session, &options.waiting).await;
        }
        let baselines = baseline::obtain(session).await?;
        session.oven.know(&baselines);
        tokio::select! {
            biased;
            ended = drive(session, &options.waiting) => ended,
            never = watch(session, &baselines) => match never {},
        }
    };
    tokio::select! {
        biased;
        ended = plan => ended,
        never = obey(session, &options.stop, options.on_stop) => match never {},
        never = limit_rollback(session) => match never {},
    }
}

/// Gives the lease back, so that nobody has to wait for its end.
async fn release(session: &Session) {
    for _ in 0..RELEASE_ATTEMPTS {
        match session.client.release(&session.id, &session.lease()).await {
            Err(error) if error.is_transient() => sleep(RELEASE_PAUSE).await,
            // A refusal means that there is nothing to give back.
            Ok(_) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program may run several changes at once, on several threads.
    #[test]
    fn work_can_move_between_threads() {
        fn is_send<T: Send>(_: fn(&'static Runner, ChangeId, &'static Options) -> T) {}
        is_send(|runner, change, options| runner.implement(change, options));
        is_send(|runner, change, options| runner.roll_back(change, "x", options));
    }
}
