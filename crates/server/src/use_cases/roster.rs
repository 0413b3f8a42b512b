//! The roster of the e-CAB: who of it is on call when.

use domain::ecab::{RosterEvent, Rotation, Shift, ShiftId};
use domain::id::RotationName;
use domain::text::FreeText;
use policy::{Action, Resource};
use store::{NewIdempotency, StreamAppend};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::{decided, single};
use crate::failure::Failure;
use crate::gates::roster_stream;
use crate::record::{Envelope, Recorded, encode};
use crate::work::actor_guard;

/// What somebody wants of the roster.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// A rotation.
    SetRotation {
        /// Its name.
        name: RotationName,
        /// The rotation.
        rotation: Box<Rotation>,
    },
    /// A rotation less.
    RemoveRotation {
        /// Its name.
        name: RotationName,
        /// Why.
        reason: FreeText,
    },
    /// A shift.
    SetShift(Box<Shift>),
    /// A shift less.
    RemoveShift {
        /// Which.
        shift: ShiftId,
        /// Why.
        reason: FreeText,
    },
}

/// Decides what is wanted of the roster and records it.
///
/// # Errors
/// When policy or the roster refuses, or the store fails.
pub(crate) async fn change(
    app: &SharedApp,
    caller: &Caller,
    wanted: Wanted,
    kept: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let about = (Action::ManageBoard, "ecab");
        let (shared, wanted, kept) = (&shared, &wanted, &kept);
        decided(shared, caller, about, move |caller| async move {
            attempt(shared, &caller, wanted.clone(), kept.clone()).await
        })
        .await
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    wanted: Wanted,
    kept: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let ruling = ask::about(app, caller, Action::ManageBoard, &Resource::System)?;
    let roster = app.known().roster.clone();
    let at = app.clock.now().max(roster.updated_at());
    let event = match wanted {
        Wanted::SetRotation { name, rotation } => roster.set_rotation(name, *rotation)?,
        Wanted::RemoveRotation { name, reason } => roster.remove_rotation(name, reason)?,
        Wanted::SetShift(shift) => roster.set_shift(*shift, at)?,
        Wanted::RemoveShift { shift, reason } => roster.remove_shift(shift, reason)?,
    };
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let events = vec![encode(&envelope, &event)];
    let part = StreamAppend { stream: roster_stream()?, expected_version: roster.version(), events };
    let mut append = single(part, actor_guard(caller)?.into_iter().collect());
    append.idempotency = kept;
    let index = app.append(append).await?.indexes.start;
    let version = roster.version() + 1;
    app.known_mut().apply_roster(&Recorded::<RosterEvent> { envelope, event, version, index, told: None });
    Ok(())
}
