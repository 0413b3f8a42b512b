//! The state before the change: saved before the first step, put back by a rollback.

use std::time::Duration;

use adapters::execute::{Execution, ExecutionContext, Performed};
use adapters::snapshot::{Snapshot, SnapshotError, SnapshotId, SnapshotStore};
use domain::id::StepName;
use domain::plan::observation::REASON_BYTES_MAX;
use domain::plan::{Capture, CaptureId, Captured, Failure, Observation, Outcome, Plan};
use domain::text::FreeText;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::error::RunnerError;
use crate::progress::Progress;
use crate::session::Session;

/// A change is run once: see `domain::plan`.
const RUN: u64 = 1;

/// Saves everything that the steps declare, and reports it.
pub(crate) async fn take(session: &Session, decided: u64) -> Result<(), RunnerError> {
    let (store, context) = (&session.machine.snapshots, &session.machine.context);
    let id = SnapshotId { change: session.change, run: RUN };
    let (ids, captures): (Vec<CaptureId>, Vec<Capture>) = declared(&session.script.plan).unzip();
    let taken = async {
        // One that was never reported may be older than what somebody changed since.
        store.remove(id).await?;
        store.take(id, &captures, context, session.interrupt()).await
    };
    let observation = match taken.await {
        Ok(snapshot) => {
            session.reporter.tell(Progress::SnapshotTaken { captures: captures.len() });
            let digests = snapshot.items.iter().map(|item| item.digest());
            let captures = ids.into_iter().zip(digests);
            let captures = captures.map(|(capture, digest)| Captured { capture, digest }).collect();
            Observation::SnapshotTaken { captures }
        }
        Err(SnapshotError::Cancelled) if session.interrupt().is_cancelled() => return Ok(()),
        Err(error) => {
            let reason = context.mask(&error.to_string());
            session.reporter.tell(Progress::SnapshotFailed { reason: reason.clone() });
            Observation::SnapshotFailed { reason: FreeText::excerpt(&reason, REASON_BYTES_MAX) }
        }
    };
    session.report(decided, observation).await.map(|_reported| ())
}

/// Puts everything back, compares it, and reports what differs. What cannot be compared, for example because it was
/// saved on another machine, counts as different.
pub(crate) async fn restore(session: &Session, decided: u64) -> Result<(), RunnerError> {
    let recorded = session.view().run.captures().to_vec();
    let differing = match recorded_snapshot(session, &recorded).await {
        Ok(snapshot) => {
            let ids: Vec<CaptureId> = recorded.iter().map(|captured| captured.capture.clone()).collect();
            putting(session).put_back(&snapshot, &ids, session.interrupt()).await
        }
        Err(reason) => {
            let all = recorded.iter().map(|captured| (captured.capture.clone(), reason.clone()));
            all.collect()
        }
    };
    if session.interrupt().is_cancelled() {
        // Perhaps not everything was compared: whoever takes over does it again.
        return Ok(());
    }
    let names = differing.iter().map(|(capture, why)| (capture.step.to_string(), why.clone()));
    session.reporter.tell(Progress::Restored { differing: names.collect() });
    let differing = differing.into_iter().map(|(capture, _)| capture).collect();
    session.report(decided, Observation::SnapshotRestored { differing }).await.map(|_reported| ())
}

/// The undo of a step that declares none: puts back what the step saved, right then, while what was begun before it still
/// stands. Outputs are compared at the end, when everything is as before.
pub(crate) async fn restore_step(
    session: &Session,
    step: &StepName,
    time_limit: Duration,
    cancel: &CancellationToken,
) -> Execution {
    let began = Instant::now();
    let failed = |failure: Failure| Performed::Ended(Outcome::Failed { failure });
    let restored = async {
        let recorded = session.view().run.captures().to_vec();
        let snapshot = recorded_snapshot(session, &recorded).await.map_err(|reason| vec![reason])?;
        let own = recorded.into_iter().map(|captured| captured.capture).zip(snapshot.items);
        let own = own.filter(|(id, item)| id.step == *step && item.can_be_put_back());
        let (ids, items): (Vec<_>, Vec<_>) = own.unzip();
        let differing = putting(session).put_back(&Snapshot { id: snapshot.id, items }, &ids, cancel).await;
        let reasons: Vec<String> = differing.into_iter().map(|(_, why)| why).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    };
    let result = tokio::select! {
        biased;
        () = cancel.cancelled() => failed(Failure::Cancelled),
        restored = restored => match restored {
            Ok(()) => Performed::Ended(Outcome::Succeeded),
            Err(_) if cancel.is_cancelled() => failed(Failure::Cancelled),
            Err(reasons) => {
                let reason = FreeText::excerpt(&reasons.join("; "), REASON_BYTES_MAX);
                failed(Failure::Other { reason })
            }
        },
        () = sleep(time_limit) => failed(Failure::TimedOut),
    };
    Execution { result, duration: began.elapsed(), log: String::new() }
}

/// The snapshot in this machine's folder, if it is the one on record.
async fn recorded_snapshot(session: &Session, recorded: &[Captured]) -> Result<Snapshot, String> {
    let id = SnapshotId { change: session.change, run: RUN };
    let loaded = session.machine.snapshots.load(id).await;
    let snapshot = match loaded {
        Ok(Some(snapshot)) => snapshot,
        Ok(None) => {
            return Err(
                "its snapshot is not on this machine: roll back on the machine that began the change"
                    .to_owned(),
            );
        }
        Err(error) => return Err(session.machine.context.mask(&error.to_string())),
    };
    let digests = snapshot.items.iter().map(|item| item.digest());
    if digests.eq(recorded.iter().map(|captured| captured.digest)) {
        Ok(snapshot)
    } else {
        Err("the snapshot on this machine is not the one on record".to_owned())
    }
}

/// Where things are put back.
pub(crate) struct PutBack<'a> {
    pub(crate) store: &'a SnapshotStore,
    pub(crate) context: &'a ExecutionContext,
}

impl PutBack<'_> {
    /// Puts everything of a snapshot back and compares; what differs nevertheless, and why. `ids` are those of its items.
    pub(crate) async fn put_back(
        &self,
        snapshot: &Snapshot,
        ids: &[CaptureId],
        cancel: &CancellationToken,
    ) -> Vec<(CaptureId, String)> {
        let report = self.store.restore(snapshot, self.context, cancel).await;
        let results = ids.iter().zip(report.items);
        let differing = results.filter(|(_, item)| !item.result.is_as_before());
        differing.map(|(id, item)| (id.clone(), differs(&item))).collect()
    }
}

fn putting(session: &Session) -> PutBack<'_> {
    PutBack { store: &session.machine.snapshots, context: &session.machine.context }
}

fn differs(item: &adapters::snapshot::RestoredItem) -> String {
    use adapters::snapshot::Restored;
    let what = match &item.result {
        Restored::Failed { reason } => reason.as_str(),
        Restored::OtherOutput { .. } => "prints something else than before",
        Restored::Unchanged | Restored::PutBack | Restored::Removed | Restored::SameOutput => "is as before",
    };
    format!("`{}`: {what}", item.name)
}

/// What the steps declare, in order.
pub(crate) fn declared(plan: &Plan) -> impl Iterator<Item = (CaptureId, Capture)> {
    plan.steps.iter().flat_map(|step| {
        let captures = (0..).zip(&step.captures);
        captures.map(|(position, capture)| (CaptureId { step: step.name.clone(), position }, capture.clone()))
    })
}
