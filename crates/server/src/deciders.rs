//! Who can decide about a change: those who hold a role that is asked, and those to whom they have lent it.
//!
//! What is said here helps people to find each other. Whether somebody may decide is settled by policy and by the domain
//! when they do.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::actor::{Actor, ActorKind, Role};
use domain::approval::Approval;
use domain::change::{Awaiting, Change};
use domain::id::ActorId;
use domain::risk::Level;

use crate::ask::parties;
use crate::gates::Gates;
use crate::known::Known;

/// One way in which somebody could pass a gate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Say {
    /// Who.
    pub id: ActorId,
    /// The role exercised.
    pub role: Role,
    /// Whose authority that is, when it was lent.
    pub in_place_of: Option<ActorId>,
}

/// A change that waits for authorities, and everybody who could have a say in it.
#[derive(Debug)]
pub(crate) struct Electorate<'a> {
    known: &'a Known,
    change: &'a Change,
    awaiting: &'a Awaiting,
    now: Timestamp,
    level: Option<Level>,
    side: BTreeSet<ActorId>,
    spoken: BTreeSet<ActorId>,
    gates: Gates,
}

impl<'a> Electorate<'a> {
    /// Those who could decide about `change` at `now`.
    pub(crate) fn of(known: &'a Known, change: &'a Change, awaiting: &'a Awaiting, now: Timestamp) -> Self {
        let current = awaiting.approvals.iter().filter(|approval| approval.digest == change.digest);
        let spoken = current.flat_map(Approval::people).flat_map(|id| known.directory.records_of(id));
        let level = change.assessment().map(|assessment| assessment.level);
        let (side, spoken) = (parties(known, change), spoken.collect());
        let gates = Gates::of(known, change, now);
        Self { known, change, awaiting, now, level, side, spoken, gates }
    }

    /// Those who could approve in `role`: active humans who hold it or to whom such a one has lent it, none of them on the
    /// requester's side or among those who have approved. Who is away meanwhile is left to whom they lent it.
    pub(crate) fn holders(&self, role: Role) -> Vec<Say> {
        let mut says = Vec::new();
        for holder in self.known.directory.iter().filter(|actor| actor.roles.contains(&role)) {
            if !self.may_speak(holder) || !self.is_called(&holder.id, role) {
                continue;
            }
            if !holder.is_away(&self.change.content, self.level, self.now) {
                says.push(Say { id: holder.id.clone(), role, in_place_of: None });
            }
            let lent = holder.lent(&self.change.content, self.level, self.now);
            let delegates = lent.filter_map(|delegation| self.known.directory.get(&delegation.to));
            says.extend(delegates.filter(|other| self.may_speak(other)).map(|other| Say {
                id: other.id.clone(),
                role,
                in_place_of: Some(holder.id.clone()),
            }));
        }
        says
    }

    /// The ways in which one actor could approve now: by own roles first.
    pub(crate) fn says_of(&self, actor: &Actor) -> Vec<Say> {
        if !self.may_speak(actor) {
            return Vec::new();
        }
        let asked = self.awaiting.asked(self.change.digest);
        let say = |role: &Role, in_place_of| Say { id: actor.id.clone(), role: *role, in_place_of };
        let own = asked.iter().filter(|role| actor.roles.contains(role) && self.is_called(&actor.id, **role));
        let own = own.map(|role| say(role, None));
        let mut says: Vec<_> = own.collect();
        for lender in lenders(self.known, self.change, &actor.id, self.now) {
            let lent = asked.iter().filter(|role| lender.roles.contains(role) && self.may_speak(lender));
            says.extend(lent.map(|role| say(role, Some(lender.id.clone()))));
        }
        says
    }

    /// Of an emergency, only those decide who are on call.
    fn is_called(&self, id: &ActorId, role: Role) -> bool {
        role != Role::EcabMember || self.gates.on_call(id, self.now).unwrap_or(true)
    }

    fn may_speak(&self, actor: &Actor) -> bool {
        let is_fit = actor.active && actor.kind == ActorKind::Human;
        is_fit && !self.side.contains(&actor.id) && !self.spoken.contains(&actor.id)
    }
}

/// Those who have lent somebody their authority over a change.
pub(crate) fn lenders<'a>(
    known: &'a Known,
    change: &'a Change,
    to: &'a ActorId,
    now: Timestamp,
) -> impl Iterator<Item = &'a Actor> {
    let level = change.assessment().map(|assessment| assessment.level);
    known.directory.iter().filter(move |actor| actor.lends_to(to, &change.content, level, now))
}
