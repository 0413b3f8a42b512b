//! The channel for notifications, as the settings choose it.

use adapters::notify::Webhook;
use adapters::outgoing::OutgoingPolicy;

use crate::config::Notify;

/// The configured channel; none when nobody is to be told.
///
/// # Errors
/// When no client can be made.
pub(crate) fn channel(settings: &Notify) -> Result<Option<Webhook>, String> {
    let Some(url) = &settings.webhook else { return Ok(None) };
    let policy = if settings.allow_private_network {
        OutgoingPolicy::with_private_networks()
    } else {
        OutgoingPolicy::strict()
    };
    Webhook::new(url, policy).map(Some).map_err(|error| error.to_string())
}
