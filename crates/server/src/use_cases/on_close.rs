//! Bringing the CMDB up to date when a change is closed as successful, in the append that closes it.
//!
//! What is written was approved as a part of the change, so policy is not asked again. What somebody else has changed since
//! the change was assessed stays, and the change's trail says so.

use domain::Timestamp;
use domain::change::on_close::Updated;
use domain::change::{ChangeEvent, Command, Outcome};
use domain::cmdb::{Deletion, Description, SourceName};
use domain::id::{ActorId, CiName};
use domain::text::FreeText;
use policy::Action;
use store::Append;

use super::cmdb::{Edited, EditedItem};
use crate::app::App;
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::known::RecordedEdit;
use crate::load;
use crate::record::{DecidedBy, Envelope};
use crate::work::ChangeWork;

/// Most bytes of what the trail says of it.
const TOLD_BYTES_MAX: usize = 8_192;

/// The part of an append that edits the CMDB.
#[derive(Debug)]
pub(crate) struct CmdbPart {
    /// Its streams and views.
    pub append: Append,
    /// What it comes to.
    pub edit: RecordedEdit,
}

/// What becomes of the CMDB when the change is closed with this unit of work; nothing for any other one.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn prepare(app: &App, work: &mut ChangeWork) -> Result<Option<CmdbPart>, Failure> {
    let updates = work.change.content.on_close.cmdb.clone();
    if updates.is_empty() || work.closes_as() != Some(Outcome::Successful) {
        return Ok(None);
    }
    let assessed = load::items_at(&app.store, updates.keys(), assessed_at(work)).await?;
    let mut now = load::items(&app.store, updates.keys()).await?;
    let mut described: Vec<(CiName, Description)> = Vec::new();
    let mut told = Vec::new();
    for (name, update) in &updates {
        let nothing = load::StoredItem::default();
        let (before, is) = (assessed.get(name).unwrap_or(&nothing), now.get(name).unwrap_or(&nothing));
        match update.apply(work.change.id, &before.item, &is.item) {
            Updated::Described(description) => {
                told.push(format!("`{name}` is now {}", update.in_words()));
                described.push((name.clone(), *description));
            }
            Updated::Already => told.push(format!("`{name}` was {} already", update.in_words())),
            Updated::Left(why) => told.push(format!("`{name}` is left as it is: {why}")),
        }
    }
    let source = SourceName::changes();
    let (planned, version, last_at) = {
        let known = app.known();
        (known.cmdb.plan_import(&source, &described, Deletion::Keep), known.cmdb_version, known.cmdb_at)
    };
    let changes = planned.map(|plan| plan.changes).unwrap_or_else(|error| {
        told = vec![format!("nothing was written: {error}")];
        Vec::new()
    });
    let text = FreeText::excerpt(&format!("CMDB: {}", told.join("; ")), TOLD_BYTES_MAX);
    work.command(app, &Caller::System, Action::Comment, Particulars::default(), &Command::Comment { text })?;
    if changes.is_empty() {
        return Ok(None);
    }
    let items = changes.into_iter().map(|change| {
        let before = now.remove(&change.name).unwrap_or_default();
        EditedItem { change, before }
    });
    let (dry_run, unchanged, absent) = (false, 0, Vec::new());
    let edited = Edited { source, dry_run, items: items.collect(), unchanged, absent };
    let (at, actor) = (work.now.max(last_at), ActorId::system());
    let envelope = Envelope { at, actor, on_behalf_of: None, decided_by: DecidedBy::default() };
    let (append, edit) = edited.append(&envelope, version)?;
    Ok(Some(CmdbPart { append, edit }))
}

/// When the change was assessed as it was approved.
fn assessed_at(work: &ChangeWork) -> Timestamp {
    let last = work.trail.iter().rev().find(|it| matches!(it.event, ChangeEvent::RiskAssessed { .. }));
    last.map_or(work.change.created_at, |recorded| recorded.envelope.at)
}
