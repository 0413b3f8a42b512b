//! Notices runners that are gone: their leases expired and their grace is over.

use domain::id::ChangeId;
use jiff::SignedDuration;

use crate::app::SharedApp;
use crate::failure::Failure;
use crate::use_cases::implementation;

/// Leases looked at at once.
const PAGE_LEASES: usize = 100;

/// Interrupts the changes of lost runners and gives their leases back.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    let grace = i64::try_from(app.config.lease.grace_seconds).unwrap_or(i64::MAX);
    for lease in app.store.expired_leases(PAGE_LEASES).await? {
        // The holder has had the grace time to stop by itself.
        let over_at = lease.expires_at.saturating_add(SignedDuration::from_secs(grace));
        if over_at.is_ok_and(|over_at| app.clock.now() < over_at) {
            continue;
        }
        let id = lease.resource.as_str().strip_prefix("change/").and_then(|id| id.parse::<ChangeId>().ok());
        if let Some(id) = id {
            implementation::interrupt(app, id, lease.token).await?;
        }
        app.store.lease_release(&lease.resource, lease.token).await?;
    }
    Ok(())
}
