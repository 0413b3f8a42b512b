//! Approving and rejecting as an authority.

use domain::actor::Role;
use domain::approval::outstanding;
use domain::canonical::Digest;
use domain::change::{Change, ChangeType, Command, Refusal, State};
use domain::id::ChangeId;
use domain::text::FreeText;
use policy::Action;

use super::noted;
use crate::app::SharedApp;
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::{Extras, with_change};
use crate::failure::Failure;
use crate::work::ChangeWork;

/// An authority's approval.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    /// The role exercised, where the approver names it.
    pub role: Option<Role>,
    /// Digest of what was seen.
    pub digest: Digest,
    /// Conditions to be met before the start.
    pub conditions: Vec<FreeText>,
    /// Why.
    pub comment: Option<FreeText>,
}

/// Gives an authority's approval.
///
/// # Errors
/// When policy or the life of the change refuses, there is no such change, or the store fails.
pub(crate) async fn approve(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    approval: Approval,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let done = with_change(&shared, &caller, id, extras, |work, _, caller| {
            let Approval { digest, conditions, comment, .. } = approval.clone();
            let role = exercised(caller, &work.change, approval.role)?;
            let action = action(&work.change);
            let particulars =
                Particulars { authority: Some(role), digest: Some(digest), ..Particulars::default() };
            let command = Command::Approve { role, digest, conditions, comment };
            work.command(&shared, caller, action, particulars, &command)
        })
        .await;
        noted(&shared, &caller, Action::Approve, id, done).await
    })
    .await
}

/// Refuses a change as an authority; where it says what it was shown, only that.
///
/// # Errors
/// When policy or the life of the change refuses, there is no such change, or the store fails.
pub(crate) async fn reject(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    role: Option<Role>,
    shown: Option<Digest>,
    reason: FreeText,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let done = with_change(&shared, &caller, id, extras, |work, _, caller| {
            require_shown(&work.change, shown)?;
            let role = exercised(caller, &work.change, role)?;
            let particulars = Particulars { authority: Some(role), ..Particulars::default() };
            let command = Command::Reject { role, reason: reason.clone() };
            work.command(&shared, caller, Action::Reject, particulars, &command)
        })
        .await;
        noted(&shared, &caller, Action::Reject, id, done).await
    })
    .await
}

/// What was shown is not what the change is now.
fn require_shown(change: &Change, shown: Option<Digest>) -> Result<(), Refusal> {
    match shown.filter(|shown| *shown != change.digest) {
        Some(given) => Err(Refusal::DigestMismatch { given, current: change.digest }),
        None => Ok(()),
    }
}

/// Approving an emergency change is authorising it.
fn action(change: &Change) -> Action {
    match change.content.change_type {
        ChangeType::Emergency => Action::AuthoriseEmergency,
        ChangeType::Standard | ChangeType::Normal => Action::Approve,
    }
}

/// The role exercised: the one named, or the only outstanding one that the caller holds. A caller who holds none of
/// them is taken at the first outstanding one, so that policy says why it refuses.
fn exercised(caller: &Caller, change: &Change, named: Option<Role>) -> Result<Role, Failure> {
    if let Some(role) = named {
        return Ok(role);
    }
    let State::AwaitingApproval(awaiting) = &change.state else {
        return Ok(Role::TechnicalLead);
    };
    let gates = outstanding(&awaiting.requirements, &awaiting.approvals, change.digest);
    let roles: Vec<Role> = gates.iter().map(|gate| gate.role).collect();
    let holds = |role: &&Role| caller.actor().is_some_and(|actor| actor.roles.contains(role));
    let held: Vec<Role> = roles.iter().filter(holds).copied().collect();
    match held.as_slice() {
        [only] => Ok(*only),
        [] => Ok(roles.first().copied().unwrap_or(Role::TechnicalLead)),
        several => {
            let words: Vec<_> = several.iter().map(|role| role.as_str()).collect();
            let message = format!("name the role you exercise: {}", words.join(" or "));
            Err(Failure::Field(api::FieldError::new("role", message)))
        }
    }
}
