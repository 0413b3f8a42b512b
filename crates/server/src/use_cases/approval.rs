//! Deciding as an authority: approving, rejecting, withdrawing, also in somebody's place; and overriding what was decided
//! automatically.

use domain::actor::{Actor, Role};
use domain::approval::{ApprovalSettings, Case, Requirements, outstanding, requirements};
use domain::canonical::Digest;
use domain::change::{Change, ChangeType, Command, Override, Refusal, State};
use domain::id::ChangeId;
use domain::risk::Level;
use domain::text::FreeText;
use policy::Action;

use super::noted;
use crate::app::SharedApp;
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::{Extras, with_change};
use crate::deciders::lenders;
use crate::failure::Failure;
use crate::known::Known;
use crate::work::ChangeWork;

/// In which role and in whose place somebody decides, as far as they say so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capacity {
    /// The role exercised.
    pub role: Option<Role>,
    /// Name or id of the one whose authority it is.
    pub in_place_of: Option<String>,
}

/// An authority's approval.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    /// In which capacity.
    pub capacity: Capacity,
    /// Digest of what was seen.
    pub digest: Digest,
    /// Conditions to be met before the start.
    pub conditions: Vec<FreeText>,
    /// Why.
    pub comment: Option<FreeText>,
}

/// An authority's refusal.
#[derive(Debug, Clone)]
pub(crate) struct Rejection {
    /// In which capacity.
    pub capacity: Capacity,
    /// Digest of what was seen, where that is said.
    pub shown: Option<Digest>,
    /// Why.
    pub reason: FreeText,
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
        let done = with_change(&shared, &caller, id, extras, |work, known, caller| {
            let Approval { capacity, digest, conditions, comment } = approval.clone();
            let Spoken { role, delegator } = spoken(known, caller, work, &capacity)?;
            work.know_people(known, [&caller.id()].into_iter().chain(delegator.as_ref().map(|it| &it.id)));
            let action = action(&work.change);
            let particulars = Particulars {
                authority: Some(role),
                digest: Some(digest),
                delegator: delegator.as_ref(),
                ..Particulars::default()
            };
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
    rejection: Rejection,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let done = with_change(&shared, &caller, id, extras, |work, known, caller| {
            let Rejection { capacity, shown, reason } = rejection.clone();
            require_shown(&work.change, shown)?;
            let Spoken { role, delegator } = spoken(known, caller, work, &capacity)?;
            let delegator = delegator.as_ref();
            let particulars = Particulars { authority: Some(role), delegator, ..Particulars::default() };
            let command = Command::Reject { role, reason };
            work.command(&shared, caller, Action::Reject, particulars, &command)
        })
        .await;
        noted(&shared, &caller, Action::Reject, id, done).await
    })
    .await
}

/// Takes an approval back: by whoever gave it, or by the one in whose place it was given.
///
/// # Errors
/// When policy or the life of the change refuses, there is no such change, or the store fails.
pub(crate) async fn withdraw(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    reason: FreeText,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let done = with_change(&shared, &caller, id, extras, |work, known, caller| {
            // Whoever holds no role may still take back what was given by lent authority, also when that is over.
            let delegator = delegator_of(known, caller, &work.change);
            let particulars = Particulars { delegator: delegator.as_ref(), ..Particulars::default() };
            let command = Command::WithdrawApproval { reason: reason.clone() };
            work.command(&shared, caller, Action::WithdrawApproval, particulars, &command)
        })
        .await;
        noted(&shared, &caller, Action::WithdrawApproval, id, done).await
    })
    .await
}

/// The one in whose place the caller has approved, where it has.
fn delegator_of(known: &Known, caller: &Caller, change: &Change) -> Option<Actor> {
    let approvals = match &change.state {
        State::AwaitingApproval(awaiting) => awaiting.approvals.as_slice(),
        _ => change.authorization().map_or(&[][..], |authorization| &authorization.approvals),
    };
    let own = approvals.iter().find(|approval| approval.by == caller.id())?;
    known.directory.get(own.delegated_by.as_ref()?).cloned()
}

/// Which automated decision is overridden, as somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overriding {
    /// That policy did not approve a low risk without a person: it is approved by the authority above.
    PreApproval,
    /// The rejection by a deadline or a policy.
    Rejection,
    /// The level.
    Level(Level),
}

/// Overrides what was decided automatically.
///
/// # Errors
/// When policy or the life of the change refuses, there is no such change, or the store fails.
pub(crate) async fn override_decision(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    overriding: Overriding,
    (digest, reason): (Digest, FreeText),
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let done = with_change(&shared, &caller, id, extras, |work, known, caller| {
            let authority = work.change.requirements().map(Requirements::overridden_by);
            let particulars = Particulars { authority, digest: Some(digest), ..Particulars::default() };
            let instead = instead(&shared.config.approvals, &work.change, overriding);
            let command = Command::Override { instead, digest, reason: reason.clone() };
            work.command(&shared, caller, Action::OverrideDecision, particulars, &command)?;
            let Some(role) = authority.filter(|_| overriding == Overriding::PreApproval) else {
                return Ok(());
            };
            // It is decided in the same breath, under every rule of an approval.
            work.know_people(known, [&caller.id()]);
            let comment = Some(reason.clone());
            let command = Command::Approve { role, digest, conditions: Vec::new(), comment };
            let action = action(&work.change);
            work.command(&shared, caller, action, particulars, &command)
        })
        .await;
        noted(&shared, &caller, Action::OverrideDecision, id, done).await
    })
    .await
}

/// What is decided instead. Of another level, the rules are asked as though policy had called people in: an override
/// never does without a person.
fn instead(settings: &ApprovalSettings, change: &Change, overriding: Overriding) -> Override {
    match overriding {
        Overriding::PreApproval => Override::PreApproval,
        Overriding::Rejection => Override::Rejection,
        Overriding::Level(level) => {
            let assessed = change.assessment().map(|assessment| Case::of(assessment, false));
            let routed_as = assessed.map_or(ChangeType::Normal, |case| case.routed_as);
            let health_information = assessed.is_some_and(|case| case.health_information);
            let irreversible = assessed.is_some_and(|case| case.irreversible);
            let case = Case {
                routed_as,
                level,
                clear: false,
                health_information,
                irreversible,
                pre_approval_permitted: false,
            };
            Override::Level { level, requirements: requirements(settings, case) }
        }
    }
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

/// In which role somebody decides, and in whose place.
struct Spoken {
    role: Role,
    delegator: Option<Actor>,
}

/// In which role and in whose place the caller decides: as it says; or by the only outstanding role that it holds; or, when
/// it holds none of them, in place of the only one who has lent it one. Who has neither is taken at the first outstanding
/// role, so that policy says why it refuses.
fn spoken(known: &Known, caller: &Caller, work: &ChangeWork, capacity: &Capacity) -> Result<Spoken, Failure> {
    let asked = asked(&work.change);
    if let Some(name) = &capacity.in_place_of {
        let shown = || name.chars().filter(|c| !c.is_control()).take(128).collect();
        let other = known.directory.find(name).cloned();
        let other = other.ok_or_else(|| Failure::NotFound { what: "actor", name: shown() })?;
        let role = exercised(&asked, capacity.role, |role| other.roles.contains(role))?;
        return Ok(Spoken { role, delegator: Some(other) });
    }
    let holds = |role: &Role| caller.actor().is_some_and(|actor| actor.roles.contains(role));
    let wanted: Vec<_> = capacity.role.map_or_else(|| asked.clone(), |role| vec![role]);
    if !wanted.iter().any(holds) {
        let by = caller.id();
        let lenders = lenders(known, &work.change, &by, work.now);
        let mut lenders = lenders.filter(|other| wanted.iter().any(|role| other.roles.contains(role)));
        match (lenders.next(), lenders.next()) {
            (Some(only), None) => {
                let role = exercised(&wanted, capacity.role, |role| only.roles.contains(role))?;
                return Ok(Spoken { role, delegator: Some(only.clone()) });
            }
            (Some(one), Some(other)) => {
                let names = [one, other].map(|actor| known.directory.name_of(&actor.id));
                let message = format!("name in whose place you decide: {}, or another", names.join(", "));
                return Err(Failure::Field(api::FieldError::new("in_place_of", message)));
            }
            (None, _) => {}
        }
    }
    let role = match capacity.role {
        // One who is asked later only is told so.
        None if !asked.iter().any(holds) => {
            later(&work.change).into_iter().find(holds).or_else(|| asked.first().copied())
        }
        named => named,
    };
    Ok(Spoken { role: exercised(&asked, role, holds)?, delegator: None })
}

/// The roles whose turn has not come.
fn later(change: &Change) -> Vec<Role> {
    match &change.state {
        State::AwaitingApproval(awaiting) => {
            let open = outstanding(&awaiting.requirements, &awaiting.approvals, change.digest);
            open.iter().map(|gate| gate.role).collect()
        }
        _ => Vec::new(),
    }
}

/// The roles in which somebody may approve now.
fn asked(change: &Change) -> Vec<Role> {
    match &change.state {
        State::AwaitingApproval(awaiting) => awaiting.asked(change.digest),
        _ => vec![Role::TechnicalLead],
    }
}

/// The role exercised: the one named, or the only one asked that is held.
fn exercised(asked: &[Role], named: Option<Role>, holds: impl Fn(&Role) -> bool) -> Result<Role, Failure> {
    if let Some(role) = named {
        return Ok(role);
    }
    let held: Vec<Role> = asked.iter().filter(|role| holds(role)).copied().collect();
    match held.as_slice() {
        [only] => Ok(*only),
        [] => Ok(asked.first().copied().unwrap_or(Role::TechnicalLead)),
        several => {
            let words: Vec<_> = several.iter().map(|role| role.as_str()).collect();
            let message = format!("name the role you exercise: {}", words.join(" or "));
            Err(Failure::Field(api::FieldError::new("role", message)))
        }
    }
}
