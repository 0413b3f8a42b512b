//! One tree.

use serde::{Deserialize, Serialize};

/// Most nodes of a tree.
const NODES_MAX: usize = 4096;

/// Nodes, the root first; children stand after their parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Tree(Vec<Node>);

/// A fork or an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Node {
    /// A fork.
    Fork(Fork),
    /// The end of a path.
    Leaf {
        /// What the tree answers.
        answer: f32,
        /// How much of the training data ended here.
        cover: f32,
    },
}

/// Where a path parts: smaller values go one way, all others the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fork {
    pub(super) feature: usize,
    pub(super) below: f64,
    pub(super) left: usize,
    pub(super) right: usize,
    /// Whether missing values go left.
    pub(super) missing_left: bool,
    pub(super) cover: f32,
}

/// A tree that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeFault {
    /// Too many trees.
    #[error("{trees} trees are more than a model may have")]
    TooMany {
        /// Trees found.
        trees: usize,
    },
    /// Trees for other columns than the model's.
    #[error("trees for {found} columns in a model of {expected}")]
    OtherColumns {
        /// Columns of the trees.
        found: usize,
        /// Columns of the model.
        expected: usize,
    },
    /// A node leads nowhere, back, or asks for a column that is not there.
    #[error("node {node} of a tree leads nowhere or asks for a column that is not there")]
    Broken {
        /// The node.
        node: usize,
    },
}

impl Node {
    pub(super) fn cover(&self) -> f64 {
        match self {
            Self::Fork(fork) => f64::from(fork.cover),
            Self::Leaf { cover, .. } => f64::from(*cover),
        }
    }
}

impl Fork {
    /// The child that a row goes to, and the one that it does not.
    pub(super) fn children(&self, row: &[f64]) -> (usize, usize) {
        let value = row.get(self.feature).copied().unwrap_or(f64::NAN);
        let goes_left = if value.is_nan() { self.missing_left } else { value < self.below };
        if goes_left { (self.left, self.right) } else { (self.right, self.left) }
    }
}

impl Tree {
    /// Takes over a tree of the library.
    pub(super) fn of(grown: &forust_ml::tree::Tree) -> Result<Self, TreeFault> {
        let nodes = grown.nodes.iter().map(|node| {
            if node.is_leaf {
                return Node::Leaf { answer: node.weight_value, cover: node.hessian_sum };
            }
            Node::Fork(Fork {
                feature: node.split_feature,
                below: node.split_value,
                left: node.left_child,
                right: node.right_child,
                missing_left: node.missing_node == node.left_child,
                cover: node.hessian_sum,
            })
        });
        let tree = Self(nodes.collect());
        tree.check(usize::MAX)?;
        Ok(tree)
    }

    /// Every path ends, every feature is there, every number is finite.
    pub(super) fn check(&self, features: usize) -> Result<(), TreeFault> {
        if self.0.is_empty() || self.0.len() > NODES_MAX {
            return Err(TreeFault::Broken { node: self.0.len() });
        }
        let sound = |place: usize, node: &Node| match node {
            Node::Leaf { answer, cover } => answer.is_finite() && *cover >= 0.0,
            Node::Fork(fork) => {
                let after = |child: usize| child > place && child < self.0.len();
                let numbers = fork.below.is_finite() && fork.cover.is_finite() && fork.cover > 0.0;
                after(fork.left) && after(fork.right) && fork.feature < features && numbers
            }
        };
        match self.0.iter().enumerate().find(|(place, node)| !sound(*place, node)) {
            Some((node, _)) => Err(TreeFault::Broken { node }),
            None => Ok(()),
        }
    }

    pub(super) fn node(&self, place: usize) -> Option<&Node> {
        self.0.get(place)
    }

    /// What the tree answers for a row.
    pub(super) fn answer(&self, row: &[f64]) -> f64 {
        let mut place = 0;
        loop {
            match self.0.get(place) {
                Some(Node::Fork(fork)) => place = fork.children(row).0,
                Some(Node::Leaf { answer, .. }) => return f64::from(*answer),
                None => return 0.0,
            }
        }
    }

    /// The share of a fork's training data that went to one child.
    pub(super) fn share(&self, fork: &Fork, child: usize) -> f64 {
        let cover = |child: usize| self.0.get(child).map_or(0.0, Node::cover);
        let both = cover(fork.left) + cover(fork.right);
        if both > 0.0 { cover(child) / both } else { 0.5 }
    }
}
