//! Notices runners that are gone: their leases expired and their grace is over.

use std::time::Duration;

use domain::id::ChangeId;

use crate::app::SharedApp;
use crate::commit::Extras;
use crate::failure::Failure;
use crate::use_cases::implementation;

/// Leases looked at at once.
const PAGE_LEASES: usize = 100;

/// Interrupts the changes of lost runners and gives their leases back.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    // After the grace time the holder has stopped by itself.
    let grace = Duration::from_secs(app.config.lease.grace_seconds);
    let mut failed = None;
    for lease in app.store.expired_leases(grace, PAGE_LEASES).await? {
        let id = lease.resource.as_str().strip_prefix("change/").and_then(|id| id.parse::<ChangeId>().ok());
        // One change that cannot be read must not keep all others waiting for their runners.
        if let Some(id) = id
            && let Err(failure) = implementation::interrupt(app, id, lease.token, Extras::default()).await
        {
            tracing::error!(%id, error = %failure, "a lost runner could not be recorded");
            failed = Some(failure);
            continue;
        }
        app.store.lease_release(&lease.resource, lease.token).await?;
    }
    failed.map_or(Ok(()), Err)
}
