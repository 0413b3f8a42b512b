//! Delivers notifications, at least once each, with stable ids.

use std::time::Duration;

use jiff::SignedDuration;

use crate::app::SharedApp;
use crate::failure::Failure;

/// Messages taken at once.
const PAGE_MESSAGES: usize = 50;
/// How long a claimed message is left alone.
const VISIBILITY: Duration = Duration::from_secs(60);
/// First pause before a repetition; it doubles with every attempt.
const PAUSE_FIRST_SECONDS: i64 = 5;
/// Longest pause before a repetition.
const PAUSE_SECONDS_MAX: i64 = 3_600;

/// Delivers every due message.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    let Some(sender) = &app.sender else { return Ok(()) };
    for message in app.store.outbox_claim(PAGE_MESSAGES, VISIBILITY).await? {
        if app.shutdown.is_cancelled() {
            return Ok(());
        }
        match sender.send(message.id.as_str(), &message.topic, &message.payload).await {
            Ok(()) => app.store.outbox_done(&message.id).await?,
            Err(error) => {
                let doublings = u32::try_from(message.attempts.saturating_sub(1).min(16)).unwrap_or(16);
                let pause = PAUSE_FIRST_SECONDS.saturating_mul(1_i64 << doublings).min(PAUSE_SECONDS_MAX);
                let next = app.clock.now().saturating_add(SignedDuration::from_secs(pause));
                let next = next.unwrap_or(domain::Timestamp::MAX);
                tracing::warn!(message = %message.id, error = %error, "a notification was not delivered");
                app.store.outbox_retry(&message.id, &error.to_string(), next).await?;
            }
        }
    }
    Ok(())
}
