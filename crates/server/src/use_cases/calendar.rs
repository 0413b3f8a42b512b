//! Keeping the calendar: adding and removing entries, and excepting changes from freezes.

use domain::calendar::{CalendarEvent, Entry};
use domain::id::{ChangeId, EntryName};
use domain::text::FreeText;
use jiff::SignedDuration;
use policy::{Action, Resource};
use store::{NewIdempotency, StreamAppend};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::{decided, single};
use crate::failure::Failure;
use crate::gates::calendar_stream;
use crate::record::{Envelope, Recorded, encode};
use crate::work::{ChangeWork, actor_guard};

/// What somebody wants of the calendar.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// A further entry.
    Add {
        /// Its name.
        name: EntryName,
        /// The entry.
        entry: Box<Entry>,
    },
    /// An entry less.
    Remove {
        /// Its name.
        name: EntryName,
        /// Why.
        reason: FreeText,
    },
    /// One change excepted from a freeze.
    Except {
        /// The freeze.
        freeze: EntryName,
        /// The change.
        change: ChangeId,
        /// Why.
        reason: FreeText,
        /// For how long.
        life: SignedDuration,
    },
}

impl Wanted {
    fn action(&self) -> Action {
        match self {
            Self::Add { .. } | Self::Remove { .. } => Action::ManageCalendar,
            Self::Except { .. } => Action::OverrideFreeze,
        }
    }
}

/// Decides what is wanted of the calendar and records it.
///
/// # Errors
/// When policy or the calendar refuses, or the store fails.
pub(crate) async fn change(
    app: &SharedApp,
    caller: &Caller,
    wanted: Wanted,
    kept: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let about = (wanted.action(), "calendar");
        let (shared, wanted, kept) = (&shared, &wanted, &kept);
        decided(shared, caller, about, move |caller| async move {
            attempt(shared, &caller, wanted, kept.clone()).await
        })
        .await
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    wanted: &Wanted,
    kept: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let ruling = match wanted {
        Wanted::Add { .. } | Wanted::Remove { .. } => {
            ask::about(app, caller, wanted.action(), &Resource::System)?
        }
        Wanted::Except { change, .. } => {
            ChangeWork::load(app, *change).await?.permitted(app, caller, wanted.action())?
        }
    };
    let calendar = app.known().calendar.clone();
    let at = app.clock.now().max(calendar.updated_at());
    let event = match wanted.clone() {
        Wanted::Add { name, entry } => calendar.add(name, *entry)?,
        Wanted::Remove { name, reason } => calendar.remove(name, reason)?,
        Wanted::Except { freeze, change, reason, life } => {
            let until = at.saturating_add(life).unwrap_or(domain::Timestamp::MAX);
            calendar.except(freeze, change, reason, until, at)?
        }
    };
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let events = vec![encode(&envelope, &event)];
    let part = StreamAppend { stream: calendar_stream()?, expected_version: calendar.version(), events };
    let mut append = single(part, actor_guard(caller)?.into_iter().collect());
    append.idempotency = kept;
    let appended = app.append(append).await?;
    let (version, index) = (calendar.version() + 1, appended.indexes.start);
    app.known_mut().apply_calendar(&Recorded::<CalendarEvent> {
        envelope,
        event,
        version,
        index,
        told: None,
    });
    Ok(())
}
