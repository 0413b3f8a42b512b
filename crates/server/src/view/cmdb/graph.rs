//! The surroundings of an item: what it leans on and what leans on it, some relations far.

use std::collections::{BTreeMap, BTreeSet};

use api::cmdb as wire;
use domain::cmdb::{Ci, Link};

use super::{first, tier_of, type_of};

/// Most items of a graph. More cannot be looked at.
const NODES_MAX: usize = 500;
/// Most relations of a graph.
const EDGES_MAX: usize = 2_000;

/// Which way relations are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To what the item leans on.
    Dependencies,
    /// To what leans on the item.
    Dependents,
    /// Both ways.
    Both,
}

impl Direction {
    /// The word used in requests.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dependencies => "dependencies",
            Self::Dependents => "dependents",
            Self::Both => "both",
        }
    }

    fn follows_dependencies(self) -> bool {
        self != Self::Dependents
    }

    fn follows_dependents(self) -> bool {
        self != Self::Dependencies
    }
}

/// A graph in the making.
struct Surroundings<'a> {
    nodes: Vec<(Ci<'a>, u32)>,
    /// Where each item stands among the nodes.
    places: BTreeMap<&'a str, usize>,
    /// From, to, type, strength.
    edges: BTreeSet<(&'a str, &'a str, &'static str, &'static str)>,
    cut: bool,
}

/// What is at most `depth` relations from `ci`. Only relations that the search follows are part of it: in the direction
/// of dependents, not what else a dependent leans on.
pub(crate) fn graph(ci: Ci<'_>, depth: u32, direction: Direction) -> wire::Graph {
    let mut found = Surroundings {
        nodes: vec![(ci, 0)],
        places: BTreeMap::from([(ci.name(), 0)]),
        edges: BTreeSet::new(),
        cut: false,
    };
    let mut next = 0;
    while let Some((current, distance)) = found.nodes.get(next).copied().filter(|(_, far)| *far < depth) {
        if direction.follows_dependencies() {
            let (links, total) = first(current.leans_on(), EDGES_MAX);
            found.cut |= total > links.len();
            links.iter().for_each(|link| found.add(link, distance + 1, (current.name(), link.ci.name())));
        }
        if direction.follows_dependents() {
            let (links, total) = first(current.dependents(), EDGES_MAX);
            found.cut |= total > links.len();
            links.iter().for_each(|link| found.add(link, distance + 1, (link.ci.name(), current.name())));
        }
        next += 1;
    }
    found.finish(ci, depth, direction)
}

impl<'a> Surroundings<'a> {
    fn add(&mut self, link: &Link<'a>, distance: u32, (from, to): (&'a str, &'a str)) {
        let name = link.ci.name();
        if !self.places.contains_key(name) {
            if self.nodes.len() >= NODES_MAX {
                self.cut = true;
                return;
            }
            self.places.insert(name, self.nodes.len());
            self.nodes.push((link.ci, distance));
        }
        let edge = (from, to, link.relation_type.as_str(), link.strength.as_str());
        if self.edges.len() < EDGES_MAX {
            self.edges.insert(edge);
        } else if !self.edges.contains(&edge) {
            self.cut = true;
        }
    }

    fn finish(self, ci: Ci<'_>, depth: u32, direction: Direction) -> wire::Graph {
        let node = |(ci, depth): &(Ci<'_>, u32)| wire::GraphNode {
            id: ci.name().to_owned(),
            described: ci.is_described(),
            ci_type: type_of(ci),
            tier: tier_of(ci),
            depth: *depth,
        };
        let edge = |(from, to, relation_type, strength): &(&str, &str, &str, &str)| wire::GraphEdge {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            relation_type: (*relation_type).to_owned(),
            strength: (*strength).to_owned(),
        };
        wire::Graph {
            id: ci.name().to_owned(),
            direction: direction.as_str().to_owned(),
            depth,
            nodes: self.nodes.iter().map(node).collect(),
            edges: self.edges.iter().map(edge).collect(),
            cut: self.cut,
        }
    }
}
