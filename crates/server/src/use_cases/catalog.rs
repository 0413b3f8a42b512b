//! Applying a file of services to the catalogue.

use std::collections::BTreeSet;

use domain::catalog::{CatalogEvent, Service};
use domain::id::ServiceName;
use policy::{Action, Resource};
use store::StreamAppend;

use super::refusal;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::{single, yield_to_others};
use crate::failure::Failure;
use crate::record::{Envelope, Recorded, encode};
use crate::work::{actor_guard, allowed_by, catalog_stream};

/// How often a decision is made again because somebody else was faster.
const ATTEMPTS_MAX: usize = 8;

/// Declares services and retires others; services that are neither named stay as they are. A dry run writes nothing.
///
/// # Errors
/// When policy or the catalogue refuses, or the store fails.
pub(crate) async fn apply(
    app: &SharedApp,
    caller: &Caller,
    services: Vec<Service>,
    retire: BTreeSet<ServiceName>,
    dry_run: bool,
) -> Result<Vec<CatalogEvent>, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let mut caller = caller;
        for _ in 0..ATTEMPTS_MAX {
            match attempt(&shared, &caller, &services, &retire, dry_run).await {
                Ok(events) => return Ok(events),
                Err(failure @ Failure::Denied(_)) => {
                    refusal::note(&shared, &caller, Action::ApplyCatalog, "catalog", &failure).await;
                    return Err(failure);
                }
                Err(failure) => caller = yield_to_others(&shared, &caller, failure).await?,
            }
        }
        Err(Failure::Contended)
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    services: &[Service],
    retire: &BTreeSet<ServiceName>,
    dry_run: bool,
) -> Result<Vec<CatalogEvent>, Failure> {
    let answer = ask::about(app, caller, Action::ApplyCatalog, &Resource::Catalog)?;
    let (events, version) = {
        let known = app.known();
        let mut events = known.catalog.declare(services)?;
        let declared = events.iter().fold(known.catalog.clone(), |catalog, event| catalog.evolve(event));
        events.extend(declared.retire(retire)?);
        (events, known.catalog_version)
    };
    if dry_run || events.is_empty() {
        return Ok(events);
    }
    let envelope = Envelope {
        at: app.clock.now(),
        actor: caller.id(),
        on_behalf_of: None,
        policies: allowed_by(&answer),
    };
    let encoded: Result<Vec<_>, _> = events.iter().map(|event| encode(&envelope, event)).collect();
    let encoded = encoded.map_err(|error| Failure::Internal(error.to_string()))?;
    let stream = catalog_stream()?;
    let part = StreamAppend { stream, expected_version: version, events: encoded };
    let appended = app.append(single(part, actor_guard(caller)?.into_iter().collect())).await?;
    let mut known = app.known_mut();
    for (offset, event) in (0_u64..).zip(&events) {
        known.apply_catalog(&Recorded {
            envelope: envelope.clone(),
            event: event.clone(),
            version: version + 1 + offset,
            index: appended.indexes.start + offset,
        });
    }
    Ok(events)
}
