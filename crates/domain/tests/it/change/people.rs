//! Who acts in the stories.

use std::collections::BTreeSet;

use domain::actor::{ActorKind, Role};
use domain::change::ActingActor;
use domain::id::ActorId;

pub(super) fn id(name: &str) -> ActorId {
    ActorId::new(format!("act_{name}")).unwrap()
}

fn actor(name: &str, kind: ActorKind, roles: &[Role]) -> ActingActor {
    let roles = roles.iter().copied().collect();
    ActingActor::Registered { id: id(name), kind, on_behalf_of: None, roles }
}

/// A person.
pub(super) fn human(name: &str, roles: &[Role]) -> ActingActor {
    actor(name, ActorKind::Human, roles)
}

/// An agent to which somebody has given every role.
pub(super) fn agent(name: &str) -> ActingActor {
    actor(name, ActorKind::Agent, Role::ALL)
}

/// The same actor, acting for somebody else.
pub(super) fn acting_for(actor: ActingActor, other: &str) -> ActingActor {
    match actor {
        ActingActor::Registered { id: acting, kind, roles, .. } => {
            ActingActor::Registered { id: acting, kind, on_behalf_of: Some(id(other)), roles }
        }
        ActingActor::System => ActingActor::System,
    }
}

/// The requester.
pub(super) fn ada() -> ActingActor {
    human("ada", &[Role::Requester])
}

/// A technical lead.
pub(super) fn lena() -> ActingActor {
    human("lena", &[Role::TechnicalLead])
}

/// A member of the CAB.
pub(super) fn carl() -> ActingActor {
    human("carl", &[Role::CabMember])
}

/// Another member of the CAB, who is a technical lead as well.
pub(super) fn cora() -> ActingActor {
    human("cora", &[Role::CabMember, Role::TechnicalLead])
}

/// The chief information security officer.
pub(super) fn cleo() -> ActingActor {
    human("cleo", &[Role::Ciso])
}

/// The chief technology officer.
pub(super) fn tom() -> ActingActor {
    human("tom", &[Role::Cto])
}

/// The on-call member of the emergency CAB.
pub(super) fn eve() -> ActingActor {
    human("eve", &[Role::EcabMember])
}

/// The change manager.
pub(super) fn max() -> ActingActor {
    human("max", &[Role::ChangeManager])
}

/// The runner, a service.
pub(super) fn runner() -> ActingActor {
    actor("runner", ActorKind::Service, &[Role::Implementer])
}

/// Another runner.
pub(super) fn second_runner() -> ActingActor {
    actor("runner2", ActorKind::Service, &[Role::Implementer])
}

/// The requester's side as the directory knows it: Ada, her other record, and the agent that she owns.
pub(super) fn parties() -> BTreeSet<ActorId> {
    ["ada", "ada_other", "ada_agent"].map(id).into()
}
