//! One change held by this runner: what everybody who works on it knows and shares.
//!
//! The server's newest answer wins. Answers arrive from reports, heartbeats and questions; each carries the change's
//! version, so an older one that arrives late is left out. Who waits for something waits for the newest answer to say
//! so.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use adapters::execute::ExecutionContext;
use adapters::snapshot::SnapshotStore;
use api::run::{Assignment, FinishRequest, ProgressRequest};
use client::{Client, ClientError};
use domain::canary::arming::standing;
use domain::canary::{Arming, Calibrated};
use domain::canonical::Digest;
use domain::id::ChangeId;
use domain::plan::{Action, Monitor, Observation, Plan, RollbackPlan, Run};
use domain::rollback::RollbackConditions;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::bake::Oven;
use crate::error::RunnerError;
use crate::progress::{Progress, Reporter};
use crate::samples::Samples;

/// Pause before a report is sent again, besides those that the client makes.
const REPORT_PAUSE: Duration = Duration::from_millis(500);
/// Longest time a report is tried while heartbeats succeed: a server that cannot record is no server to work for.
const REPORT_PATIENCE: Duration = Duration::from_secs(120);
/// The rule by which a server refuses a runner whose lease is not the current one.
const LEASE_RULE: &str = "lease";
/// The status of a request that does not fit the present state.
const CONFLICT_STATUS: u16 = 409;

/// What is to be carried out. The same from the first answer to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) digest: Digest,
    pub(crate) plan: Plan,
    pub(crate) rollback_plan: Option<RollbackPlan>,
    pub(crate) monitors: Vec<Monitor>,
    pub(crate) conditions: RollbackConditions,
    /// What is known of the versions that are compared.
    pub(crate) calibration: Option<Calibrated>,
    /// Whether a comparison takes the change back by itself; nothing where nothing is compared.
    pub(crate) arming: Option<Arming>,
}

impl Script {
    pub(crate) fn of(assignment: &Assignment) -> Result<Self, RunnerError> {
        let plan = assignment.plan.clone().ok_or(RunnerError::NoPlan)?;
        // What the plan does not name is not what was approved.
        let is_named = |calibration: &&Calibrated| {
            let id = calibration.id().ok();
            id.is_some() && plan.analyses().any(|(_, analysis)| analysis.calibration == id)
        };
        let calibration = assignment.calibration.as_ref().filter(is_named).cloned();
        Ok(Self {
            digest: assignment.digest,
            arming: standing(&plan, &assignment.monitors, calibration.as_ref()),
            calibration,
            plan,
            rollback_plan: assignment.rollback_plan.clone(),
            monitors: assignment.monitors.clone(),
            conditions: assignment.rollback_conditions.clone(),
        })
    }

    pub(crate) fn next_action(&self, run: &Run) -> Action {
        run.next_action(&self.plan, self.rollback_plan.as_ref())
    }

    /// Whether an answer is still about the same content.
    fn agrees_with(&self, assignment: &Assignment) -> bool {
        self.digest == assignment.digest
            && Some(&self.plan) == assignment.plan.as_ref()
            && self.rollback_plan == assignment.rollback_plan
    }
}

/// The newest that is known of the run.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) version: u64,
    pub(crate) run: Run,
}

/// Whether a report changed what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reported {
    /// It is on record.
    Recorded,
    /// Something else had happened before, so that it does not fit any more: decide again.
    Overtaken,
}

/// The machine's part of a session.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) context: ExecutionContext,
    pub(crate) snapshots: SnapshotStore,
    pub(crate) state_folder: std::path::PathBuf,
}

/// A change held by this runner.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) change: ChangeId,
    /// The change's identifier as it is sent.
    pub(crate) id: String,
    pub(crate) holder: String,
    pub(crate) fencing_token: u64,
    pub(crate) script: Script,
    pub(crate) machine: Machine,
    pub(crate) reporter: Reporter,
    pub(crate) samples: Samples,
    pub(crate) oven: Oven,
    view: watch::Sender<View>,
    /// Nothing may be done any more, not even a report.
    halt: CancellationToken,
    /// Nothing may be begun any more and what runs is stopped: a halt, or a stop on request.
    interrupt: CancellationToken,
    reason: Mutex<Option<RunnerError>>,
}

impl Session {
    /// A session on the lease that `assignment` grants.
    pub(crate) fn new(
        client: Client,
        change: ChangeId,
        holder: String,
        assignment: Assignment,
        machine: Machine,
        reporter: Reporter,
    ) -> Result<Self, RunnerError> {
        let id = change.to_string();
        let script = Script::of(&assignment)?;
        let run =
            assignment.run.ok_or_else(|| RunnerError::Incomplete { change: id.clone(), what: "run" })?;
        let halt = CancellationToken::new();
        Ok(Self {
            client,
            change,
            id,
            holder,
            fencing_token: assignment.fencing_token,
            script,
            machine,
            reporter,
            samples: Samples::default(),
            oven: Oven::default(),
            view: watch::Sender::new(View { version: assignment.version, run }),
            interrupt: halt.child_token(),
            halt,
            reason: Mutex::new(None),
        })
    }

    /// The newest that is known.
    pub(crate) fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// What the newest known run does next.
    pub(crate) fn next_action(&self) -> Action {
        self.script.next_action(&self.view.borrow().run)
    }

    /// Waits until the newest known run is as wanted.
    pub(crate) async fn until<T>(&self, mut wanted: impl FnMut(&View) -> Option<T>) -> T {
        let mut views = self.view.subscribe();
        loop {
            let found = wanted(&views.borrow_and_update());
            if let Some(found) = found {
                return found;
            }
            if views.changed().await.is_err() {
                // The sender lives as long as the session.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until something newer than `version` is known.
    pub(crate) async fn until_newer(&self, version: u64) {
        self.until(|view| (view.version > version).then_some(())).await;
    }

    /// Takes in what the server says. An answer about other content halts the session.
    pub(crate) fn merge(&self, assignment: Assignment) -> Result<(), RunnerError> {
        if !self.script.agrees_with(&assignment) {
            let (expected, current) = (self.script.digest, assignment.digest);
            self.halt(RunnerError::OtherContent { expected, current });
            return Err(RunnerError::OtherContent { expected, current });
        }
        let Some(run) = assignment.run else {
            return Err(RunnerError::Incomplete { change: self.id.clone(), what: "run" });
        };
        let mut before = None;
        let is_new = self.view.send_if_modified(|view| {
            if assignment.version <= view.version {
                return false;
            }
            let newest = View { version: assignment.version, run };
            before = Some(std::mem::replace(view, newest).run);
            true
        });
        if let Some(before) = before.filter(|_| is_new) {
            self.tell_difference(&before);
        }
        Ok(())
    }

    /// Asks the server how the change is now.
    pub(crate) async fn refresh(&self) -> Result<(), RunnerError> {
        let assignment = self.client.assignment(&self.id).await?;
        self.merge(assignment)
    }

    /// Reports an observation that was made when `decided` was the newest version, until it is recorded, has been
    /// overtaken, or the lease has ended.
    pub(crate) async fn report(
        &self,
        decided: u64,
        observation: Observation,
    ) -> Result<Reported, RunnerError> {
        let request = ProgressRequest { fencing_token: self.fencing_token, observation };
        let began = Instant::now();
        loop {
            let answer = tokio::select! {
                biased;
                () = self.halt.cancelled() => return Err(self.halted()),
                answer = self.client.progress(&self.id, &request) => answer,
            };
            let error = match answer {
                Ok(assignment) => return self.merge(assignment).map(|()| Reported::Recorded),
                Err(error) => error,
            };
            if is_stale_lease(&error) && !self.is_ending() {
                return Err(self.fence(error.to_string()));
            }
            let is_conflict = is_conflict(&error) && !error.is_transient();
            let is_unclear =
                if is_conflict { self.is_still_unknown(decided).await? } else { error.is_transient() };
            if is_conflict && !is_unclear && self.view.borrow().version > decided {
                return Ok(Reported::Overtaken);
            }
            if !is_unclear && is_stale_lease(&error) {
                return Err(self.fence(error.to_string()));
            }
            if !is_unclear || began.elapsed() >= REPORT_PATIENCE {
                return Err(RunnerError::Refused { report: request.observation.to_string(), source: error });
            }
            sleep(REPORT_PAUSE).await;
        }
    }

    /// Asks whether anything is newer than `decided`; whether that could not be found out just now.
    async fn is_still_unknown(&self, decided: u64) -> Result<bool, RunnerError> {
        if self.view.borrow().version > decided {
            return Ok(false);
        }
        match self.refresh().await {
            Ok(()) => Ok(false),
            Err(RunnerError::Client(error)) if error.is_transient() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether nothing is left to be done but to say so. With that the server takes the lease back, so a lease that is
    /// not ours any more may mean that only the answer was lost. Nothing runs now, so there is time to ask.
    pub(crate) fn is_ending(&self) -> bool {
        match self.next_action() {
            Action::ReportRollbackEnded | Action::Finish | Action::Stop => true,
            Action::TakeSnapshot
            | Action::Execute { .. }
            | Action::CheckUnknown { .. }
            | Action::AskPerson { .. }
            | Action::Kill { .. }
            | Action::RestoreSnapshot
            | Action::Await => false,
        }
    }

    /// What names this session's lease.
    pub(crate) fn lease(&self) -> FinishRequest {
        FinishRequest { holder: self.holder.clone(), fencing_token: self.fencing_token }
    }

    /// Stops everything because the lease has ended.
    pub(crate) fn fence(&self, reason: String) -> RunnerError {
        self.halt(RunnerError::Fenced { reason: reason.clone() });
        RunnerError::Fenced { reason }
    }

    /// Stops everything. The first reason counts.
    pub(crate) fn halt(&self, reason: RunnerError) {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.halt.cancel();
    }

    /// Has what runs stopped and nothing further begun, so that the lease can be given back.
    pub(crate) fn leave(&self) {
        self.interrupt.cancel();
    }

    /// Cancelled when what runs is to be stopped.
    pub(crate) fn interrupt(&self) -> &CancellationToken {
        &self.interrupt
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halt.is_cancelled()
    }

    /// Why everything was stopped.
    pub(crate) fn halted(&self) -> RunnerError {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        reason.unwrap_or_else(|| RunnerError::Fenced { reason: "the runner was stopped".to_owned() })
    }

    fn tell_difference(&self, before: &Run) {
        let now = self.view();
        if before.phase().as_str() != now.run.phase().as_str() {
            let cause = now.run.cause().map(|cause| self.machine.context.mask(&cause.to_string()));
            self.reporter.tell(Progress::Phase { phase: now.run.phase().as_str(), cause });
        }
        let progress = now.run.progress();
        if before.progress() != progress {
            self.reporter.tell(Progress::Advanced(progress));
        }
    }
}

/// Whether the server says that the request does not fit the present state.
pub(crate) fn is_conflict(error: &ClientError) -> bool {
    error.problem().is_some_and(|problem| problem.status == CONFLICT_STATUS)
}

/// Whether the server says that somebody else holds the lease, or nobody.
pub(crate) fn is_stale_lease(error: &ClientError) -> bool {
    error.problem().is_some_and(|problem| problem.rule.as_deref() == Some(LEASE_RULE))
}
