//! Reading what the log holds: incidents, and everything that is kept in memory.

use domain::actor::ActorEvent;
use domain::catalog::CatalogEvent;
use domain::id::{ActorId, IncidentId};
use domain::incident::{self, CorruptIncident, Incident, IncidentEvent};
use store::{STREAMS_PAGE_MAX, Store, StreamName};

use crate::app::App;
use crate::failure::Failure;
use crate::known::{Ending, Known};
use crate::record::{Recorded, decode};
use crate::work::catalog_stream;

/// An incident and everything that ever happened to it.
///
/// # Errors
/// When there is no such incident, or the store or the log fails.
pub(crate) async fn incident(app: &App, id: IncidentId) -> Result<Incident, Failure> {
    let stored = app.store.read_stream(&StreamName::incident(id), 1).await?;
    let trail: Vec<Recorded<IncidentEvent>> = stored.into_iter().map(decode).collect::<Result<_, _>>()?;
    fold_incident(id, &trail)?.ok_or_else(|| Failure::NotFound { what: "incident", name: id.to_string() })
}

/// Folds an incident's events; nothing when there are none.
///
/// # Errors
/// When an event cannot follow the earlier ones.
pub(crate) fn fold_incident(
    id: IncidentId,
    trail: &[Recorded<IncidentEvent>],
) -> Result<Option<Incident>, CorruptIncident> {
    let mut incident = None;
    for Recorded { envelope, event, .. } in trail {
        incident = Some(incident::evolve(incident, id, envelope.at, &envelope.actor, event)?);
    }
    Ok(incident)
}

/// Folds everything that is kept in memory from the log.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn known(store: &Store) -> Result<Known, Failure> {
    let mut known = Known::default();
    let mut after = None;
    loop {
        let page = store.streams("actor/", after.as_ref(), STREAMS_PAGE_MAX).await?;
        for stream in &page {
            refresh_actor(store, &mut known, &stream.stream).await?;
        }
        match page.last() {
            Some(last) if page.len() == STREAMS_PAGE_MAX => after = Some(last.stream.clone()),
            Some(_) | None => break,
        }
    }
    for stored in store.read_stream(&catalog_stream()?, 1).await? {
        known.apply_catalog(&decode::<CatalogEvent>(stored)?);
    }
    for closed in store.closed_changes().await? {
        known.endings.add(&Ending::of_row(closed));
    }
    Ok(known)
}

async fn refresh_actor(store: &Store, known: &mut Known, stream: &StreamName) -> Result<(), Failure> {
    let id = stream.as_str().trim_start_matches("actor/");
    let id = ActorId::new(id).map_err(|error| Failure::Internal(error.to_string()))?;
    for stored in store.read_stream(stream, 1).await? {
        known.apply_actor(&id, &decode::<ActorEvent>(stored)?)?;
    }
    Ok(())
}

/// Reads an actor's or the catalogue's newest events, because another server has written some.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn refresh(app: &App, stream: &StreamName) -> Result<(), Failure> {
    if let Some(id) = stream.as_str().strip_prefix("actor/") {
        let id = ActorId::new(id).map_err(|error| Failure::Internal(error.to_string()))?;
        let stored = app.store.read_stream(stream, 1).await?;
        let mut known = app.known_mut();
        for event in stored {
            known.apply_actor(&id, &decode::<ActorEvent>(event)?)?;
        }
    } else if *stream == catalog_stream()? {
        let stored = app.store.read_stream(stream, 1).await?;
        let mut known = app.known_mut();
        for event in stored {
            known.apply_catalog(&decode::<CatalogEvent>(event)?);
        }
    }
    Ok(())
}
