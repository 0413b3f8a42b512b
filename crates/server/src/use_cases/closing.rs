//! Closing and reviewing.

use domain::approval::Proof;
use domain::change::{Command, Outcome};
use domain::id::ChangeId;
use domain::text::FreeText;
use policy::Action;

use super::simple;
use crate::app::{App, SharedApp};
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::Extras;
use crate::failure::Failure;
use crate::work::ChangeWork;

/// How a change is said to have ended.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// How.
    pub outcome: Outcome,
    /// The change that completes a partial one.
    pub follow_up: Option<ChangeId>,
    /// A closing remark.
    pub comment: Option<FreeText>,
    /// Where what was done is documented.
    pub documentation: Option<Proof>,
}

/// Ends and documents a change.
///
/// # Errors
/// When policy or the life of the change refuses, the follow-up does not exist, or the store fails.
pub(crate) async fn close(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    ending: Ending,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let Ending { outcome, follow_up, comment, documentation } = ending;
    if let Some(other) = follow_up {
        require_other(app, id, other).await?;
    }
    let particulars = Particulars { outcome: Some(outcome), ..Particulars::default() };
    let command = Command::Close { outcome, follow_up, comment, documentation };
    simple(app, caller, id, Action::Close, particulars, command, extras).await
}

/// A change is completed by another one that exists.
async fn require_other(app: &App, id: ChangeId, follow_up: ChangeId) -> Result<(), Failure> {
    let message = if follow_up == id {
        "a change cannot complete itself: name the change that does".to_owned()
    } else if app.store.change(follow_up).await?.is_none() {
        format!("there is no change `{follow_up}`: create the change that completes this one first")
    } else {
        return Ok(());
    };
    Err(api::FieldError::new("follow_up", message).into())
}
