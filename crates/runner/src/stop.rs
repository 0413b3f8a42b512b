//! Ends that come from outside the plan: a stop on request, and a rollback that takes too long.

use std::convert::Infallible;
use std::time::Duration;

use domain::plan::Observation;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::breach::ask_for_rollback;
use crate::progress::Progress;
use crate::session::Session;
use crate::settings::OnStop;

/// Waits for the stop and does what it means, for as long as the session lives.
pub(crate) async fn obey(session: &Session, stop: &CancellationToken, on_stop: OnStop) -> Infallible {
    stop.cancelled().await;
    match on_stop {
        OnStop::Release => session.leave(),
        OnStop::RollBack => {
            if let Err(error) = ask_for_rollback(session, "the runner was asked to stop").await {
                session.reporter.tell(Progress::StopRefused { reason: error.to_string() });
                session.leave();
            }
        }
    }
    std::future::pending().await
}

/// Stops a rollback that takes longer than its plan allows. The time counts from when this runner knows of it.
pub(crate) async fn limit_rollback(session: &Session) -> Infallible {
    let limit = session.script.rollback_plan.as_ref().and_then(|plan| plan.max_duration_seconds);
    let Some(limit) = limit.map(Duration::from_secs) else { return std::future::pending().await };
    loop {
        session.until(|view| (view.run.is_rolling_back() && !view.run.is_overdue()).then_some(())).await;
        tokio::select! {
            () = session.until(|view| (!view.run.is_rolling_back()).then_some(())) => continue,
            () = sleep(limit) => {}
        }
        let version = session.view().version;
        if let Err(error) = session.report(version, Observation::RollbackTimedOut).await {
            session.halt(error);
            return std::future::pending().await;
        }
    }
}
