//! Removes what nobody asks for any more.

use jiff::SignedDuration;

use crate::app::SharedApp;
use crate::failure::Failure;
use crate::presence::forgotten_before;

/// How long a repeated request is recognised by its idempotency key.
const IDEMPOTENCY_DAYS: i64 = 30;

/// Removes kept answers of requests that are too old to be repeated, and runners that were not seen for long.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    let kept = SignedDuration::from_hours(24 * IDEMPOTENCY_DAYS);
    let before = app.clock.now().saturating_sub(kept).unwrap_or(domain::Timestamp::MIN);
    let removed = app.store.prune_idempotency(before).await?;
    if removed > 0 {
        tracing::debug!(removed, "kept answers of old requests removed");
    }
    app.store.prune_runners_seen(forgotten_before(app.clock.now())).await?;
    Ok(())
}
