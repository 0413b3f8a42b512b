//! Shapley values of a tree in polynomial time: the path-dependent TreeSHAP of Lundberg and others (arXiv 1802.03888,
//! algorithm 2). Added to the mean answer they are the tree's answer.
//!
//! This is the costly part of a prediction, so a path lies on the stack, what all untaken steps of a leaf have in common is
//! computed once, and nothing is divided in the inner loop.

use super::DEPTH_MAX;
use super::tree::{Node, Tree};

/// Most steps of a path: one per level, and the start.
const STEPS_MAX: usize = DEPTH_MAX + 2;
/// `INVERSES[n]` is `1 / n`.
const INVERSES: [f64; STEPS_MAX + 1] = inverses();

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

/// The steps from the root, each feature once.
#[derive(Debug, Clone)]
struct Path {
    steps: [Step; STEPS_MAX],
    length: usize,
}

const START: Step = Step { feature: None, unknown: 1.0, known: 1.0, weight: 1.0 };

/// Adds `scale` times the Shapley values of the tree for `row` to `contributions`.
pub(super) fn add(tree: &Tree, row: &[f64], scale: f64, contributions: &mut [f64]) {
    let path = Path { steps: [START; STEPS_MAX], length: 1 };
    descend(&mut Walk { tree, row, scale, contributions }, 0, path);
}

struct Walk<'a> {
    tree: &'a Tree,
    row: &'a [f64],
    scale: f64,
    contributions: &'a mut [f64],
}

fn descend(walk: &mut Walk<'_>, place: usize, mut path: Path) {
    let fork = match walk.tree.node(place) {
        None => return,
        Some(Node::Leaf { answer, .. }) => {
            return path.share_out(walk.scale * f64::from(*answer), walk.contributions);
        }
        Some(Node::Fork(fork)) => fork,
    };
    let (mut unknown, mut known) = (1.0, 1.0);
    // A feature that was asked before counts once, with both shares.
    if let Some(at) = path.steps().iter().position(|step| step.feature == Some(fork.feature)) {
        (unknown, known) = path.without(at);
    }
    let (taken, other) = fork.children(walk.row);
    for (child, known) in [(taken, known), (other, 0.0)] {
        let unknown = unknown * walk.tree.share(fork, child);
        descend(walk, child, path.with(Step { feature: Some(fork.feature), unknown, known, weight: 0.0 }));
    }
}

impl Path {
    fn steps(&self) -> &[Step] {
        self.steps.get(..self.length).unwrap_or(&self.steps)
    }

    /// One step more.
    fn with(&self, step: Step) -> Self {
        let mut longer = self.clone();
        if let Some(slot) = longer.steps.get_mut(self.length) {
            *slot = step;
            longer.length += 1;
        }
        let (length, share) = (self.length as f64, inverse(longer.length));
        let mut smaller = 0.0;
        for (size, slot) in longer.steps.iter_mut().take(longer.length).enumerate() {
            let (weight, size) = (slot.weight, size as f64);
            slot.weight = (step.unknown * weight * (length - size) + step.known * smaller * size) * share;
            smaller = weight;
        }
        longer
    }

    /// Takes the step at `removed` out, and yields its shares.
    fn without(&mut self, removed: usize) -> (f64, f64) {
        let step = self.steps().get(removed).copied().unwrap_or(START);
        let mut weights = [0.0; STEPS_MAX];
        for (slot, weight) in weights.iter_mut().take(self.length - 1).rev().zip(self.weights_without(step)) {
            *slot = weight;
        }
        if let Some(later) = self.steps.get_mut(removed..self.length) {
            later.rotate_left(1);
        }
        self.length -= 1;
        for (slot, weight) in self.steps.iter_mut().zip(weights) {
            slot.weight = weight;
        }
        (step.unknown, step.known)
    }

    /// Adds what each step contributes to a leaf's answer.
    fn share_out(&self, answer: f64, contributions: &mut [f64]) {
        // A step that the row does not take contributes the same whatever its share: it cancels out.
        let unknown = Step { unknown: 1.0, known: 0.0, ..START };
        let untaken: f64 = -self.weights_without(unknown).sum::<f64>();
        for step in self.steps() {
            let Some(sum) = step.feature.and_then(|feature| contributions.get_mut(feature)) else { continue };
            if step.known == 0.0 {
                *sum += answer * untaken;
            } else {
                *sum += answer * self.weights_without(*step).sum::<f64>() * (step.known - step.unknown);
            }
        }
    }

    /// The weights of the path without a step, from the last to the first.
    fn weights_without(&self, Step { unknown, known, .. }: Step) -> impl Iterator<Item = f64> {
        let (steps, length) = (self.steps(), self.length as f64);
        let share = inverse(self.length);
        let by_unknown = if known == 0.0 { length / unknown } else { 0.0 };
        let mut next = steps.last().map_or(0.0, |last| last.weight);
        let before = steps.len().saturating_sub(1);
        steps.iter().take(before).enumerate().rev().map(move |(size, step)| {
            if known == 0.0 {
                return step.weight * by_unknown * inverse(before - size);
            }
            let weight = next * length * inverse(size + 1);
            next = step.weight - weight * unknown * (before - size) as f64 * share;
            weight
        })
    }
}

fn inverse(count: usize) -> f64 {
    INVERSES.get(count).copied().unwrap_or(0.0)
}

#[expect(
    clippy::indexing_slicing,
    reason = "the place runs over the array; iterators cannot be used in constants"
)]
const fn inverses() -> [f64; STEPS_MAX + 1] {
    let mut inverses = [0.0; STEPS_MAX + 1];
    let mut count = 1;
    while count <= STEPS_MAX {
        inverses[count] = 1.0 / count as f64;
        count += 1;
    }
    inverses
}
