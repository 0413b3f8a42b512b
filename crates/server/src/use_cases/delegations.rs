//! Lending authority to another person, and ending that.

use domain::Timestamp;
use domain::actor::{Actor, ActorCommand, Delegate, Delegation, DelegationScope};
use domain::id::{ActorId, DelegationId};
use domain::text::FreeText;
use policy::Action;
use store::NewIdempotency;

use super::actors;
use crate::app::{App, SharedApp};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::follow;
use crate::known::Known;
use crate::view;

/// What somebody lends.
#[derive(Debug, Clone)]
pub(crate) struct Loan {
    /// Name or id of the one to whom.
    pub to: String,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// For which changes.
    pub scope: DelegationScope,
    /// Whether the lender is away meanwhile.
    pub away: bool,
    /// Why.
    pub reason: FreeText,
}

/// Lends the caller's authority. `keep` makes of the delegation's identifier what is kept of the answer.
///
/// # Errors
/// When policy or the caller's record refuses, the other one is not known, or the store fails.
pub(crate) async fn lend(
    app: &SharedApp,
    caller: &Caller,
    loan: Loan,
    keep: impl FnOnce(&DelegationId) -> Option<NewIdempotency>,
) -> Result<DelegationId, Failure> {
    let (lender, id) = (caller.id(), actors::new_delegation_id()?);
    let command = {
        let to = actors::find(app, &loan.to)?;
        let is_giver = app.known().directory.records_of(&lender).contains(&to.id);
        let delegate = Delegate { kind: to.kind, active: to.active, is_giver };
        let Loan { from, until, scope, away, reason, .. } = loan;
        let delegation = Box::new(Delegation { to: to.id, from, until, scope, away, reason, ended: false });
        ActorCommand::Delegate { delegation_id: id.clone(), delegation, to: delegate }
    };
    let kept = keep(&id);
    actors::update(app, caller, Action::DelegateAuthority, lender.as_str(), command, kept).await?;
    Ok(id)
}

/// Ends a delegation before its time.
///
/// # Errors
/// When policy refuses, there is no such delegation, or the store fails.
pub(crate) async fn end(
    app: &SharedApp,
    caller: &Caller,
    id: &DelegationId,
    reason: FreeText,
    kept: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let lender = lender(app, id).await?;
    let command = ActorCommand::EndDelegation { delegation_id: id.clone(), reason };
    actors::update(app, caller, Action::EndDelegation, lender.as_str(), command, kept).await?;
    Ok(())
}

/// A delegation as it is told.
///
/// # Errors
/// When there is none.
pub(crate) async fn told(app: &App, id: &DelegationId) -> Result<api::approval::Delegation, Failure> {
    let lender = lender(app, id).await?;
    let known = app.known();
    let actor = known.directory.get(&lender);
    let found = actor.and_then(|actor| Some((actor, actor.delegations.get(id)?)));
    let told =
        found.map(|(actor, delegation)| view::delegation(&known, actor, id, delegation, app.clock.now()));
    told.ok_or_else(|| unknown(id))
}

/// Delegations that are in force or to come, by when they end: those of one actor and those to it, or all.
pub(crate) fn live(known: &Known, of: Option<&ActorId>, now: Timestamp) -> Vec<api::approval::Delegation> {
    let is_asked = |actor: &Actor, one: &Delegation| of.is_none_or(|id| actor.id == *id || one.to == *id);
    let mut found: Vec<_> = known
        .directory
        .iter()
        .flat_map(|actor| actor.delegations.iter().map(move |(id, one)| (actor, id, one)))
        .filter(|(actor, _, one)| one.is_live(now) && is_asked(actor, one))
        .collect();
    found.sort_by_key(|(_, _, one)| one.until);
    found.into_iter().map(|(actor, id, one)| view::delegation(known, actor, id, one, now)).collect()
}

/// Whose authority a delegation lends. One of which only another server has heard so far is looked up first.
async fn lender(app: &App, id: &DelegationId) -> Result<ActorId, Failure> {
    let find = || {
        let known = app.known();
        let mut actors = known.directory.iter();
        actors.find(|actor| actor.delegations.contains_key(id)).map(|actor| actor.id.clone())
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    follow::catch_up(app).await?;
    find().ok_or_else(|| unknown(id))
}

fn unknown(id: &DelegationId) -> Failure {
    Failure::NotFound { what: "delegation", name: id.to_string() }
}
