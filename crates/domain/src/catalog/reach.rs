//! What a change reaches: the services that fail with the changed ones, and why.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use super::graph::Catalog;
use super::service::Strength;
use crate::id::ServiceName;

/// The hard dependents of some services, found breadth first, so that every path is a shortest one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach<'a> {
    /// For each visited service, the one it was reached from; absent for the starting points.
    reached_from: BTreeMap<&'a ServiceName, Option<&'a ServiceName>>,
    /// Dependents in the order in which they were found, the nearest first.
    dependents: Vec<&'a ServiceName>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(catalog: &'a Catalog, changed: impl IntoIterator<Item = &'a ServiceName>) -> Self {
        let mut reached_from: BTreeMap<_, _> = changed.into_iter().map(|name| (name, None)).collect();
        let mut dependents = Vec::new();
        let mut queue: VecDeque<_> = reached_from.keys().copied().collect();
        while let Some(name) = queue.pop_front() {
            for (dependent, strength) in catalog.dependents(name) {
                if strength == Strength::Hard
                    && let Entry::Vacant(vacant) = reached_from.entry(dependent)
                {
                    vacant.insert(Some(name));
                    dependents.push(dependent);
                    queue.push_back(dependent);
                }
            }
        }
        Self { reached_from, dependents }
    }

    /// The dependents without the starting points, the nearest first.
    pub fn dependents(&self) -> &[&'a ServiceName] {
        &self.dependents
    }

    /// How `name` is reached: from a starting point over its dependents to `name` itself. Empty when it is not reached.
    pub fn path(&self, name: &'a ServiceName) -> Vec<&'a ServiceName> {
        let mut path = Vec::new();
        let mut next = self.reached_from.contains_key(name).then_some(name);
        while let Some(current) = next {
            path.push(current);
            next = self.reached_from.get(current).copied().flatten();
        }
        path.reverse();
        path
    }
}
