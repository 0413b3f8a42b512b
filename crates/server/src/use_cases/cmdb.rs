//! Editing the CMDB: what a source says of items replaces what it said before, all of it in one append.
//!
//! The append expects the version of the stream `cmdb` at which it was planned, so that edits are in one order, and
//! every server that has followed them to a version has the same CMDB.

use std::collections::BTreeSet;

use api::FieldError;
use api::cmdb::DomainEdit;
use domain::cmdb::{CiEvent, Cmdb, CmdbEvent, Deletion, Difference, ImportPlan, ItemChange, SourceName};
use domain::id::CiName;
use policy::{Action, Resource};
use store::{Append, AppendError, NewIdempotency, PARTS_MAX, StreamAppend, StreamName};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::decided;
use crate::failure::Failure;
use crate::known::RecordedEdit;
use crate::load::{self, StoredItem};
use crate::project;
use crate::record::{Envelope, Recorded, encode};
use crate::work::{actor_guard, cmdb_stream};

/// Most items that one append changes; the stream of the CMDB itself is one more part of it.
const CHANGES_MAX: usize = PARTS_MAX - 1;

/// What an edit did, or would do.
#[derive(Debug)]
pub(crate) struct Edited {
    /// The source whose word it is.
    pub source: SourceName,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What happened to each item that is not as before.
    pub items: Vec<EditedItem>,
    /// How many items are described as before.
    pub unchanged: usize,
    /// Items to be withdrawn that the source did not have.
    pub absent: Vec<CiName>,
}

/// What an edit did to one item.
#[derive(Debug)]
pub(crate) struct EditedItem {
    /// What is done, by which event.
    pub change: ItemChange,
    /// The item as it was.
    pub before: StoredItem,
}

/// Lets a source describe and withdraw items.
///
/// # Errors
/// When policy refuses, the descriptions contradict themselves or exceed a limit, or the store fails.
pub(crate) async fn edit(
    app: &SharedApp,
    caller: &Caller,
    edit: DomainEdit,
    dry_run: bool,
) -> Result<Edited, Failure> {
    let DomainEdit { source, describe, withdraw } = edit;
    if source == SourceName::catalog() {
        let message =
            "`catalog` is the file of services: apply it with POST /api/v1/catalog, or choose another name";
        return Err(FieldError::new("source", message).into());
    }
    if let Some((name, _)) = describe.iter().find(|(name, _)| withdraw.contains(name)) {
        let message = format!("`{name}` is described and withdrawn: choose one");
        return Err(FieldError::new("withdraw", message).into());
    }
    let owned = source.clone();
    let plan = move |cmdb: &Cmdb| {
        let mut plan = cmdb.plan_import(&owned, &describe, Deletion::Keep)?;
        plan.changes.extend(withdrawals(cmdb, &owned, &withdraw));
        Ok((plan, absent(cmdb, &owned, &withdraw)))
    };
    commit(app, caller, source, dry_run, plan, |_| None).await
}

fn has(cmdb: &Cmdb, source: &SourceName, name: &CiName) -> bool {
    cmdb.get(name.as_str()).is_some_and(|ci| ci.sources().any(|(stating, _)| stating == source))
}

fn withdrawals<'a>(
    cmdb: &'a Cmdb,
    source: &'a SourceName,
    names: &'a BTreeSet<CiName>,
) -> impl Iterator<Item = ItemChange> + 'a {
    names.iter().filter(|name| has(cmdb, source, name)).map(|name| ItemChange {
        name: name.clone(),
        difference: Difference::Withdrawn,
        event: CiEvent::Withdrawn { source: source.clone() },
    })
}

fn absent(cmdb: &Cmdb, source: &SourceName, names: &BTreeSet<CiName>) -> Vec<CiName> {
    names.iter().filter(|name| !has(cmdb, source, name)).cloned().collect()
}

/// Plans an edit and commits it; plans again when somebody else was faster. Runs to its end even when the caller goes
/// away. `keep` makes of what was done what is kept of the answer.
///
/// # Errors
/// When policy or `plan` refuses, or the store fails.
pub(super) async fn commit<P, K>(
    app: &SharedApp,
    caller: &Caller,
    source: SourceName,
    dry_run: bool,
    plan: P,
    keep: K,
) -> Result<Edited, Failure>
where
    P: Fn(&Cmdb) -> Result<(ImportPlan, Vec<CiName>), Failure> + Send + Sync + 'static,
    K: Fn(&Edited) -> Option<NewIdempotency> + Send + Sync + 'static,
{
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let about = (Action::EditCmdb, "cmdb");
        let (shared, source, plan, keep) = (&shared, &source, &plan, &keep);
        decided(shared, caller, about, move |caller| async move {
            attempt(shared, &caller, source, dry_run, plan, keep).await
        })
        .await
    })
    .await
}

async fn attempt<P>(
    app: &App,
    caller: &Caller,
    source: &SourceName,
    dry_run: bool,
    plan: &P,
    keep: &impl Fn(&Edited) -> Option<NewIdempotency>,
) -> Result<Edited, Failure>
where
    P: Fn(&Cmdb) -> Result<(ImportPlan, Vec<CiName>), Failure>,
{
    let ruling = ask::about(app, caller, Action::EditCmdb, &Resource::Cmdb)?;
    let (planned, version, last_at) = {
        let known = app.known();
        (plan(&known.cmdb)?, known.cmdb_version, known.cmdb_at)
    };
    let (ImportPlan { changes, unchanged }, absent) = planned;
    if changes.len() > CHANGES_MAX {
        let count = changes.len();
        let message =
            format!("{count} items would change at once: at most {CHANGES_MAX} are accepted; send less");
        return Err(FieldError::new(".", message).into());
    }
    let mut stored = load::items(&app.store, changes.iter().map(|change| &change.name)).await?;
    let items = changes.into_iter().map(|change| {
        let before = stored.remove(&change.name).unwrap_or_default();
        EditedItem { change, before }
    });
    let edited = Edited { source: source.clone(), dry_run, items: items.collect(), unchanged, absent };
    if dry_run {
        return Ok(edited);
    }
    let idempotency = keep(&edited);
    if edited.items.is_empty() {
        // What there was nothing to do for is not done either when the same is asked for again.
        if idempotency.is_some() {
            app.append(Append { idempotency, ..Append::default() }).await?;
        }
        return Ok(edited);
    }
    let at = app.clock.now().max(last_at);
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let (mut append, recorded) = edited.append(&envelope, version)?;
    append.guards.extend(actor_guard(caller)?);
    append.idempotency = idempotency;
    app.append(append).await.map_err(name_item)?;
    app.known_mut().apply_edit(&recorded);
    Ok(edited)
}

/// An event that does not fit is told by its item, which is what the caller can do something about.
fn name_item(error: AppendError) -> Failure {
    match error {
        AppendError::InvalidEvent { stream, source, .. } => {
            let name = stream.as_ci().map_or_else(|| stream.to_string(), |name| name.to_string());
            let step = "leave out reasons and attributes, or describe its parts as items of their own";
            FieldError::new(name, format!("{source}; {step}")).into()
        }
        other => other.into(),
    }
}

impl Edited {
    /// The append that makes it so after `version` of the CMDB, and what it comes to.
    pub(super) fn append(
        &self,
        envelope: &Envelope,
        version: u64,
    ) -> Result<(Append, RecordedEdit), Failure> {
        let withdrawn = self.count(Difference::Withdrawn);
        let described = self.items.len() - withdrawn;
        let edited = CmdbEvent::Edited {
            source: self.source.clone(),
            described: u32::try_from(described).unwrap_or(u32::MAX),
            withdrawn: u32::try_from(withdrawn).unwrap_or(u32::MAX),
        };
        let edited = encode(envelope, &edited);
        // It stands before the events of the items, so that whoever reads it finds them behind it.
        let mut append = Append {
            streams: vec![StreamAppend {
                stream: cmdb_stream()?,
                expected_version: version,
                events: vec![edited],
            }],
            ..Append::default()
        };
        let mut items = Vec::with_capacity(self.items.len());
        for EditedItem { change, before } in &self.items {
            let ItemChange { name, event, .. } = change;
            let recorded = Recorded {
                envelope: envelope.clone(),
                event: event.clone(),
                version: before.version + 1,
                index: 0,
                told: None,
            };
            let events = vec![encode(envelope, event)];
            let stream = StreamName::ci(name);
            append.streams.push(StreamAppend { stream, expected_version: before.version, events });
            append.projections.extend(project::ci(name, &before.followed_by(&recorded)));
            items.push((name.clone(), recorded));
        }
        Ok((append, RecordedEdit { version: version + 1, items }))
    }

    /// How many items it changes in one way.
    pub(crate) fn count(&self, difference: Difference) -> usize {
        self.items.iter().filter(|item| item.change.difference == difference).count()
    }
}
