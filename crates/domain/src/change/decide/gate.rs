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
    let is_own = |actor: &ActorId| {
        facts.parties.contains(actor)
            || change.created_by == *actor
            || change.on_behalf_of.as_ref() == Some(actor)
            || change.amended_by.contains(actor)
    };
    if is_own(id) || facts.actor.on_behalf_of().is_some_and(is_own) {
        return Err(Refusal::SegregationOfDuties);
    }
    Ok(id)
}

/// The actor, when it is a human outside the requester's side who holds the role exercised.
pub(super) fn authority<'a>(change: &Change, role: Role, facts: &Facts<'a>) -> Result<&'a ActorId, Refusal> {
    let id = independent_human(change, facts)?;
    let is_held = match facts.actor {
        ActingActor::Registered { roles, .. } => roles.contains(&role),
        ActingActor::System => false,
    };
    if is_held { Ok(id) } else { Err(Refusal::RoleNotHeld { role }) }
}
