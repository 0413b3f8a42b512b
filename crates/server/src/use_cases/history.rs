//! Importing changes of other systems: records that are new or were altered are appended, all others are left alone.

use api::FieldError;
use api::history::DomainImport;
use domain::Timestamp;
use domain::history::{HistoryEvent, RequesterKey, SourceSystem};
use domain::text::FreeText;
use policy::{Action, Resource};
use store::{Append, StreamAppend, StreamName};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::decided;
use crate::experience::Past;
use crate::failure::Failure;
use crate::imported::{IMPORTED_MAX, Imported, change_stream, system_stream};
use crate::record::{Envelope, encode};
use crate::work::actor_guard;

/// Bytes of randomness in a system's salt.
const SALT_BYTES: usize = 16;

/// What an import did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Changes that were not known.
    pub new: u64,
    /// Changes whose record was altered since.
    pub changed: u64,
    /// Changes that are recorded in the same words.
    pub unchanged: u64,
}

/// Records what other systems' changes were and how they ended. A dry run writes nothing.
///
/// # Errors
/// When policy refuses, a change has not ended yet, there are too many, or the store fails. Nothing was written then.
pub(crate) async fn import(
    app: &SharedApp,
    caller: &Caller,
    import: DomainImport,
    dry_run: bool,
) -> Result<Counts, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        shared.experience.ready().await;
        if !shared.experience.is_ready() {
            return Err(Failure::Overloaded("past changes are still being read: import more in a moment"));
        }
        let about = (Action::ImportHistory, "history");
        let (shared, import) = (&shared, &import);
        decided(shared, caller, about, move |caller| async move {
            attempt(shared, &caller, import, dry_run).await
        })
        .await
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    import: &DomainImport,
    dry_run: bool,
) -> Result<Counts, Failure> {
    let ruling = ask::about(app, caller, Action::ImportHistory, &Resource::System)?;
    let now = app.clock.now();
    require_ended(import, now)?;
    let plan = Plan::of(&app.known().imported, import)?;
    if dry_run || plan.events.is_empty() {
        return Ok(plan.counts);
    }
    let envelope =
        Envelope { at: now, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let mut append = plan.append(&envelope);
    append.guards.extend(actor_guard(caller)?);
    app.append(append).await?;
    let imported = &mut app.known_mut().imported;
    for Planned { stream, version, event } in &plan.events {
        imported.take(stream, version + 1, now, event);
    }
    app.experience.add(plan.events.iter().filter_map(|planned| Past::told_by(&planned.event)));
    Ok(plan.counts)
}

fn require_ended(import: &DomainImport, now: Timestamp) -> Result<(), Failure> {
    let early = import.changes.iter().position(|(_, change)| change.closed_at > now);
    early.map_or(Ok(()), |at| {
        let message = "lies in the future: only changes that have ended are imported";
        Err(FieldError::new(format!("changes[{at}].closed_at"), message).into())
    })
}

/// Events that an import leads to.
#[derive(Debug)]
struct Plan {
    counts: Counts,
    events: Vec<Planned>,
}

/// An event, and the version of its stream that it follows.
#[derive(Debug)]
struct Planned {
    stream: StreamName,
    version: u64,
    event: HistoryEvent,
}

impl Plan {
    fn of(imported: &Imported, import: &DomainImport) -> Result<Self, Failure> {
        let DomainImport { source, changes } = import;
        let mut plan = Self { counts: Counts::default(), events: Vec::new() };
        if changes.is_empty() {
            return Ok(plan);
        }
        let salt = plan.salt(imported, source)?;
        for (external_id, change) in changes {
            let stream = change_stream(source, external_id)?;
            let known = imported.find(&stream);
            let counted = match known {
                None => &mut plan.counts.new,
                Some(known) if known.digest == change.digest() => &mut plan.counts.unchanged,
                Some(_) => &mut plan.counts.changed,
            };
            *counted += 1;
            if known.is_some_and(|known| known.digest == change.digest()) {
                continue;
            }
            let requester = change.requester.as_ref();
            let event = HistoryEvent::Imported {
                source: source.clone(),
                external_id: external_id.clone(),
                requester_key: requester.map(|name| RequesterKey::derive(&salt, name.as_str())),
                change: Box::new(change.clone()),
            };
            plan.events.push(Planned { stream, version: known.map_or(0, |known| known.version), event });
        }
        let new = usize::try_from(plan.counts.new).unwrap_or(usize::MAX);
        if imported.len().saturating_add(new) > IMPORTED_MAX {
            let message =
                format!("more than {IMPORTED_MAX} changes would be imported: import the later ones only");
            return Err(FieldError::new("changes", message).into());
        }
        Ok(plan)
    }

    /// The salt of a system; a new one, and the event that records it, for a system that is not known.
    fn salt(&mut self, imported: &Imported, source: &SourceSystem) -> Result<String, Failure> {
        if let Some(salt) = imported.salt(source) {
            return Ok(salt.to_owned());
        }
        let mut bytes = [0; SALT_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Failure::Internal(error.to_string()))?;
        let salt = hex::encode(bytes);
        let recorded = FreeText::new(salt.as_str()).map_err(|error| Failure::Internal(error.to_string()))?;
        let event = HistoryEvent::SourceAdded { source: source.clone(), salt: recorded };
        self.events.push(Planned { stream: system_stream(source)?, version: 0, event });
        Ok(salt)
    }

    fn append(&self, envelope: &Envelope) -> Append {
        let streams = self.events.iter().map(|Planned { stream, version, event }| StreamAppend {
            stream: stream.clone(),
            expected_version: *version,
            events: vec![encode(envelope, event)],
        });
        Append { streams: streams.collect(), ..Append::default() }
    }
}
