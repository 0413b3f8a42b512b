//! Lets due timers take effect.

use crate::app::SharedApp;
use crate::failure::Failure;
use crate::use_cases::deadlines;

/// Timers taken at once.
const PAGE_TIMERS: usize = 100;

/// Lets every due timer take effect, once.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    for timer in app.store.due_timers(app.clock.now(), PAGE_TIMERS).await? {
        if app.shutdown.is_cancelled() {
            return Ok(());
        }
        deadlines::fire(app, &timer).await?;
    }
    Ok(())
}
