//! Shapley values of a tree in polynomial time: the path-dependent TreeSHAP of Lundberg and others (arXiv 1802.03888,
//! algorithm 2). Added to the mean answer they are the tree's answer.

use super::tree::{Node, Tree};

/// What one feature does on the way from the root.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// None for the start of the way.
    feature: Option<usize>,
    /// Share of the data that goes on when the feature is unknown.
    unknown: f64,
    /// Share that goes on when it is known: 1 or 0.
    known: f64,
    /// Summed weight of the subsets of that size.
    weight: f64,
}

/// Adds `scale` times the Shapley values of the tree for `row` to `contributions`.
pub(super) fn add(tree: &Tree, row: &[f64], scale: f64, contributions: &mut [f64]) {
    let start = Step { feature: None, unknown: 1.0, known: 1.0, weight: 0.0 };
    descend(&mut Walk { tree, row, scale, contributions }, 0, &[], start);
}

struct Walk<'a> {
    tree: &'a Tree,
    row: &'a [f64],
    scale: f64,
    contributions: &'a mut [f64],
}

fn descend(walk: &mut Walk<'_>, place: usize, before: &[Step], step: Step) {
    let mut path = extended(before, step);
    let fork = match walk.tree.node(place) {
        None => return,
        Some(Node::Leaf { answer, .. }) => {
            let answer = f64::from(*answer);
            for (at, step) in path.iter().enumerate() {
                let Some(sum) = step.feature.and_then(|feature| walk.contributions.get_mut(feature)) else {
                    continue;
                };
                let weight: f64 = weights_without(&path, at).sum();
                *sum += walk.scale * weight * (step.known - step.unknown) * answer;
            }
            return;
        }
        Some(Node::Fork(fork)) => fork,
    };
    let (mut unknown, mut known) = (1.0, 1.0);
    // A feature that was asked before counts once, with both shares.
    if let Some(at) = path.iter().position(|step| step.feature == Some(fork.feature)) {
        (unknown, known) = path.get(at).map_or((1.0, 1.0), |step| (step.unknown, step.known));
        path = unwound(&path, at);
    }
    let (taken, other) = fork.children(walk.row);
    for (child, known) in [(taken, known), (other, 0.0)] {
        let unknown = unknown * walk.tree.share(fork, child);
        descend(walk, child, &path, Step { feature: Some(fork.feature), unknown, known, weight: 0.0 });
    }
}

/// The path with one step more.
fn extended(path: &[Step], step: Step) -> Vec<Step> {
    let length = path.len() as f64;
    let mut longer = Vec::with_capacity(path.len() + 1);
    longer.extend_from_slice(path);
    longer.push(Step { weight: if path.is_empty() { 1.0 } else { 0.0 }, ..step });
    if path.is_empty() {
        return longer;
    }
    let mut smaller = 0.0;
    for (at, slot) in longer.iter_mut().enumerate() {
        let (weight, size) = (slot.weight, at as f64);
        slot.weight =
            (step.unknown * weight * (length - size) + step.known * smaller * size) / (length + 1.0);
        smaller = weight;
    }
    longer
}

/// The path without one of its steps.
fn unwound(path: &[Step], removed: usize) -> Vec<Step> {
    let mut shorter = path.to_vec();
    if removed < path.len() {
        shorter.remove(removed);
    }
    for (slot, weight) in shorter.iter_mut().rev().zip(weights_without(path, removed)) {
        slot.weight = weight;
    }
    shorter
}

/// The weights of the path without one of its steps, from the last to the first.
fn weights_without(path: &[Step], removed: usize) -> impl Iterator<Item = f64> {
    let length = path.len() as f64;
    let (unknown, known) = path.get(removed).map_or((1.0, 1.0), |step| (step.unknown, step.known));
    let mut next = path.last().map_or(0.0, |last| last.weight);
    let sizes = path.iter().enumerate().rev().skip(1);
    sizes.map(move |(at, step)| {
        let (size, rest) = (at as f64, length - 1.0 - at as f64);
        if known == 0.0 {
            return step.weight * length / (unknown * rest);
        }
        let weight = next * length / ((size + 1.0) * known);
        next = step.weight - weight * unknown * rest / length;
        weight
    })
}
