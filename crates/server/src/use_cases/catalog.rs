//! Applying a file of services: the simple way for people to describe services in the CMDB.

use std::collections::BTreeSet;

use domain::catalog::Service;
use domain::cmdb::SourceName;
use domain::id::ServiceName;
use store::NewIdempotency;

use super::cmdb::{self, Edited};
use crate::app::SharedApp;
use crate::caller::Caller;
use crate::failure::Failure;

/// Declares services and retires others; services that are neither named stay as they are. A dry run writes nothing.
/// `keep` makes of what was done what is kept of the answer.
///
/// # Errors
/// When policy refuses, the file contradicts itself or the CMDB, or the store fails.
pub(crate) async fn apply(
    app: &SharedApp,
    caller: &Caller,
    services: Vec<Service>,
    retire: BTreeSet<ServiceName>,
    dry_run: bool,
    keep: impl Fn(&Edited) -> Option<NewIdempotency> + Send + Sync + 'static,
) -> Result<Edited, Failure> {
    let plan = move |cmdb: &domain::cmdb::Cmdb| Ok((cmdb.plan_services(&services, &retire)?, Vec::new()));
    cmdb::commit(app, caller, SourceName::catalog(), dry_run, plan, keep).await
}
