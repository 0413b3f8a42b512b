//! Closing and reviewing.

use domain::change::{Command, Outcome};
use domain::id::ChangeId;
use domain::text::FreeText;
use policy::Action;

use super::simple;
use crate::app::SharedApp;
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::Extras;
use crate::failure::Failure;
use crate::work::{self, ChangeWork};

/// Ends and documents a change.
///
/// # Errors
/// When policy or the life of the change refuses, the follow-up does not exist, or the store fails.
pub(crate) async fn close(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    outcome: Outcome,
    follow_up: Option<ChangeId>,
    comment: Option<FreeText>,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    if let Some(other) = follow_up {
        work::load(app, other).await?;
    }
    let particulars = Particulars { outcome: Some(outcome), ..Particulars::default() };
    let command = Command::Close { outcome, follow_up, comment };
    simple(app, caller, id, Action::Close, particulars, command, extras).await
}
