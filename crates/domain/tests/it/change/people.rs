//! Who acts in the stories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use domain::actor::{Actor, ActorEvent, ActorKind, Delegation, DelegationScope, Role, evolve};
use domain::change::ActingActor;
use domain::id::ActorId;
use domain::risk::Level;
use domain::text::FreeText;
use jiff::SignedDuration;

use super::fixture::start_of_story;

/// How long authority is lent in the stories, in hours from their start.
pub(super) const LENT_HOURS: i64 = 72;

pub(super) fn id(name: &str) -> ActorId {
    ActorId::new(format!("act_{name}")).unwrap()
}

fn actor(name: &str, kind: ActorKind, roles: &[Role]) -> ActingActor {
    let roles = roles.iter().copied().collect();
    ActingActor::Registered { id: id(name), kind, on_behalf_of: None, roles, teams: BTreeSet::new() }
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
        ActingActor::Registered { id: acting, kind, roles, teams, .. } => {
            ActingActor::Registered { id: acting, kind, on_behalf_of: Some(id(other)), roles, teams }
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

/// Dora holds no role; others lend her theirs.
pub(super) fn dora() -> ActingActor {
    human("dora", &[])
}

/// Who lends, which roles that one holds, to whom, and for which levels; all where none is named.
type Loan = (&'static str, &'static [Role], &'static [&'static str], &'static [Level]);

/// Those who have lent their authority.
const LOANS: &[Loan] = &[
    ("lena", &[Role::TechnicalLead], &["dora", "ada", "lena_agent"], &[]),
    ("carl", &[Role::CabMember], &["dora", "cora"], &[]),
    ("cleo", &[Role::Ciso], &["dora"], &[Level::Medium]),
    ("eve", &[Role::EcabMember], &["dora"], &[]),
    // On the requester's side, though an authority.
    ("ada_other", &[Role::TechnicalLead, Role::CabMember], &["dora"], &[]),
];

static RECORDS: LazyLock<BTreeMap<ActorId, Actor>> = LazyLock::new(|| {
    let records = LOANS.iter().map(|(name, roles, to, levels)| {
        let registered = ActorEvent::Registered {
            name: FreeText::new(*name).unwrap(),
            kind: ActorKind::Human,
            owner: None,
            alias_of: None,
            roles: roles.iter().copied().collect(),
            teams: BTreeSet::new(),
            may_act_for: BTreeSet::new(),
        };
        let lent = to.iter().zip(1..).map(|(to, number)| ActorEvent::AuthorityDelegated {
            delegation_id: format!("dlg_{number}").parse().unwrap(),
            delegation: Box::new(Delegation {
                to: id(to),
                from: start_of_story(),
                until: start_of_story() + SignedDuration::from_hours(LENT_HOURS),
                scope: DelegationScope { levels: levels.iter().copied().collect(), ..Default::default() },
                away: false,
                reason: FreeText::new("on leave").unwrap(),
                ended: false,
            }),
        });
        let events = std::iter::once(registered).chain(lent);
        let actor = events
            .fold(None, |actor, event| Some(evolve(actor, &id(name), start_of_story(), &event).unwrap()));
        (id(name), actor.unwrap())
    });
    records.collect()
});

/// What the directory knows of somebody who has lent authority.
pub(super) fn record_of(id: &ActorId) -> Option<&'static Actor> {
    RECORDS.get(id)
}

static CARLS: LazyLock<BTreeSet<ActorId>> = LazyLock::new(|| ["carl", "carl_at_home"].map(id).into());
static NOBODY: BTreeSet<ActorId> = BTreeSet::new();

/// Every record of the same person: Carl has two.
pub(super) fn one_person(actor: &ActingActor) -> &'static BTreeSet<ActorId> {
    let speaks_for = [Some(actor.id()), actor.on_behalf_of().cloned()];
    let is_carl = speaks_for.iter().flatten().any(|id| CARLS.contains(id));
    if is_carl { &CARLS } else { &NOBODY }
}
