//! Lets due timers take effect.

use crate::app::SharedApp;
use crate::failure::Failure;
use crate::use_cases::deadlines;

/// Timers taken at once.
const PAGE_TIMERS: usize = 100;

/// Lets every due timer take effect, once; those that fail stay due.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    let mut failed = None;
    for timer in app.store.due_timers(app.clock.now(), PAGE_TIMERS).await? {
        if app.shutdown.is_cancelled() {
            return Ok(());
        }
        // One change that cannot be decided must not keep the deadlines of all others from passing.
        if let Err(failure) = deadlines::fire(app, &timer).await {
            tracing::error!(timer = %timer.id, error = %failure, "a deadline could not take effect");
            failed = Some(failure);
        }
    }
    failed.map_or(Ok(()), Err)
}
