//! Submitting a draft and amending a change: what follows is a new assessment.

use api::FieldError;
use domain::change::{Change, Command, Content, StateName};
use domain::id::ChangeId;
use policy::Action;

use crate::app::SharedApp;
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::{Extras, with_change};
use crate::failure::{Failure, Precondition};
use crate::known::Known;
use crate::use_cases::calibrations;
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
        shared.experience.ready().await;
        with_change(&shared, &caller, id, extras, |work, known, caller| {
            work.command(&shared, caller, Action::Submit, Particulars::default(), &Command::Submit)?;
            work.assess_and_route(&shared, known)
        })
        .await
    })
    .await
}

/// What replaces a change.
#[derive(Debug, Clone)]
pub(crate) struct Amendment {
    /// The version that was read.
    pub expected_version: u64,
    /// The content.
    pub content: Content,
    /// Whether the request calls it a draft.
    pub draft: bool,
    /// For whom it is asked, as the request names them.
    pub requested_by: Option<String>,
}

/// Replaces the content of a change; assesses and routes it anew.
///
/// # Errors
/// When the change has moved on since, policy or the life of the change refuses, or the store fails.
pub(crate) async fn amend(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    amendment: Amendment,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        shared.experience.ready().await;
        with_change(&shared, &caller, id, Extras::default(), |work, known, caller| {
            require_same(known, &work.change, &amendment)?;
            // What led to a change stays what it was when it was created.
            let caused_by = work.change.content.caused_by.clone();
            let mut content = Content { caused_by, ..amendment.content.clone() };
            calibrations::bind(&known.calibrations, &mut content)?;
            let command = Command::Amend { content: Box::new(content) };
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

/// An amendment is of the version that was read, and leaves alone whose change it is and whether it is a draft.
fn require_same(known: &Known, change: &Change, amendment: &Amendment) -> Result<(), Failure> {
    let Amendment { expected_version: expected, draft, requested_by, .. } = amendment;
    if change.version != *expected {
        return Err(Precondition::StaleVersion { expected: *expected, actual: change.version }.into());
    }
    if *draft && change.state_name() != StateName::Draft {
        let message = "a change that was submitted is a draft no more: leave it out";
        return Err(FieldError::new("draft", message).into());
    }
    let cause = |content: &Content| content.caused_by.as_ref().map(|caused_by| caused_by.cause.clone());
    let named = cause(&amendment.content);
    if named.is_some() && named != cause(&change.content) {
        let message = "an amendment does not change what led to the change: leave it out";
        return Err(FieldError::new("caused_by", message).into());
    }
    let Some(name) = requested_by else { return Ok(()) };
    let named = known.directory.find(name).map(|actor| &actor.id);
    if named.is_some() && (named == Some(&change.created_by) || named == change.on_behalf_of.as_ref()) {
        return Ok(());
    }
    let message = "an amendment does not change who asked: leave it out, or create another change";
    Err(FieldError::new("requested_by", message).into())
}
