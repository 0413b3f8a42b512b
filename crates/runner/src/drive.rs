//! The loop: what is next, do it, report it.

use std::time::Duration;

use api::run::{Assignment, HeartbeatRequest};
use client::ClientError;
use domain::plan::{
    Action, Failure, Observation, Outcome, Phase, Question, QuestionKind, Run, Task, TaskState,
};
use tokio::time::{Instant, sleep};

use crate::attempt::{self, Attempt};
use crate::error::{Ended, RunnerError};
use crate::progress::Progress;
use crate::session::{Reported, Session, View};
use crate::snapshot;
use crate::waiting::Waiting;

/// Pause before the end is reported again.
const FINISH_PAUSE: Duration = Duration::from_millis(500);

/// Works on the change until it has ended, the lease is lost or the session is left.
pub(crate) async fn drive(session: &Session, waiting: &Waiting) -> Result<Ended, RunnerError> {
    let mut asked = None;
    loop {
        if session.is_halted() {
            return Err(session.halted());
        }
        if session.interrupt().is_cancelled() {
            return Ok(Ended::Released);
        }
        let view = session.view();
        match session.script.next_action(&view.run) {
            Action::TakeSnapshot => snapshot::take(session, view.version).await?,
            Action::Execute { task, attempt, delay_millis, timeout_seconds } => {
                let pause = Duration::from_millis(delay_millis);
                let time_limit = Duration::from_secs(timeout_seconds);
                attempt::execute(session, Attempt { task, attempt, pause, time_limit }).await?;
            }
            Action::CheckUnknown { task, attempt, timeout_seconds } => {
                let time_limit = Duration::from_secs(timeout_seconds);
                let attempt = Attempt { task, attempt, pause: Duration::ZERO, time_limit };
                attempt::check_unknown(session, view.version, attempt).await?;
            }
            Action::AskPerson { question } => {
                let _waits = waiting.begin();
                ask(session, &view, question, &mut asked).await?;
            }
            Action::Kill { task, .. } => return Err(RunnerError::NotOurs { task }),
            Action::Await => {
                let _waits = waiting.begin();
                wait(session, &view).await?;
            }
            Action::RestoreSnapshot => snapshot::restore(session, view.version).await?,
            Action::ReportRollbackEnded => {
                session.report(view.version, Observation::RollbackEnded).await?;
            }
            Action::Finish => {
                if finish(session, view.version).await? == Reported::Recorded {
                    return Ok(Ended::Implemented);
                }
            }
            Action::Stop => return Ok(ended(&view.run)),
        }
    }
}

/// What a run that is over has come to.
pub(crate) fn ended(run: &Run) -> Ended {
    let (cause, outcome) = (run.cause().cloned(), run.outcome());
    match run.phase() {
        Phase::RolledBack => Ended::RolledBack { cause, outcome },
        Phase::Finished => Ended::Implemented,
        Phase::RollbackFailed { .. }
        | Phase::Forward
        | Phase::Paused
        | Phase::Holding { .. }
        | Phase::RollingBack { .. } => Ended::RollbackFailed { cause, outcome },
    }
}

/// Nothing may be begun: waits for news. A task that runs without us is somebody else's.
async fn wait(session: &Session, view: &View) -> Result<(), RunnerError> {
    let is_started = |(_, state): &(Task, &TaskState)| matches!(state, TaskState::Started { .. });
    if let Some((task, _)) = view.run.task_states().find(is_started) {
        return Err(RunnerError::NotOurs { task });
    }
    news(session, view.version).await;
    Ok(())
}

/// Waits until something newer is known or the work must end.
async fn news(session: &Session, version: u64) {
    tokio::select! {
        () = session.until_newer(version) => {}
        () = session.interrupt().cancelled() => {}
    }
}

/// Tells that a person must answer, and waits. Nobody waits longer for a manual task than its timeout.
async fn ask(
    session: &Session,
    view: &View,
    question: Question,
    asked: &mut Option<(Question, Instant)>,
) -> Result<(), RunnerError> {
    let since = match asked {
        Some((known, since)) if *known == question => *since,
        Some(_) | None => {
            let since = Instant::now();
            let instructions = instructions(session, &question.task);
            session.reporter.tell(Progress::Asked { question: question.clone(), instructions });
            *asked = Some((question.clone(), since));
            since
        }
    };
    let (plan, rollback_plan) = (&session.script.plan, session.script.rollback_plan.as_ref());
    let time_limit = match question.kind {
        QuestionKind::Manual => {
            question.task.step_in(plan, rollback_plan).map(|step| Duration::from_secs(step.timeout_seconds))
        }
        QuestionKind::Unknown | QuestionKind::Failed => None,
    };
    let Some(time_limit) = time_limit else {
        news(session, view.version).await;
        return Ok(());
    };
    tokio::select! {
        () = news(session, view.version) => Ok(()),
        () = sleep(time_limit.saturating_sub(since.elapsed())) => {
            let observation = Observation::Ended {
                task: question.task,
                attempt: question.attempt,
                outcome: Outcome::Failed { failure: Failure::TimedOut },
                duration_millis: attempt::millis(since.elapsed()),
                log: None,
            };
            session.report(view.version, observation).await.map(|_reported| ())
        }
    }
}

fn instructions(session: &Session, task: &Task) -> Option<String> {
    let kind = task.kind_in(&session.script.plan, session.script.rollback_plan.as_ref())?;
    kind.instructions().map(ToOwned::to_owned)
}

/// Reports that every step is done, and gives the lease back with it.
async fn finish(session: &Session, decided: u64) -> Result<Reported, RunnerError> {
    hand_over_samples(session).await;
    loop {
        if session.is_halted() {
            return Err(session.halted());
        }
        let error = match session.client.finish(&session.id, &session.lease()).await {
            Ok(assignment) => return session.merge(assignment).map(|()| Reported::Recorded),
            Err(error) => error,
        };
        match session.client.assignment(&session.id).await {
            // The answer was lost, or somebody else finished what was done.
            Ok(assignment) if is_finished(&assignment) => return Ok(Reported::Recorded),
            Ok(assignment) => {
                let is_newer = assignment.version > decided;
                session.merge(assignment)?;
                if is_newer && !error.is_transient() {
                    return Ok(Reported::Overtaken);
                }
            }
            Err(_) => {}
        }
        if !error.is_transient() {
            return Err(refused(error));
        }
        sleep(FINISH_PAUSE).await;
    }
}

/// Sends what the last heartbeat has left: there will be none after the end. Samples are for people to look at, so
/// their loss does not matter now.
async fn hand_over_samples(session: &Session) {
    let (samples, lease) = (session.samples.take(), session.lease());
    if !samples.is_empty() {
        let request = HeartbeatRequest {
            holder: lease.holder,
            fencing_token: lease.fencing_token,
            samples,
            standing: None,
        };
        let _lost = session.client.heartbeat(&session.id, &request).await;
    }
}

/// The lease went back with the end of the implementation, and with nothing else.
fn is_finished(assignment: &Assignment) -> bool {
    let is_done = assignment.run.as_ref().is_some_and(|run| matches!(run.phase(), Phase::Finished));
    is_done && assignment.state != "implementing"
}

fn refused(source: ClientError) -> RunnerError {
    RunnerError::Refused { report: "every step is done".to_owned(), source }
}
