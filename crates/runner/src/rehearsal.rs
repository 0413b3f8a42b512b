//! A rehearsal: a plan and then its way back, carried out on a target. Nobody is told of it but whoever asked.
//!
//! The run is the very one of a change, folded here instead of on the server: forward through every step, then back as
//! if somebody had asked for it. What a step may reach was settled before; here nothing is decided.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use adapters::execute::{self, Execution, ExecutionContext, Performed};
use adapters::snapshot::{Snapshot, SnapshotId, SnapshotStore};
use domain::id::{ActorId, ChangeId, StepName};
use domain::plan::Part;
use domain::plan::observation::REASON_BYTES_MAX;
use domain::plan::{
    Action, Capture, CaptureId, Captured, Cause, Failure, Observation, Observed, Outcome, Rehearsable,
    RehearsedTask, Run, StepKind, Task,
};
use domain::text::FreeText;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::attempt::millis;
use crate::error::RunnerError;
use crate::holder;
use crate::progress::{Progress, Reporter};
use crate::snapshot::{self, PutBack};

/// Longest reason of a failure that becomes evidence, in bytes: hundreds of them must fit one entry of the log.
const EVIDENCE_REASON_BYTES_MAX: usize = 256;
const _: () = assert!(EVIDENCE_REASON_BYTES_MAX <= REASON_BYTES_MAX, "it is an excerpt of what is accepted");

/// Where a rehearsal takes place.
#[derive(Debug, Clone)]
pub struct Place {
    /// The change whose plan it is.
    pub change: ChangeId,
    /// Folder to work in.
    pub folder: PathBuf,
    /// Folder for what is saved; removed in the end.
    pub saved: PathBuf,
    /// Variable that a step takes to the variable of the runner whose value it gets. Every other one is left out.
    pub variables: BTreeMap<String, String>,
}

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// The machine.
    pub host: String,
    /// How long it took.
    pub duration: Duration,
    /// What was carried out, in order, with the last attempt of each.
    pub tasks: Vec<RehearsedTask>,
    /// How many things were saved before.
    pub captures: u32,
    /// What was not as before in the end.
    pub differing: Vec<CaptureId>,
    /// Steps that were begun and that nothing takes back.
    pub left_in_place: Vec<StepName>,
}

/// A rehearsal under way.
struct Stage<'a> {
    what: &'a Rehearsable,
    run: Run,
    context: ExecutionContext,
    snapshots: SnapshotStore,
    id: SnapshotId,
    /// What was saved, each with its place in the plan.
    snapshot: Option<(Snapshot, Vec<CaptureId>)>,
    reporter: &'a Reporter,
    tasks: Vec<RehearsedTask>,
    differing: Vec<CaptureId>,
}

/// Carries `what` out at `place`, forward and back. A stop ends the step that runs and takes back what was begun.
pub(crate) async fn rehearse(
    what: &Rehearsable,
    place: &Place,
    context: &ExecutionContext,
    reporter: &Reporter,
    stop: &CancellationToken,
) -> Result<Rehearsed, RunnerError> {
    let began = Instant::now();
    let context = context.elsewhere(place.folder.clone(), &place.variables);
    let mut stage = Stage {
        what,
        run: Run::start(&what.plan, Some(&what.rollback_plan), true),
        context: context.map_err(|error| RunnerError::Rehearsal { reason: error.to_string() })?,
        snapshots: SnapshotStore::open(place.saved.clone()).map_err(RunnerError::State)?,
        id: SnapshotId { change: place.change, run: 1 },
        snapshot: None,
        reporter,
        tasks: Vec::new(),
        differing: Vec::new(),
    };
    let done = stage.play(stop).await;
    // What was saved may hold secrets, and nobody comes back for it.
    if let Err(error) = tokio::fs::remove_dir_all(&place.saved).await {
        tracing::warn!(%error, folder = %place.saved.display(), "what a rehearsal saved is left on this machine");
    }
    done?;
    let captures = stage.snapshot.as_ref().map_or(0, |(_, ids)| ids.len());
    Ok(Rehearsed {
        host: holder::host(),
        duration: began.elapsed(),
        captures: u32::try_from(captures).unwrap_or(u32::MAX),
        left_in_place: stage.run.left_in_place().to_vec(),
        tasks: stage.tasks,
        differing: stage.differing,
    })
}

impl Stage<'_> {
    async fn play(&mut self, stop: &CancellationToken) -> Result<(), RunnerError> {
        let back = || Observation::RollbackRequested {
            cause: Cause::Person { by: ActorId::system(), reason: None },
        };
        loop {
            match self.run.next_action(&self.what.plan, Some(&self.what.rollback_plan)) {
                Action::TakeSnapshot => self.save(stop).await?,
                Action::Execute { task, .. } if task.part == Part::Step && stop.is_cancelled() => {
                    self.observe(back())?;
                }
                Action::Execute { task, attempt, delay_millis, timeout_seconds } => {
                    let pause = Duration::from_millis(delay_millis);
                    let time_limit = Duration::from_secs(timeout_seconds);
                    self.carry_out(task, attempt, (pause, time_limit), stop).await?;
                }
                Action::Finish => self.observe(back())?,
                Action::RestoreSnapshot => self.put_back().await?,
                Action::ReportRollbackEnded => self.observe(Observation::RollbackEnded)?,
                Action::Stop => return Ok(()),
                // Nothing runs beside this, nobody is lost, and what asks a person is left out.
                other @ (Action::CheckUnknown { .. }
                | Action::AskPerson { .. }
                | Action::Kill { .. }
                | Action::Await) => {
                    let reason = format!("it cannot go on: the next action is to {other}");
                    return Err(RunnerError::Rehearsal { reason });
                }
            }
        }
    }

    fn observe(&mut self, observation: Observation) -> Result<(), RunnerError> {
        let (plan, back) = (&self.what.plan, Some(&self.what.rollback_plan));
        let before = self.run.phase().as_str();
        match self.run.observe(plan, back, &observation) {
            Ok(Observed::New(run)) => self.run = run,
            Ok(Observed::Already) => {}
            Err(error) => return Err(RunnerError::Rehearsal { reason: error.to_string() }),
        }
        let phase = self.run.phase().as_str();
        if before != phase {
            self.reporter.tell(Progress::Phase { phase, cause: None });
        }
        self.reporter.tell(Progress::Advanced(self.run.progress()));
        Ok(())
    }

    /// Nothing has been begun yet: without what was before, nothing is.
    async fn save(&mut self, stop: &CancellationToken) -> Result<(), RunnerError> {
        let (ids, captures): (Vec<CaptureId>, Vec<Capture>) = snapshot::declared(&self.what.plan).unzip();
        let taken = self.snapshots.take(self.id, &captures, &self.context, stop).await;
        let snapshot = taken.map_err(|error| RunnerError::Rehearsal {
            reason: format!(
                "what the steps declare could not be saved, so nothing was begun: {}",
                self.context.mask(&error.to_string())
            ),
        })?;
        self.reporter.tell(Progress::SnapshotTaken { captures: captures.len() });
        let digests = snapshot.items.iter().map(|item| item.digest());
        let captures = ids.iter().cloned().zip(digests);
        let captures = captures.map(|(capture, digest)| Captured { capture, digest }).collect();
        self.snapshot = Some((snapshot, ids));
        self.observe(Observation::SnapshotTaken { captures })
    }

    async fn carry_out(
        &mut self,
        task: Task,
        attempt: u32,
        (pause, time_limit): (Duration, Duration),
        stop: &CancellationToken,
    ) -> Result<(), RunnerError> {
        // Who stops a rehearsal wants its target as it was.
        let cancel = if task.part == Part::Step { stop.child_token() } else { CancellationToken::new() };
        tokio::select! {
            () = sleep(pause) => {}
            () = cancel.cancelled() => return Ok(()),
        }
        let kind = task.kind_in(&self.what.plan, Some(&self.what.rollback_plan));
        let kind = kind.ok_or_else(|| RunnerError::Rehearsal { reason: format!("{task} is not defined") })?;
        self.observe(Observation::Started { task: task.clone(), attempt })?;
        self.reporter.tell(Progress::TaskStarted { task: task.clone(), attempt });
        let Execution { result, duration, log } = match kind {
            StepKind::Restore => self.restore_step(&task.step, time_limit).await,
            kind => execute::execute(kind, time_limit, &self.context, &cancel).await,
        };
        let outcome = match result {
            Performed::Ended(outcome) => outcome,
            Performed::NeedsPerson { .. } => failed("only a person can do it"),
        };
        let (outcome, ended) = (excerpt(outcome), task.clone());
        self.reporter.tell(Progress::TaskEnded {
            task: ended,
            attempt,
            outcome: outcome.clone(),
            duration,
            log,
        });
        let duration_millis = millis(duration);
        self.tasks.retain(|rehearsed| rehearsed.task != task);
        self.tasks.push(RehearsedTask { task: task.clone(), outcome: outcome.clone(), duration_millis });
        self.observe(Observation::Ended { task, attempt, outcome, duration_millis, log: None })
    }

    /// What one step saved, as its undo puts it back.
    async fn restore_step(&self, step: &StepName, time_limit: Duration) -> Execution {
        let began = Instant::now();
        let own = self.saved().into_iter();
        let own = own.filter(|(id, item)| id.step == *step && item.can_be_put_back());
        let (ids, items): (Vec<_>, Vec<_>) = own.unzip();
        let snapshot = Snapshot { id: self.id, items };
        let (putting, cancel) = (self.putting(), CancellationToken::new());
        let outcome = tokio::select! {
            differing = putting.put_back(&snapshot, &ids, &cancel) => match differing.as_slice() {
                [] => Outcome::Succeeded,
                differing => {
                    let reasons: Vec<&str> = differing.iter().map(|(_, why)| why.as_str()).collect();
                    failed(&reasons.join("; "))
                }
            },
            () = sleep(time_limit) => Outcome::Failed { failure: Failure::TimedOut },
        };
        Execution { result: Performed::Ended(outcome), duration: began.elapsed(), log: String::new() }
    }

    async fn put_back(&mut self) -> Result<(), RunnerError> {
        let (ids, items): (Vec<_>, Vec<_>) = self.saved().into_iter().unzip();
        let (snapshot, cancel) = (Snapshot { id: self.id, items }, CancellationToken::new());
        let differing = self.putting().put_back(&snapshot, &ids, &cancel).await;
        let names = differing.iter().map(|(capture, why)| (capture.step.to_string(), why.clone()));
        self.reporter.tell(Progress::Restored { differing: names.collect() });
        self.differing = differing.into_iter().map(|(capture, _)| capture).collect();
        self.observe(Observation::SnapshotRestored { differing: self.differing.clone() })
    }

    fn saved(&self) -> Vec<(CaptureId, adapters::snapshot::Item)> {
        let saved = self.snapshot.iter();
        saved.flat_map(|(snapshot, ids)| ids.iter().cloned().zip(snapshot.items.iter().cloned())).collect()
    }

    fn putting(&self) -> PutBack<'_> {
        PutBack { store: &self.snapshots, context: &self.context }
    }
}

fn failed(reason: &str) -> Outcome {
    let reason = FreeText::excerpt(reason, EVIDENCE_REASON_BYTES_MAX);
    Outcome::Failed { failure: Failure::Other { reason } }
}

/// The outcome with as much of its reason as becomes evidence.
fn excerpt(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { failure: Failure::Other { reason } } => failed(reason.as_str()),
        other @ (Outcome::Succeeded | Outcome::Failed { .. }) => other,
    }
}
