//! The blast radius: what a failure of some items reaches, and by which relations.
//!
//! Budget: under 1 ms for a typical change in a million items and five million relations. A search marks what it has
//! seen in one bit for each item (128 KB for a million, cleared in some microseconds), so it needs nothing kept from
//! one search to the next.

use std::collections::{BTreeMap, BTreeSet};

use super::description::ComplianceScope;
use super::graph::{Ci, Cmdb, Edge, Link};
use super::index::{narrow, wide};
use crate::catalog::{Strength, Tier};

/// Most items that a search finds when nothing else is asked for.
pub const REACH_ITEMS_MAX: usize = 100_000;

/// Stands for no predecessor, and for no item.
const NONE: u32 = u32::MAX;

/// Along which relations a failure is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Hard ones: what fails too.
    Hard,
    /// All: also what only works slower or poorer.
    HardAndSoft,
}

/// Where a search ends although there may be more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReachLimits {
    /// Most items that it finds, the changed ones not counted.
    pub items_max: usize,
    /// Most relations between a changed item and what it finds.
    pub depth_max: u32,
}

impl Default for ReachLimits {
    fn default() -> Self {
        Self { items_max: REACH_ITEMS_MAX, depth_max: u32::MAX }
    }
}

/// Which limit ended a search before it had found everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// There are more items at this depth or deeper.
    Items,
    /// There are more items beyond this depth.
    Depth,
}

/// What a failure of some items reaches, found breadth first, so that every path is a shortest one.
#[derive(Debug, Clone)]
pub struct Reach<'a> {
    cmdb: &'a Cmdb,
    /// The changed items, then what was found, the nearest first.
    found: Vec<Found>,
    changed: usize,
    cut: Option<Cut>,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// The item, and the relation by which it leans on what it was reached from.
    edge: Edge,
    /// Where in the list that one stands.
    from: u32,
    depth: u32,
    /// Whether nothing fails with it; nothing where the search did not come that far.
    is_last: Option<bool>,
}

/// An item that is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReachedCi<'a> {
    /// The item.
    pub ci: Ci<'a>,
    /// How many relations lie between a changed item and this one, at least 1.
    pub depth: u32,
    place: u32,
    is_last: Option<bool>,
}

/// How an item is reached: a changed item, what leans on it and in which way, and so on.
#[derive(Debug, Clone, PartialEq)]
pub struct Path<'a> {
    /// The changed item.
    pub start: Ci<'a>,
    /// What is reached, one after the other, the item asked for last.
    pub hops: Vec<Link<'a>>,
}

impl Cmdb {
    /// Everything that a failure of `changed` reaches, each with a shortest path that explains it. Every item is visited
    /// once, also when relations run in circles.
    pub fn reach<'a>(
        &'a self,
        changed: impl IntoIterator<Item = Ci<'a>>,
        follow: Follow,
        limits: ReachLimits,
    ) -> Reach<'a> {
        let mut seen = Seen::new(self.names.numbers());
        let mut found: Vec<_> = changed
            .into_iter()
            .filter(|ci| seen.insert(ci.number))
            .map(|ci| Found { edge: Edge::of_item(ci.number), from: NONE, depth: 0, is_last: None })
            .collect();
        let changed = found.len();
        let mut cut = None;
        let mut next = 0;
        while let Some(current) = found.get(next).copied() {
            let mut is_last = Some(true);
            for packed in self.dependents.get(current.edge.item()) {
                let edge = Edge::unpack(packed);
                let is_hard = edge.strength() == Strength::Hard;
                let is_followed = follow == Follow::HardAndSoft || is_hard;
                is_last = is_last.map(|is_last| is_last && !is_hard);
                if !is_followed || seen.contains(edge.item()) {
                    continue;
                }
                if current.depth == limits.depth_max {
                    (cut, is_last) = (Some(Cut::Depth), None);
                    break;
                }
                if found.len() - changed == limits.items_max {
                    return Reach { cmdb: self, found, changed, cut: Some(Cut::Items) };
                }
                seen.insert(edge.item());
                found.push(Found { edge, from: narrow(next), depth: current.depth + 1, is_last: None });
            }
            if let Some(current) = found.get_mut(next) {
                current.is_last = is_last;
            }
            next += 1;
        }
        Reach { cmdb: self, found, changed, cut }
    }
}

impl<'a> Reach<'a> {
    /// The changed items, each once.
    pub fn changed(&self) -> impl ExactSizeIterator<Item = Ci<'a>> {
        let cmdb = self.cmdb;
        let changed = self.found.get(..self.changed).unwrap_or_default();
        changed.iter().map(move |found| Ci { cmdb, number: found.edge.item() })
    }

    /// What is reached besides the changed items, the nearest first.
    pub fn reached(&self) -> impl ExactSizeIterator<Item = ReachedCi<'a>> {
        let cmdb = self.cmdb;
        let reached = self.found.get(self.changed..).unwrap_or_default();
        reached.iter().enumerate().map(move |(index, found)| ReachedCi {
            ci: Ci { cmdb, number: found.edge.item() },
            depth: found.depth,
            is_last: found.is_last,
            place: narrow(self.changed + index),
        })
    }

    /// How many items are reached at each depth, from 1.
    pub fn by_depth(&self) -> BTreeMap<u32, usize> {
        count(self.reached().map(|reached| reached.depth))
    }

    /// How many items of each stated tier are reached.
    pub fn by_tier(&self) -> BTreeMap<Tier, usize> {
        count(self.reached().filter_map(|reached| reached.ci.tier()).map(|stated| stated.tier))
    }

    /// The services that are reached, the nearest first.
    pub fn services(&self) -> impl Iterator<Item = ReachedCi<'a>> {
        self.reached().filter(|reached| reached.ci.is_service())
    }

    /// Rule books that a changed or reached item falls under.
    pub fn compliance(&self) -> impl Iterator<Item = &'a ComplianceScope> {
        let cis = self.changed().chain(self.reached().map(|reached| reached.ci));
        let bits = cis.fold(0, |bits, ci| bits | ci.compliance_bits());
        self.cmdb.facts.scopes(bits)
    }

    /// Changed items for which `has` is wrong and which, hard, lead to nothing for which it is right.
    pub fn changed_without(&self, has: impl Fn(&Ci<'a>) -> bool) -> Vec<Ci<'a>> {
        let cmdb = self.cmdb;
        let Some(mut open) = self.having(has) else { return Vec::new() };
        if open.is_empty() {
            return self.changed().collect();
        }
        // What hangs from one changed item may hang from another one, too: looked at from the other end.
        let mut found = Seen::new(cmdb.names.numbers());
        let mut leading = Seen::new(cmdb.names.numbers());
        self.found.iter().for_each(|one| _ = found.insert(one.edge.item()));
        open.retain(|number| leading.insert(*number));
        while let Some(number) = open.pop() {
            for edge in cmdb.merged(number) {
                let is_followed = edge.strength() == Strength::Hard && found.contains(edge.item());
                if is_followed && leading.insert(edge.item()) {
                    open.push(edge.item());
                }
            }
        }
        self.changed().filter(|ci| !leading.contains(ci.number)).collect()
    }

    /// Every found item for which `has` is right; nothing where each changed item leads to one along the paths that were
    /// found, which is soon known.
    fn having(&self, has: impl Fn(&Ci<'a>) -> bool) -> Option<Vec<u32>> {
        let mut left: BTreeSet<u32> = (0..narrow(self.changed)).collect();
        // The changed item that each hangs from.
        let mut starts: Vec<u32> = Vec::with_capacity(self.found.len());
        let mut having = Vec::new();
        for (place, found) in self.found.iter().enumerate() {
            let start = match found.from {
                NONE => narrow(place),
                from => starts.get(wide(from)).copied().unwrap_or(NONE),
            };
            starts.push(start);
            let number = found.edge.item();
            if has(&Ci { cmdb: self.cmdb, number }) {
                having.push(number);
                left.remove(&start);
                if left.is_empty() {
                    return None;
                }
            }
        }
        Some(having)
    }

    /// Which limit ended the search before it had found everything.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// How an item is reached.
    pub fn path(&self, reached: &ReachedCi<'a>) -> Path<'a> {
        let mut hops = Vec::new();
        let mut start = reached.ci;
        let mut place = reached.place;
        while let Some(found) = self.found.get(wide(place)) {
            if found.from == NONE {
                start = Ci { cmdb: self.cmdb, number: found.edge.item() };
            } else {
                hops.push(Link::new(self.cmdb, found.edge));
            }
            place = found.from;
        }
        hops.reverse();
        Path { start, hops }
    }
}

impl ReachedCi<'_> {
    /// Whether nothing fails with it.
    pub fn is_last(&self) -> bool {
        self.is_last.unwrap_or_else(|| self.ci.is_last())
    }
}

fn count<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

/// One bit for each item.
struct Seen {
    bits: Vec<u64>,
}

impl Seen {
    fn new(items: usize) -> Self {
        Self { bits: vec![0; items.div_ceil(64)] }
    }

    fn contains(&self, item: u32) -> bool {
        self.bits.get(wide(item / 64)).is_some_and(|bits| bits & (1 << (item % 64)) != 0)
    }

    /// Whether the item is new.
    fn insert(&mut self, item: u32) -> bool {
        let is_new = !self.contains(item);
        if let Some(bits) = self.bits.get_mut(wide(item / 64)) {
            *bits |= 1 << (item % 64);
        }
        is_new
    }
}
