//! All actors at one position of the log: who a token belongs to, and who counts as whose side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::kind::ActorKind;
use super::lifecycle::{Actor, Token};
use crate::canonical::Digest;
use crate::id::{ActorId, TokenId};

/// All actors.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    actors: BTreeMap<ActorId, Arc<Actor>>,
    /// The aliases of each actor, and the agents and services that it owns.
    related: HashMap<ActorId, BTreeSet<ActorId>>,
    by_name: HashMap<String, ActorId>,
    by_token_hash: HashMap<Digest, (ActorId, TokenId)>,
}

impl Directory {
    /// Adds an actor, or replaces what was known of it.
    pub fn put(&mut self, actor: Actor) {
        self.forget(&actor.id);
        for (token_id, token) in &actor.tokens {
            self.by_token_hash.insert(token.hash, (actor.id.clone(), token_id.clone()));
        }
        if !actor.name.is_erased() {
            self.by_name.insert(actor.name.as_str().to_owned(), actor.id.clone());
        }
        for other in actor.alias_of.iter().chain(&actor.owner) {
            self.related.entry(other.clone()).or_default().insert(actor.id.clone());
        }
        self.actors.insert(actor.id.clone(), Arc::new(actor));
    }

    /// What was known of an actor leads to it no longer: its name may have been erased since.
    fn forget(&mut self, id: &ActorId) {
        if let Some(known) = self.actors.remove(id) {
            if self.by_name.get(known.name.as_str()) == Some(id) {
                self.by_name.remove(known.name.as_str());
            }
            for token in known.tokens.values() {
                self.by_token_hash.remove(&token.hash);
            }
            for other in known.alias_of.iter().chain(&known.owner) {
                if let Some(related) = self.related.get_mut(other) {
                    related.remove(id);
                }
            }
        }
    }

    /// The actor with this identifier.
    pub fn get(&self, id: &ActorId) -> Option<&Actor> {
        self.actors.get(id).map(Arc::as_ref)
    }

    /// The actor with this readable name.
    pub fn named(&self, name: &str) -> Option<&Actor> {
        self.by_name.get(name).and_then(|id| self.get(id))
    }

    /// The actor with this identifier or readable name.
    pub fn find(&self, id_or_name: &str) -> Option<&Actor> {
        let by_id = ActorId::new(id_or_name).ok().and_then(|id| self.get(&id));
        by_id.or_else(|| self.named(id_or_name))
    }

    /// The token whose secret has this SHA-256, and whose it is. Whether it is still live is for the caller to ask.
    pub fn token(&self, hash: &Digest) -> Option<(&Arc<Actor>, &TokenId, &Token)> {
        let (actor_id, token_id) = self.by_token_hash.get(hash)?;
        let actor = self.actors.get(actor_id)?;
        let token = actor.tokens.get(token_id)?;
        Some((actor, token_id, token))
    }

    /// All actors, by identifier.
    pub fn iter(&self) -> impl Iterator<Item = &Actor> {
        self.actors.values().map(Arc::as_ref)
    }

    /// The actors whose identifiers follow `id`, by identifier; all of them when there is none.
    pub fn after(&self, id: Option<&ActorId>) -> impl Iterator<Item = &Actor> {
        let start = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.actors.range((start, Bound::Unbounded)).map(|(_, actor)| actor.as_ref())
    }

    /// Number of actors.
    pub fn len(&self) -> usize {
        self.actors.len()
    }

    /// Whether there are no actors.
    pub fn is_empty(&self) -> bool {
        self.actors.is_empty()
    }

    /// The readable name of an actor; its identifier where the name is erased or unknown.
    pub fn name_of(&self, id: &ActorId) -> String {
        match self.actors.get(id) {
            Some(actor) if !actor.name.is_erased() => actor.name.as_str().to_owned(),
            Some(_) | None if *id == ActorId::system() => "cortex-change-manager".to_owned(),
            Some(_) | None => id.to_string(),
        }
    }

    /// Every record of the same person or program as `id`, that one included.
    pub fn records_of(&self, id: &ActorId) -> BTreeSet<ActorId> {
        let mut records = BTreeSet::new();
        let mut open = vec![id.clone()];
        while let Some(next) = open.pop() {
            if !records.insert(next.clone()) {
                continue;
            }
            open.extend(self.get(&next).and_then(|actor| actor.alias_of.clone()));
            let related = self.related.get(&next).into_iter().flatten();
            let aliases =
                related.filter(|id| self.get(id).is_some_and(|other| other.alias_of.as_ref() == Some(&next)));
            open.extend(aliases.cloned());
        }
        records
    }

    /// Everyone who counts as one side with `id`: its aliases, the owner of an agent or service, and the agents and
    /// services that a person owns, each with their aliases.
    pub fn side_of(&self, id: &ActorId) -> BTreeSet<ActorId> {
        let mut side = BTreeSet::new();
        let mut open = vec![id.clone()];
        while let Some(next) = open.pop() {
            if !side.insert(next.clone()) {
                continue;
            }
            let Some(actor) = self.actors.get(&next) else { continue };
            open.extend(actor.alias_of.iter().chain(&actor.owner).cloned());
            let related = self.related.get(&next).into_iter().flatten();
            let related = related.filter_map(|id| self.get(id)).filter(|other| {
                other.alias_of.as_ref() == Some(&next)
                    || (actor.kind == ActorKind::Human && other.owner.as_ref() == Some(&next))
            });
            open.extend(related.map(|other| other.id.clone()));
        }
        side
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::lifecycle::{ActorEvent, evolve};
    use crate::text::FreeText;
    use jiff::Timestamp;

    fn actor(id: &str, kind: ActorKind, owner: Option<&str>, alias_of: Option<&str>) -> Actor {
        let id = ActorId::new(id).unwrap();
        let event = ActorEvent::Registered {
            name: FreeText::new(id.as_str().trim_start_matches("act_")).unwrap(),
            kind,
            owner: owner.map(|owner| ActorId::new(owner).unwrap()),
            alias_of: alias_of.map(|other| ActorId::new(other).unwrap()),
            roles: BTreeSet::new(),
            teams: BTreeSet::new(),
            may_act_for: BTreeSet::new(),
        };
        evolve(None, &id, Timestamp::UNIX_EPOCH, &event).unwrap()
    }

    #[test]
    fn a_side_is_a_person_with_all_their_records_agents_and_services() {
        let mut directory = Directory::default();
        directory.put(actor("act_ann", ActorKind::Human, None, None));
        directory.put(actor("act_ann2", ActorKind::Human, None, Some("act_ann")));
        directory.put(actor("act_bot", ActorKind::Agent, Some("act_ann2"), None));
        directory.put(actor("act_bob", ActorKind::Human, None, None));
        for member in ["act_ann", "act_ann2", "act_bot"] {
            let side = directory.side_of(&ActorId::new(member).unwrap());
            let side: Vec<_> = side.iter().map(ActorId::as_str).collect();
            assert_eq!(side, ["act_ann", "act_ann2", "act_bot"], "{member}");
        }
        assert_eq!(directory.side_of(&ActorId::new("act_bob").unwrap()).len(), 1);
        for (record, expected) in [("act_ann", 2), ("act_ann2", 2), ("act_bot", 1), ("act_bob", 1)] {
            assert_eq!(directory.records_of(&ActorId::new(record).unwrap()).len(), expected, "{record}");
        }
        assert_eq!(directory.find("bob").unwrap().id.as_str(), "act_bob");
        assert_eq!(directory.name_of(&ActorId::system()), "cortex-change-manager");
    }

    #[test]
    fn whoever_is_related_no_longer_is_on_the_side_no_longer() {
        let mut directory = Directory::default();
        directory.put(actor("act_ann", ActorKind::Human, None, None));
        directory.put(actor("act_bot", ActorKind::Agent, Some("act_ann"), None));
        directory.put(actor("act_bob", ActorKind::Human, None, None));
        directory.put(actor("act_bot", ActorKind::Agent, Some("act_bob"), None));
        let side = |id: &str| directory.side_of(&ActorId::new(id).unwrap()).len();
        assert_eq!((side("act_ann"), side("act_bob"), side("act_bot")), (1, 2, 2));
    }
}
