//! The shape of the log's tree: sizes, heads and complete subtrees.

use crate::frontier::Frontier;
use crate::hash::Hash;

/// Most entries a log may have: what a signed 64-bit column can count.
pub const LOG_SIZE_MAX: u64 = (1 << 63) - 1;

/// The whole log in two values: how many entries it has and the root hash over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 Merkle tree hash over the entries.
    pub root: Hash,
}

/// A complete subtree: the `2^level` entries from `index * 2^level` on. Level 0 is the entries' leaf hashes. Its hash
/// never changes once its entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Height above the leaves.
    pub level: u32,
    /// Position among the nodes of its level.
    pub index: u64,
}

impl Node {
    /// Whether all of the node's entries are within a log of `size` entries.
    pub fn is_complete(self, size: u64) -> bool {
        self.level < u64::BITS && self.index < size >> self.level
    }
}

/// Root of a complete subtree from the hashes of its nodes of one level, or `None` when their number is not a power of
/// two.
pub fn subtree_root(hashes: &[Hash]) -> Option<Hash> {
    let mut frontier = Frontier::new();
    hashes.iter().for_each(|hash| frontier.append(*hash));
    hashes.len().is_power_of_two().then(|| frontier.root())
}

/// Serves proofs from all leaf hashes of a log in memory. Work per node is linear in its entries; large logs are
/// served by [`TileHashes`](crate::TileHashes).
pub fn leaf_source(leaf_hashes: &[Hash]) -> impl Fn(Node) -> Option<Hash> {
    |node| {
        let width = 1usize.checked_shl(node.level)?;
        let begin = usize::try_from(node.index).ok()?.checked_mul(width)?;
        subtree_root(leaf_hashes.get(begin..begin.checked_add(width)?)?)
    }
}

/// Root over the entries `begin..end`, put together from complete subtrees. `begin` is a multiple of the largest power
/// of two that fits the range, as in every range that RFC 6962 splits off. The error is the node that is missing.
pub(crate) fn range_root(
    begin: u64,
    end: u64,
    source: &mut impl FnMut(Node) -> Option<Hash>,
) -> Result<Hash, Node> {
    let mut rest = end - begin;
    let mut at = begin;
    let mut peaks = Vec::new();
    while rest > 0 {
        let level = rest.ilog2();
        let node = Node { level, index: at >> level };
        peaks.push(source(node).ok_or(node)?);
        at += 1 << level;
        rest -= 1 << level;
    }
    Ok(bag_peaks(&peaks))
}

/// Root over complete subtrees of falling size, from left to right.
pub(crate) fn bag_peaks(peaks: &[Hash]) -> Hash {
    peaks
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| Hash::node(&left, &right))
        .unwrap_or_else(Hash::empty_root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_beyond_the_log_are_not_complete() {
        let complete = |level, index, size| Node { level, index }.is_complete(size);
        assert!(complete(0, 4, 5) && !complete(0, 5, 5));
        assert!(complete(2, 0, 5) && !complete(2, 1, 7) && complete(2, 1, 8));
        assert!(!complete(64, 0, u64::MAX) && !complete(63, 1, LOG_SIZE_MAX) && !complete(0, 0, 0));
    }

    #[test]
    fn a_source_over_leaves_answers_only_for_complete_subtrees() {
        let leaves: Vec<Hash> = (0..5u8).map(|n| Hash::leaf(&[n])).collect();
        let source = leaf_source(&leaves);
        assert_eq!(source(Node { level: 0, index: 4 }), Some(leaves[4]));
        assert_eq!(source(Node { level: 1, index: 1 }), Some(Hash::node(&leaves[2], &leaves[3])));
        for (level, index) in [(0, 5), (1, 2), (3, 0), (64, 0), (200, 0), (1, u64::MAX)] {
            assert_eq!(source(Node { level, index }), None, "level {level} index {index}");
        }
        assert_eq!(subtree_root(&leaves[..3]), None);
        assert_eq!(subtree_root(&[]), None);
    }
}
