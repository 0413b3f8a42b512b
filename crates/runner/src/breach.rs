//! What follows from a breach: the change is taken back where that was asked for, and else it pauses for a person.

use std::convert::Infallible;
use std::time::Duration;

use client::ClientError;
use domain::plan::{Observation, Phase};
use domain::rollback::{Breach, RollbackSpeed};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::error::RunnerError;
use crate::progress::{Progress, Response};
use crate::session::{Reported, Session};

/// Pause before a request that was not answered is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Deals with breaches one after the other, for as long as the session lives.
pub(crate) async fn respond(session: &Session, mut breaches: mpsc::Receiver<Breach>) -> Infallible {
    while let Some(breach) = breaches.recv().await {
        match response(session, &breach).await {
            Ok(response) => session.reporter.tell(Progress::Breached { breach, response }),
            Err(error) => session.halt(error),
        }
    }
    std::future::pending().await
}

async fn response(session: &Session, breach: &Breach) -> Result<Response, RunnerError> {
    loop {
        let view = session.view();
        match view.run.phase() {
            Phase::Forward | Phase::Paused | Phase::Holding { .. } if view.run.auto_rollback() => {}
            Phase::Forward | Phase::Holding { .. } => return pause(session).await,
            // Going back already, but perhaps slower than this breach demands.
            Phase::RollingBack { .. } if breach.reaction.rollback == RollbackSpeed::Immediate => {}
            Phase::RollingBack { .. }
            | Phase::Paused
            | Phase::Finished
            | Phase::RolledBack
            | Phase::RollbackFailed { .. } => return Ok(Response::None),
        }
        let observation = Observation::RollbackRequested { cause: breach.cause() };
        match session.report(view.version, observation).await {
            Ok(Reported::Recorded) => return Ok(Response::RolledBack),
            Ok(Reported::Overtaken) => {}
            Err(RunnerError::Refused { source, .. }) => {
                // The second best: at least nothing further is begun.
                return Ok(match pause(session).await? {
                    Response::Refused { .. } => Response::Refused { reason: source.to_string() },
                    paused @ (Response::Paused | Response::RolledBack | Response::None) => paused,
                });
            }
            Err(error) => return Err(error),
        }
    }
}

/// Has the server pause the change, because pausing is a person's right and not a runner's observation.
async fn pause(session: &Session) -> Result<Response, RunnerError> {
    loop {
        let error = match session.client.pause(&session.id).await {
            Ok(_change) => {
                return match session.refresh().await {
                    // The next heartbeat tells, if this question had no answer.
                    Ok(()) | Err(RunnerError::Client(_)) => Ok(Response::Paused),
                    Err(error) => Err(error),
                };
            }
            Err(error) => error,
        };
        if !error.is_transient() {
            return Ok(Response::Refused { reason: error.to_string() });
        }
        sleep(RETRY_PAUSE).await;
    }
}

/// Has the server begin to take the change back, unless that has begun.
pub(crate) async fn ask_for_rollback(session: &Session, reason: &str) -> Result<(), ClientError> {
    let request = api::command::ReasonRequest { reason: reason.to_owned() };
    loop {
        let view = session.view();
        if view.run.is_rolling_back()
            || matches!(view.run.phase(), Phase::RolledBack | Phase::RollbackFailed { .. })
        {
            return Ok(());
        }
        let error = session.client.roll_back(&session.id, &request).await.err();
        match session.refresh().await {
            Ok(()) | Err(RunnerError::Client(_)) => {}
            // The session is being halted for it.
            Err(_) => return Ok(()),
        }
        match error {
            None => return Ok(()),
            Some(error) if error.is_transient() => sleep(RETRY_PAUSE).await,
            Some(error) => return Err(error),
        }
    }
}
