//! Gates that no policy file can take away. Policy says the same in its core controls; these are the domain's own
//! invariants, so that an added or erring policy cannot open them.

use crate::actor::{ActorKind, Role};
use crate::change::command::{ActingActor, Facts};
use crate::change::refusal::Refusal;
use crate::change::state::Change;
use crate::id::ActorId;

/// The actor, when it is a human.
pub(super) fn human<'a>(facts: &Facts<'a>) -> Result<&'a ActorId, Refusal> {
    match facts.actor {
        ActingActor::Registered { id, kind: ActorKind::Human, .. } => Ok(id),
        ActingActor::Registered { kind: ActorKind::Agent | ActorKind::Service, .. } | ActingActor::System => {
            Err(Refusal::HumanGate)
        }
    }
}

/// The actor, when it is a human who does not decide about a change of its own side.
pub(super) fn independent_human<'a>(change: &Change, facts: &Facts<'a>) -> Result<&'a ActorId, Refusal> {
    let id = human(facts)?;
    let is_own =
        |actor: &ActorId| facts.parties.contains(actor) || change.asked_by().any(|asked| asked == actor);
    if is_own(id) || facts.actor.on_behalf_of().is_some_and(is_own) {
        return Err(Refusal::SegregationOfDuties);
    }
    Ok(id)
}

/// In whose authority somebody decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Authority<'a> {
    /// Who decides.
    pub(super) by: &'a ActorId,
    /// Who lent the authority, when it is not the decider's own.
    pub(super) delegated_by: Option<&'a ActorId>,
}

/// The actor, when it is a human outside the requester's side who holds the role exercised; or to whom one outside of it
/// who holds it has lent it. What was lent to that one is not held by it, so nothing is lent on.
pub(super) fn authority<'a>(
    change: &Change,
    role: Role,
    facts: &Facts<'a>,
) -> Result<Authority<'a>, Refusal> {
    let by = independent_human(change, facts)?;
    let ActingActor::Registered { roles, on_behalf_of, .. } = facts.actor else {
        return Err(Refusal::HumanGate);
    };
    let Some(other) = on_behalf_of else {
        let own = Authority { by, delegated_by: None };
        return if roles.contains(&role) { Ok(own) } else { Err(Refusal::RoleNotHeld { role }) };
    };
    let level = change.assessment().map(|assessment| assessment.level);
    let lends = facts.delegator.is_some_and(|delegator| {
        delegator.id == *other
            && delegator.roles.contains(&role)
            && delegator.lends_to(by, &change.content, level, facts.now)
    });
    if lends { Ok(Authority { by, delegated_by: Some(other) }) } else { Err(Refusal::NotDelegated { role }) }
}

/// The actor, when it decides by a role of its own.
pub(super) fn own_authority<'a>(
    change: &Change,
    role: Role,
    facts: &Facts<'a>,
) -> Result<&'a ActorId, Refusal> {
    match authority(change, role, facts)? {
        Authority { by, delegated_by: None } => Ok(by),
        Authority { delegated_by: Some(_), .. } => Err(Refusal::NotDelegated { role }),
    }
}
