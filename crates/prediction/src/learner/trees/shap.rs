//! Shapley values of trees, exact, in time linear in their nodes. Added to the mean answer they are the trees' answer.
//!
//! When a feature is known with probability `t`, its step on the way to a leaf is passed with `u + t·(k − u)`, where `u`
//! is the share of the data that passes and `k` is 1 where the row does, else 0. The Shapley value of a feature is the
//! integral over `t` from 0 to 1 of what the answer gains by it, the others being known with probability `t` (Owen 1972).
//! For a tree that is a polynomial, so Gauss's quadrature is exact with half as many points as a way has features. All
//! leaves below a fork share one walk, and the untaken branches divide by nothing that is small.
//!
//! Budget: about ten nanoseconds a node.

use super::DEPTH_MAX;
use super::tree::{Node as Grown, Tree};

/// Most points: every feature of the longest way counts one degree.
const POINTS_MAX: usize = DEPTH_MAX / 2;
/// Newton steps towards a root of a Legendre polynomial; from the usual start four suffice.
const ROOT_STEPS: usize = 8;

/// Trees in the form in which they are walked.
#[derive(Debug, Clone)]
pub(super) struct Forest {
    trees: Vec<Flat>,
    /// The sum of the trees' mean answers.
    mean: f64,
}

/// A tree: each fork, then its left branch, then its right one.
#[derive(Debug, Clone)]
struct Flat {
    nodes: Vec<Node>,
    /// Most different features on one way.
    features: usize,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// The answer of a leaf; a fork sends smaller values left.
    value: f64,
    /// The share of the data that goes left.
    left_share: f64,
    feature: u32,
    /// Nodes of the left branch; none for a leaf.
    left_nodes: u16,
    missing_left: bool,
}

impl Forest {
    pub(super) fn of(trees: &[Tree]) -> Self {
        let trees: Vec<Flat> = trees.iter().map(Flat::of).collect();
        let mean = trees.iter().map(|tree| mean(&tree.nodes)).sum();
        Self { trees, mean }
    }

    /// The sum of the trees' answers where nothing is known.
    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    /// Adds the Shapley values for `row` to `contributions`, summed over the trees.
    pub(super) fn add(&self, row: &[f64], contributions: &mut [f64]) {
        let mut known = vec![START; row.len()];
        let walks = (Rule::new(), Rule::new(), Rule::new(), Rule::new());
        for tree in &self.trees {
            let mut at = Place { row, known: &mut known, contributions: &mut *contributions };
            match tree.features {
                0..=4 => tree.share_out::<2>(&walks.0, &mut at),
                5..=8 => tree.share_out::<4>(&walks.1, &mut at),
                9..=12 => tree.share_out::<6>(&walks.2, &mut at),
                _ => tree.share_out::<POINTS_MAX>(&walks.3, &mut at),
            }
        }
    }
}

impl Flat {
    fn of(tree: &Tree) -> Self {
        let mut flat = Self { nodes: Vec::new(), features: 0 };
        flat.take(tree, 0, &mut Vec::new());
        flat
    }

    /// Takes a node and all below it; `way` holds the features asked above.
    fn take(&mut self, tree: &Tree, place: usize, way: &mut Vec<usize>) {
        let at = self.nodes.len();
        let node = Node { value: 0.0, left_share: 0.0, feature: 0, left_nodes: 0, missing_left: false };
        match tree.node(place) {
            None => self.nodes.push(node),
            Some(Grown::Leaf { answer, .. }) => {
                self.nodes.push(Node { value: f64::from(*answer), ..node });
            }
            Some(Grown::Fork(fork)) => {
                let is_new = !way.contains(&fork.feature);
                if is_new {
                    way.push(fork.feature);
                    self.features = self.features.max(way.len());
                }
                self.nodes.push(node);
                self.take(tree, fork.left, way);
                let left_nodes = u16::try_from(self.nodes.len() - at - 1).unwrap_or(u16::MAX);
                self.take(tree, fork.right, way);
                if let Some(node) = self.nodes.get_mut(at) {
                    *node = Node {
                        value: fork.below,
                        left_share: tree.share(fork, fork.left),
                        feature: u32::try_from(fork.feature).unwrap_or(u32::MAX),
                        left_nodes,
                        missing_left: fork.missing_left,
                    };
                }
                if is_new {
                    way.pop();
                }
            }
        }
    }

    fn share_out<const N: usize>(&self, rule: &Rule<N>, at: &mut Place<'_>) {
        walk(rule, at, &self.nodes, rule.weights);
    }
}

/// The mean answer, weighted as a row's way is where nothing is known about it.
fn mean(nodes: &[Node]) -> f64 {
    match branches(nodes) {
        None => nodes.first().map_or(0.0, |leaf| leaf.value),
        Some((fork, left, right)) => fork.left_share * mean(left) + (1.0 - fork.left_share) * mean(right),
    }
}

/// A fork and its branches; nothing for a leaf.
fn branches(nodes: &[Node]) -> Option<(&Node, &[Node], &[Node])> {
    let (fork, below) = nodes.split_first()?;
    if fork.left_nodes == 0 {
        return None;
    }
    let (left, right) = below.split_at_checked(usize::from(fork.left_nodes))?;
    Some((fork, left, right))
}

/// What one feature does on the way so far.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Share of the data that comes so far where the feature is unknown.
    share: f64,
    /// Whether the row comes so far.
    is_taken: bool,
}

const START: Step = Step { share: 1.0, is_taken: true };

struct Place<'a> {
    row: &'a [f64],
    known: &'a mut [Step],
    contributions: &'a mut [f64],
}

/// Walks all ways below a fork. `path` holds, for each point, its weight times the product of the steps so far; what
/// comes back is the sum over the leaves of that product times their answers.
#[expect(clippy::indexing_slicing, reason = "every array has a number for each point")]
fn walk<const N: usize>(rule: &Rule<N>, at: &mut Place<'_>, nodes: &[Node], path: [f64; N]) -> [f64; N] {
    let Some((fork, left, right)) = branches(nodes) else {
        return nodes.first().map_or([0.0; N], |leaf| path.map(|path| path * leaf.value));
    };
    let feature = fork.feature as usize;
    let value = at.row.get(feature).copied().unwrap_or(f64::NAN);
    let goes_left = if value.is_nan() { fork.missing_left } else { value < fork.value };
    let (taken, other, share) =
        if goes_left { (left, right, fork.left_share) } else { (right, left, 1.0 - fork.left_share) };
    let before = at.known.get(feature).copied().unwrap_or(START);
    if !before.is_taken {
        // The row left the way at this feature already, and what that is worth was counted there.
        let taken = walk(rule, at, taken, path.map(|path| path * share));
        let other = walk(rule, at, other, path.map(|path| path * (1.0 - share)));
        return each(|point| taken[point] + other[point]);
    }
    let earlier = rule.inverse_of_step(before.share);
    let path: [f64; N] = each(|point| path[point] * earlier[point]);
    let share = before.share * share;
    let rest = before.share - share;
    let step: [f64; N] = each(|point| share + rule.points[point] * (1.0 - share));
    at.set(feature, Step { share, is_taken: true });
    let taken = walk(rule, at, taken, each(|point| path[point] * step[point]));
    at.set(feature, Step { share: rest, is_taken: false });
    let other = walk(rule, at, other, each(|point| path[point] * rest * rule.beyond[point]));
    at.set(feature, before);
    let gained: [f64; N] = each(|point| {
        let both = taken[point] + other[point];
        taken[point] * (1.0 - share) / step[point]
            - other[point] * rule.inverse_beyond[point]
            - both * (1.0 - before.share) * earlier[point]
    });
    if let Some(sum) = at.contributions.get_mut(feature) {
        *sum += gained.iter().sum::<f64>();
    }
    each(|point| taken[point] + other[point])
}

#[inline(always)]
fn each<const N: usize>(value: impl FnMut(usize) -> f64) -> [f64; N] {
    std::array::from_fn(value)
}

impl Place<'_> {
    fn set(&mut self, feature: usize, step: Step) {
        if let Some(slot) = self.known.get_mut(feature) {
            *slot = step;
        }
    }
}

/// Gauss's quadrature from 0 to 1.
struct Rule<const N: usize> {
    points: [f64; N],
    weights: [f64; N],
    /// One minus each point.
    beyond: [f64; N],
    inverse_beyond: [f64; N],
}

impl<const N: usize> Rule<N> {
    fn new() -> Self {
        let roots: [(f64, f64); N] = std::array::from_fn(root::<N>);
        let points = roots.map(|(root, _)| f64::midpoint(1.0, root));
        let beyond = points.map(|point| 1.0 - point);
        Self {
            points,
            weights: roots.map(|(_, weight)| weight / 2.0),
            beyond,
            inverse_beyond: beyond.map(|beyond| 1.0 / beyond),
        }
    }

    /// One over what a step that the row takes is passed with.
    fn inverse_of_step(&self, share: f64) -> [f64; N] {
        if share == 1.0 {
            return [1.0; N];
        }
        self.points.map(|point| 1.0 / (share + point * (1.0 - share)))
    }
}

/// A root of the Legendre polynomial of degree `N`, and its weight (Press and others, Numerical Recipes, 4.6).
fn root<const N: usize>(number: usize) -> (f64, f64) {
    let degree = N as f64;
    let mut root = (std::f64::consts::PI * (number as f64 + 0.75) / (degree + 0.5)).cos();
    let mut slope = 1.0;
    for _ in 0..ROOT_STEPS {
        let (mut value, mut lower) = (1.0, 0.0);
        for order in 0..N {
            let order = order as f64;
            let higher = ((2.0 * order + 1.0) * root * value - order * lower) / (order + 1.0);
            lower = value;
            value = higher;
        }
        slope = degree * (root * value - lower) / (root * root - 1.0);
        root -= value / slope;
    }
    (root, 2.0 / ((1.0 - root * root) * slope * slope))
}
