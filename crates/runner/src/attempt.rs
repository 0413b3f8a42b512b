//! One attempt of one task, from the permission to begin to the report of its end.

use std::convert::Infallible;
use std::time::Duration;

use adapters::execute::{self, Execution, Performed};
use adapters::metrics;
use domain::duration::DURATION_MILLIS_MAX;
use domain::plan::observation::LOG_BYTES_MAX;
use domain::plan::{Action, Check, Failure, Finding, Observation, Outcome, StepKind, Task, TaskState};
use domain::rollback::Verdict;
use domain::text::FreeText;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::bake;
use crate::error::RunnerError;
use crate::progress::Progress;
use crate::session::{Reported, Session};
use crate::snapshot;

/// Shortest pause between two questions of a check.
const CHECK_PAUSE_MIN: Duration = Duration::from_millis(100);

/// What is to be attempted.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) task: Task,
    pub(crate) attempt: u32,
    pub(crate) pause: Duration,
    pub(crate) time_limit: Duration,
}

impl Attempt {
    fn is_next(&self, action: &Action) -> bool {
        matches!(action, Action::Execute { task, attempt, .. } if *task == self.task && *attempt == self.attempt)
    }

    fn is_killed_by(&self, action: &Action) -> bool {
        matches!(action, Action::Kill { task, attempt } if *task == self.task && *attempt == self.attempt)
    }

    fn is_checked_next(&self, action: &Action) -> bool {
        matches!(
            action,
            Action::CheckUnknown { task, attempt, .. } if *task == self.task && *attempt == self.attempt
        )
    }
}

/// Waits, has the start recorded, executes, and reports the end. Returns early when something else has become next.
pub(crate) async fn execute(session: &Session, attempt: Attempt) -> Result<(), RunnerError> {
    tokio::select! {
        () = sleep(attempt.pause) => {}
        () = until_not(session, |action| attempt.is_next(action)) => return Ok(()),
        () = session.interrupt().cancelled() => return Ok(()),
    }
    let decided = session.view();
    if !attempt.is_next(&session.script.next_action(&decided.run)) {
        return Ok(());
    }
    let (task, number) = (attempt.task.clone(), attempt.attempt);
    let started = Observation::Started { task: task.clone(), attempt: number };
    if session.report(decided.version, started).await? == Reported::Overtaken {
        return Ok(());
    }
    // From here on the attempt is on record; for a manual task that is the question.
    let recorded = session.view();
    if recorded.run.state_of(&task) != Some(&TaskState::Started { attempt: number }) {
        return Ok(());
    }
    let (plan, rollback_plan) = (&session.script.plan, session.script.rollback_plan.as_ref());
    let Some(kind) = task.kind_in(plan, rollback_plan) else {
        return Err(RunnerError::Incomplete { change: session.id.clone(), what: "definition of a task" });
    };
    session.reporter.tell(Progress::TaskStarted { task: task.clone(), attempt: number });
    let execution = supervised(session, &attempt, kind).await;
    end(session, &attempt, execution).await
}

/// Executes, and stops when the newest known run says so or the session is interrupted.
async fn supervised(session: &Session, attempt: &Attempt, kind: &StepKind) -> Execution {
    if session.interrupt().is_cancelled() || attempt.is_killed_by(&session.next_action()) {
        let result = Performed::Ended(Outcome::Failed { failure: Failure::Cancelled });
        return Execution { result, duration: Duration::ZERO, log: String::new() };
    }
    let cancel = session.interrupt().child_token();
    let killed = async {
        session
            .until(|view| attempt.is_killed_by(&session.script.next_action(&view.run)).then_some(()))
            .await;
        cancel.cancel();
        std::future::pending::<Infallible>().await
    };
    let executed = async {
        match kind {
            StepKind::Restore => {
                snapshot::restore_step(session, &attempt.task.step, attempt.time_limit, &cancel).await
            }
            StepKind::Bake(bake) => {
                let bake_attempt = (&attempt.task.step, attempt.attempt);
                bake::execute(session, bake_attempt, bake, attempt.time_limit, &cancel).await
            }
            kind if attempt.attempt > 1 => {
                let context = session.machine.context.repeated();
                execute::execute(kind, attempt.time_limit, &context, &cancel).await
            }
            kind => execute::execute(kind, attempt.time_limit, &session.machine.context, &cancel).await,
        }
    };
    tokio::select! {
        biased;
        execution = Box::pin(executed) => execution,
        never = killed => match never {},
    }
}

/// Reports how the attempt ended. An attempt that we stopped in order to leave is not reported: nobody saw its end, so
/// it is unknown, and is cleared up by whoever takes over.
async fn end(session: &Session, attempt: &Attempt, execution: Execution) -> Result<(), RunnerError> {
    let outcome = match execution.result {
        Performed::Ended(outcome) => outcome,
        Performed::NeedsPerson { .. } => {
            let reason = FreeText::excerpt("only a person can do it", LOG_BYTES_MAX);
            Outcome::Failed { failure: Failure::Other { reason } }
        }
    };
    if session.is_halted() {
        return Err(session.halted());
    }
    let is_stopped = outcome == Outcome::Failed { failure: Failure::Cancelled };
    let decided = session.view();
    let is_killed = attempt.is_killed_by(&session.script.next_action(&decided.run));
    if is_stopped && !is_killed && session.interrupt().is_cancelled() {
        return Ok(());
    }
    let log = (!execution.log.is_empty()).then(|| FreeText::excerpt(&execution.log, LOG_BYTES_MAX));
    session.reporter.tell(Progress::TaskEnded {
        task: attempt.task.clone(),
        attempt: attempt.attempt,
        outcome: outcome.clone(),
        duration: execution.duration,
        log: log.as_ref().map_or_else(String::new, |log| log.as_str().to_owned()),
    });
    let observation = Observation::Ended {
        task: attempt.task.clone(),
        attempt: attempt.attempt,
        outcome,
        duration_millis: millis(execution.duration),
        log,
    };
    session.report(decided.version, observation).await.map(|_reported| ())
}

/// Finds out whether an attempt whose end nobody saw has taken effect. Yes and no take as many answers in a row as the
/// check demands of a yes, because what has begun may still be coming into effect.
pub(crate) async fn check_unknown(
    session: &Session,
    decided: u64,
    attempt: Attempt,
) -> Result<(), RunnerError> {
    let (plan, rollback_plan) = (&session.script.plan, session.script.rollback_plan.as_ref());
    let check = attempt.task.step_in(plan, rollback_plan).and_then(|step| step.check.as_ref());
    let Some(check) = check else {
        return Err(RunnerError::Incomplete { change: session.id.clone(), what: "check" });
    };
    let cancel = session.interrupt().child_token();
    let finding = tokio::select! {
        finding = asked_until_sure(session, check, &cancel) => finding,
        () = sleep(attempt.time_limit) => Finding::CannotTell,
        () = until_not(session, |action| attempt.is_checked_next(action)) => return Ok(()),
        () = session.interrupt().cancelled() => return Ok(()),
    };
    let Attempt { task, attempt, .. } = attempt;
    session.reporter.tell(Progress::UnknownChecked { task: task.clone(), attempt, finding });
    let observation = Observation::UnknownChecked { task, attempt, finding };
    session.report(decided, observation).await.map(|_reported| ())
}

async fn asked_until_sure(session: &Session, check: &Check, cancel: &CancellationToken) -> Finding {
    let needed = check.successes.max(1);
    let pause = Duration::from_millis(check.interval_millis).max(CHECK_PAUSE_MIN);
    let (mut passed, mut failed) = (0, 0);
    loop {
        let sampled = metrics::probe(&check.probe, &session.machine.context, cancel).await;
        (passed, failed) = match sampled.verdict {
            Verdict::Pass => (passed + 1, 0),
            Verdict::Fail => (0, failed + 1),
            Verdict::Inconclusive | Verdict::Error => (0, 0),
        };
        if passed >= needed {
            return Finding::TookEffect;
        }
        if failed >= needed {
            return Finding::NoEffect;
        }
        sleep(pause).await;
    }
}

/// Waits until the next action is another one.
async fn until_not(session: &Session, is_same: impl Fn(&Action) -> bool) {
    session.until(|view| (!is_same(&session.script.next_action(&view.run))).then_some(())).await;
}

/// Whole milliseconds, at most what is accepted.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(DURATION_MILLIS_MAX)
}
