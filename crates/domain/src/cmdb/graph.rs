//! The CMDB in memory: every item and relation, without the texts.
//!
//! Built for a million items and five million relations, edited in place: an edit costs the relations that its item has
//! before and after, and the next query sees it. Bytes of memory: an item takes its name and 56 bytes, each description
//! of it 52 more; a relation takes 8, four for the source that states it and four from the other side. Room for growth
//! at most doubles that. A million items with names of 40 bytes and five million relations stay below 400 MB, usually
//! far below; [`Cmdb::memory_bytes`] says how much it is.

use std::collections::BTreeSet;

use super::description::{CiType, ComplianceScope, SourceName};
use super::event::CiEvent;
use super::fact::Facts;
use super::index::narrow;
use super::item::merged_strength;
use super::names::Names;
use super::relation::RelationType;
use super::rows::Rows;
use crate::Timestamp;
use crate::catalog::{Strength, Tier};
use crate::id::CiName;

/// Every configuration item, as the events so far say.
#[derive(Debug, Clone, Default)]
pub struct Cmdb {
    pub(super) names: Names,
    pub(super) facts: Facts,
    /// For each fact, the relations that it states, as [`Edge`]s in order.
    stated: Rows,
    /// For each item, who leans on it: the union over sources, as [`Edge`]s.
    pub(super) dependents: Rows,
    described: usize,
    services: usize,
    relations: usize,
}

/// The other end of a relation, its type and its strength, in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge(u32);

const SOFT_BIT: u32 = 1;
const TYPE_SHIFT: u32 = 1;
const TYPE_MASK: u32 = 0b111;
const ITEM_SHIFT: u32 = 4;

impl Edge {
    pub(super) fn new(item: u32, relation_type: RelationType, strength: Strength) -> Self {
        let soft = match strength {
            Strength::Hard => 0,
            Strength::Soft => SOFT_BIT,
        };
        let place = match relation_type {
            RelationType::DependsOn => 0,
            RelationType::RunsOn => 1,
            RelationType::ConnectsTo => 2,
            RelationType::Uses => 3,
            RelationType::Contains => 4,
        };
        Self(item << ITEM_SHIFT | place << TYPE_SHIFT | soft)
    }

    /// An item by itself.
    pub(super) fn of_item(item: u32) -> Self {
        Self(item << ITEM_SHIFT)
    }

    pub(super) fn unpack(packed: u32) -> Self {
        Self(packed)
    }

    pub(super) fn item(self) -> u32 {
        self.0 >> ITEM_SHIFT
    }

    pub(super) fn relation_type(self) -> RelationType {
        match (self.0 >> TYPE_SHIFT) & TYPE_MASK {
            0 => RelationType::DependsOn,
            1 => RelationType::RunsOn,
            2 => RelationType::ConnectsTo,
            3 => RelationType::Uses,
            _ => RelationType::Contains,
        }
    }

    pub(super) fn strength(self) -> Strength {
        if self.0 & SOFT_BIT == 0 { Strength::Hard } else { Strength::Soft }
    }

    /// The same relation seen from its other end.
    fn turned(self, item: u32) -> Self {
        Self(item << ITEM_SHIFT | self.0 & ((1 << ITEM_SHIFT) - 1))
    }

    /// Equal for relations that differ in strength only.
    fn without_strength(self) -> u32 {
        self.0 >> TYPE_SHIFT
    }
}

impl Cmdb {
    /// Takes one recorded event of one item in. Total: any recorded event can be folded.
    pub fn evolve(&mut self, name: &CiName, event: &CiEvent, at: Timestamp) {
        let item = self.names.intern(name.as_str());
        let before = self.merged(item);
        self.count(item, usize::wrapping_sub);
        match event {
            CiEvent::Described { description } => {
                let mut edges: Vec<_> = description
                    .relations
                    .iter()
                    .filter(|relation| relation.to != *name)
                    .map(|relation| {
                        let to = self.names.intern(relation.to.as_str());
                        Edge::new(to, relation.relation_type, relation.strength)
                    })
                    .collect();
                edges.sort_unstable();
                edges.dedup_by_key(|edge| edge.without_strength());
                let fact = self.facts.put(item, description, at);
                self.state(fact, &edges);
            }
            CiEvent::Withdrawn { source } => {
                if let Some(fact) = self.facts.remove(item, source) {
                    self.state(fact, &[]);
                }
            }
        }
        self.count(item, usize::wrapping_add);
        let after = self.merged(item);
        self.turn(item, &before, &after);
    }

    /// The item of that name: described, or named by a relation of another one.
    pub fn get(&self, name: &str) -> Option<Ci<'_>> {
        self.names.find(name).map(|number| Ci { cmdb: self, number })
    }

    /// The item of that name, when a source describes it.
    pub fn described(&self, name: &str) -> Option<Ci<'_>> {
        self.get(name).filter(Ci::is_described)
    }

    /// Every item that a source describes, in no particular order.
    pub fn items(&self) -> impl Iterator<Item = Ci<'_>> {
        let numbers = 0..narrow(self.names.numbers());
        numbers.map(|number| Ci { cmdb: self, number }).filter(Ci::is_described)
    }

    /// Every item that is known by name only, because a relation leads to it, in no particular order.
    pub fn items_only_named(&self) -> impl Iterator<Item = Ci<'_>> {
        let numbers = 0..narrow(self.names.numbers());
        let named = numbers.map(|number| Ci { cmdb: self, number }).filter(|ci| !ci.is_described());
        named.filter(|ci| !ci.name().is_empty())
    }

    /// How many items are described.
    pub fn len(&self) -> usize {
        self.described
    }

    /// Whether nothing is described.
    pub fn is_empty(&self) -> bool {
        self.described == 0
    }

    /// How many items are known by name only, because a relation leads to them.
    pub fn only_named_count(&self) -> usize {
        self.names.len() - self.described
    }

    /// How many items are services.
    pub fn services(&self) -> usize {
        self.services
    }

    /// How many relations the sources state, those counted several times that several sources state.
    pub fn relations(&self) -> usize {
        self.relations
    }

    /// Every source that describes an item, and how many it describes.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceName, u32)> {
        self.facts.sources()
    }

    /// Names of described items that are spelt almost like `name` or end in it after a `/`, the nearest first, at most
    /// three.
    pub fn suggest(&self, name: &str) -> Vec<&str> {
        let numbers = self.names.suggest(name, |number| self.facts.is_described(number));
        numbers.into_iter().map(|number| self.names.name(number)).collect()
    }

    /// Bytes of memory, with the room for growth.
    pub fn memory_bytes(&self) -> usize {
        self.names.memory_bytes()
            + self.facts.memory_bytes()
            + self.stated.memory_bytes()
            + self.dependents.memory_bytes()
    }

    /// How many relations `source` states of an item.
    pub(super) fn stated_by(&self, item: u32, source: u16) -> usize {
        let fact = self.facts.of(item).find(|(_, fact)| fact.source == source);
        fact.map_or(0, |(number, _)| self.stated.get(number).count())
    }

    /// Keeps the relations that a fact states.
    fn state(&mut self, fact: u32, edges: &[Edge]) {
        let before = self.stated.get(fact).count();
        let packed: Vec<_> = edges.iter().map(|edge| edge.0).collect();
        self.stated.set(fact, &packed);
        self.relations = self.relations - before + edges.len();
    }

    fn count(&mut self, item: u32, add: fn(usize, usize) -> usize) {
        let ci = Ci { cmdb: self, number: item };
        let (is_described, is_service) = (ci.is_described(), ci.is_service());
        self.described = add(self.described, usize::from(is_described));
        self.services = add(self.services, usize::from(is_service));
    }

    /// What an item leans on by all its sources together, in order, at most one edge of a type to another item.
    pub(super) fn merged(&self, item: u32) -> Vec<Edge> {
        let mut facts: Vec<_> = self.facts.of(item).collect();
        if let [(number, _)] = facts.as_slice() {
            return self.stated.get(*number).map(Edge::unpack).collect();
        }
        facts.sort_by(|(_, a), (_, b)| {
            if self.facts.is_before(a, b) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater }
        });
        let mut stated = Vec::new();
        for (rank, (number, fact)) in facts.iter().enumerate() {
            let is_person = self.facts.is_person(fact.source);
            stated.extend(self.stated.get(*number).map(|edge| (Edge::unpack(edge), rank, is_person)));
        }
        stated.sort_unstable_by_key(|(edge, rank, _)| (edge.without_strength(), *rank));
        let merge = |same: &[(Edge, usize, bool)]| {
            let strength = merged_strength(same.iter().map(|(edge, _, person)| (*person, edge.strength())));
            same.first().map(|(edge, ..)| Edge::new(edge.item(), edge.relation_type(), strength))
        };
        let same_relation = |a: &(Edge, usize, bool), b: &(Edge, usize, bool)| {
            a.0.without_strength() == b.0.without_strength()
        };
        stated.chunk_by(same_relation).filter_map(merge).collect()
    }

    /// Brings the other side of an item's relations up to date, and lets go of items that nothing refers to any more.
    fn turn(&mut self, item: u32, before: &[Edge], after: &[Edge]) {
        for edge in after.iter().filter(|edge| before.binary_search(edge).is_err()) {
            self.dependents.push(edge.item(), edge.turned(item).0);
        }
        let gone: Vec<_> = before.iter().filter(|edge| after.binary_search(edge).is_err()).collect();
        for edge in &gone {
            self.dependents.remove(edge.item(), edge.turned(item).0);
        }
        for number in gone.iter().map(|edge| edge.item()).chain([item]) {
            if !self.facts.is_described(number) && self.dependents.is_empty(number) {
                self.names.release(number);
            }
        }
    }
}

/// One item of the CMDB, with the sources of what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Ci<'a> {
    pub(super) cmdb: &'a Cmdb,
    pub(super) number: u32,
}

/// A tier, and who states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatedTier<'a> {
    /// How critical the item is.
    pub tier: Tier,
    /// Who says so.
    pub source: &'a SourceName,
    /// When it was said.
    pub at: Timestamp,
}

impl<'a> Ci<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        self.cmdb.names.name(self.number)
    }

    /// Its name as a value.
    pub fn to_name(&self) -> CiName {
        CiName::new(self.name()).unwrap_or_else(|error| unreachable!("checked when it came in: {error}"))
    }

    /// Whether a source describes it; otherwise it is known by name only.
    pub fn is_described(&self) -> bool {
        self.cmdb.facts.is_described(self.number)
    }

    /// What kind of thing it is.
    pub fn ci_type(&self) -> Option<CiType> {
        self.cmdb.facts.best(self.number, |fact| Some(fact.ci_type)).map(|(ci_type, _)| ci_type)
    }

    /// Whether it is a service.
    pub fn is_service(&self) -> bool {
        self.ci_type() == Some(CiType::Service)
    }

    /// Whether nothing fails with it.
    pub fn is_last(&self) -> bool {
        let mut edges = self.cmdb.dependents.get(self.number).map(Edge::unpack);
        !edges.any(|edge| edge.strength() == Strength::Hard)
    }

    /// How critical it is, when a source says so.
    pub fn tier(&self) -> Option<StatedTier<'a>> {
        let facts = &self.cmdb.facts;
        let (tier, fact) = facts.best(self.number, |fact| fact.tier)?;
        Some(StatedTier { tier, source: facts.source(fact.source), at: fact.at() })
    }

    /// Rule books that it falls under, by any source.
    pub fn compliance(&self) -> BTreeSet<&'a ComplianceScope> {
        self.cmdb.facts.scopes(self.compliance_bits()).collect()
    }

    pub(super) fn compliance_bits(&self) -> u64 {
        self.cmdb.facts.of(self.number).fold(0, |bits, (_, fact)| bits | fact.compliance)
    }

    /// The sources that describe it, and when each last did.
    pub fn sources(&self) -> impl Iterator<Item = (&'a SourceName, Timestamp)> {
        let facts = &self.cmdb.facts;
        facts.of(self.number).map(|(_, fact)| (facts.source(fact.source), fact.at()))
    }

    /// What it leans on, by all its sources together, each item at most once in each way, in no particular order.
    pub fn leans_on(&self) -> impl Iterator<Item = Link<'a>> {
        let cmdb = self.cmdb;
        cmdb.merged(self.number).into_iter().map(|edge| Link::new(cmdb, edge))
    }

    /// What leans on it, in no particular order.
    pub fn dependents(&self) -> impl Iterator<Item = Link<'a>> {
        let cmdb = self.cmdb;
        cmdb.dependents.get(self.number).map(|packed| Link::new(cmdb, Edge::unpack(packed)))
    }
}

impl PartialEq for Ci<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.cmdb, other.cmdb) && self.number == other.number
    }
}

/// One end of a relation, seen from the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link<'a> {
    /// The item at that end.
    pub ci: Ci<'a>,
    /// In which way one leans on the other.
    pub relation_type: RelationType,
    /// Whether it fails with it.
    pub strength: Strength,
}

impl<'a> Link<'a> {
    pub(super) fn new(cmdb: &'a Cmdb, edge: Edge) -> Self {
        let ci = Ci { cmdb, number: edge.item() };
        Self { ci, relation_type: edge.relation_type(), strength: edge.strength() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::{CmdbError, Deletion, Description, ITEMS_MAX, RELATIONS_MAX, Relation};

    fn plan(cmdb: &Cmdb, name: &str) -> Result<usize, CmdbError> {
        let to = CiName::new("b").unwrap();
        let uses = |strength| Relation { relation_type: RelationType::Uses, to, strength, because: None };
        let relations = vec![uses(Strength::Soft)];
        let description =
            Description { relations, ..Description::new(SourceName::manual(), CiType::Workload) };
        let items = [(CiName::new(name).unwrap(), description)];
        cmdb.plan_import(&SourceName::manual(), &items, Deletion::Keep).map(|plan| plan.changes.len())
    }

    #[test]
    fn a_full_cmdb_takes_changes_in_but_nothing_new() {
        let mut cmdb = Cmdb::default();
        let mut hard = Description::new(SourceName::manual(), CiType::Host);
        let (to, strength) = (CiName::new("b").unwrap(), Strength::Hard);
        hard.relations = vec![Relation { relation_type: RelationType::Uses, to, strength, because: None }];
        let event = CiEvent::Described { description: hard };
        cmdb.evolve(&CiName::new("a").unwrap(), &event, Timestamp::UNIX_EPOCH);
        assert_eq!((plan(&cmdb, "a"), plan(&cmdb, "c")), (Ok(1), Ok(1)));
        let many_items = Cmdb { described: ITEMS_MAX, ..cmdb.clone() };
        assert_eq!(plan(&many_items, "a"), Ok(1));
        assert_eq!(plan(&many_items, "c"), Err(CmdbError::TooManyItems { count: ITEMS_MAX + 1 }));
        let many_relations = Cmdb { relations: RELATIONS_MAX, ..cmdb };
        assert_eq!(plan(&many_relations, "a"), Ok(1));
        let refused = Err(CmdbError::TooManyRelations { count: RELATIONS_MAX + 1 });
        assert_eq!(plan(&many_relations, "c"), refused);
    }
}
