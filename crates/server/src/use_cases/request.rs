//! Submitting a draft and amending a change: what follows is a new assessment.

use domain::change::{Command, Content, StateName};
use domain::id::ChangeId;
use policy::Action;

use crate::app::SharedApp;
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::{Extras, with_change};
use crate::failure::{Failure, Precondition};
use crate::work::ChangeWork;

/// Submits a draft, assesses and routes it.
///
/// # Errors
/// When policy or the life of the change refuses, there is no such change, or the store fails.
pub(crate) async fn submit(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        with_change(&shared, &caller, id, extras, |work, known, caller| {
            work.command(&shared, caller, Action::Submit, Particulars::default(), &Command::Submit)?;
            work.assess_and_route(&shared, known)
        })
        .await
    })
    .await
}

/// Replaces the content of a change that was read at `expected_version`; assesses and routes it anew.
///
/// # Errors
/// When the change has moved on since, policy or the life of the change refuses, or the store fails.
pub(crate) async fn amend(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    expected_version: u64,
    content: Content,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    let command = Command::Amend { content: Box::new(content) };
    app.owned(async move {
        with_change(&shared, &caller, id, Extras::default(), |work, known, caller| {
            if work.change.version != expected_version {
                return Err(Precondition::StaleVersion {
                    expected: expected_version,
                    actual: work.change.version,
                }
                .into());
            }
            work.command(&shared, caller, Action::Amend, Particulars::default(), &command)?;
            match work.change.state_name() {
                StateName::Assessing => work.assess_and_route(&shared, known),
                _ => Ok(()),
            }
        })
        .await
    })
    .await
}
