//! Inclusion and consistency proofs of RFC 6962 and RFC 9162: built from complete subtrees, verified on their own.
//!
//! A proof carries no size and no root. Both come from a head that the verifier trusts, so the exact number of hashes
//! is known before the first one is read and a proof of any other length is refused.

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::tree::{LOG_SIZE_MAX, Node, TreeHead, range_root};

/// Shows that an entry is in the log: the hashes beside its path to the root, from the leaf upwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InclusionProof(Vec<Hash>);

/// Shows that a log only grew: that an older head's entries are the first entries of a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConsistencyProof(Vec<Hash>);

/// A proof that cannot be built or does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry lies beyond the log.
    #[error("entry {index} is not in a log of {size} entries: the last index is one less than the size")]
    IndexBeyondLog {
        /// The entry's index.
        index: u64,
        /// The log's size.
        size: u64,
    },
    /// The older head has more entries than the newer one.
    #[error("a log of {old} entries cannot be the beginning of one of {new}: give the smaller size first")]
    OldBeyondNew {
        /// Size of the older log.
        old: u64,
        /// Size of the newer log.
        new: u64,
    },
    /// A size that no log can have.
    #[error("a log of {size} entries cannot exist: at most {LOG_SIZE_MAX} are possible")]
    SizeTooLarge {
        /// The stated size.
        size: u64,
    },
    /// The source of hashes does not have a node that the proof needs.
    #[error("hash of level {level}, index {index} is missing: tiles or leaf hashes are incomplete")]
    MissingHash {
        /// The node's level.
        level: u32,
        /// The node's index within its level.
        index: u64,
    },
    /// Too few or too many hashes.
    #[error("proof has {found} hashes where {expected} are needed")]
    WrongLength {
        /// Number of hashes that index and size ask for.
        expected: u64,
        /// Number of hashes found.
        found: u64,
    },
    /// The hashes lead to another root than the head's.
    #[error("proof leads to root {computed}, the log of {size} entries has root {expected}")]
    RootMismatch {
        /// Size of the log whose root is not met.
        size: u64,
        /// The head's root.
        expected: Hash,
        /// The root that the proof leads to.
        computed: Hash,
    },
}

impl InclusionProof {
    /// Builds the proof that entry `index` is in the log of `size` entries. `source` answers with the hash of a
    /// complete subtree.
    ///
    /// # Errors
    /// When the index is beyond the log or the source lacks a hash.
    pub fn build(
        index: u64,
        size: u64,
        mut source: impl FnMut(Node) -> Option<Hash>,
    ) -> Result<Self, ProofError> {
        check_index(index, size)?;
        let (mut begin, mut end) = (0, size);
        let mut hashes = Vec::new();
        while end - begin > 1 {
            let middle = begin + split(end - begin);
            let sibling = if index < middle { (middle, end) } else { (begin, middle) };
            hashes.push(range_root(sibling.0, sibling.1, &mut source).map_err(missing)?);
            (begin, end) = if index < middle { (begin, middle) } else { (middle, end) };
        }
        hashes.reverse();
        Ok(Self(hashes))
    }

    /// Checks that the entry with this leaf hash is at `index` in the log with this head.
    ///
    /// # Errors
    /// When the index is beyond the log, the proof has the wrong length or leads to another root.
    pub fn verify(&self, leaf_hash: Hash, index: u64, head: &TreeHead) -> Result<(), ProofError> {
        check_index(index, head.size)?;
        let (inner, border) = path_lengths(index, head.size);
        check_length(&self.0, inner + border)?;
        let (inner, border) = split_at(&self.0, inner);
        check_root(head, climb_border(climb(leaf_hash, inner, index), border))
    }

    /// The hashes, from the leaf upwards.
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }
}

impl From<Vec<Hash>> for InclusionProof {
    fn from(hashes: Vec<Hash>) -> Self {
        Self(hashes)
    }
}

impl ConsistencyProof {
    /// Builds the proof that the log of `old` entries is the beginning of the log of `new` entries. It is empty when
    /// both are equal or the older one has no entries.
    ///
    /// # Errors
    /// When the older size is the larger one or the source lacks a hash.
    pub fn build(
        old: u64,
        new: u64,
        mut source: impl FnMut(Node) -> Option<Hash>,
    ) -> Result<Self, ProofError> {
        check_order(old, new)?;
        let (mut begin, mut end) = (0, new);
        let mut hashes = Vec::new();
        while old != 0 && old != end {
            let middle = begin + split(end - begin);
            let sibling = if old <= middle { (middle, end) } else { (begin, middle) };
            hashes.push(range_root(sibling.0, sibling.1, &mut source).map_err(missing)?);
            (begin, end) = if old <= middle { (begin, middle) } else { (middle, end) };
        }
        // The verifier knows the older root, so a subtree that is the whole older log need not be told.
        if begin != 0 {
            hashes.push(range_root(begin, end, &mut source).map_err(missing)?);
        }
        hashes.reverse();
        Ok(Self(hashes))
    }

    /// Checks that the log with the head `old` is the beginning of the log with the head `new`.
    ///
    /// # Errors
    /// When the older head is the larger one, the proof has the wrong length or leads to another root.
    pub fn verify(&self, old: &TreeHead, new: &TreeHead) -> Result<(), ProofError> {
        check_order(old.size, new.size)?;
        if old.size == 0 {
            check_root(old, Hash::empty_root())?;
        }
        if old.size == 0 || old.size == new.size {
            check_length(&self.0, 0)?;
            return if old.size == new.size { check_root(new, old.root) } else { Ok(()) };
        }
        // The path of the older log's last entry, from the largest complete subtree that ends with it upwards.
        let whole = old.size.trailing_zeros();
        let (inner, border) = path_lengths(old.size - 1, new.size);
        let inner = inner - whole;
        let (seed, path) = if old.size.is_power_of_two() {
            (old.root, self.0.as_slice())
        } else {
            let expected = 1 + inner + border;
            let (seed, path) = self.0.split_first().ok_or(wrong_length(expected, 0))?;
            check_length(&self.0, expected)?;
            (*seed, path)
        };
        check_length(path, inner + border)?;
        let (inner, border) = split_at(path, inner);
        let position = (old.size - 1) >> whole;
        check_root(old, climb_border(climb_left(seed, inner, position), border))?;
        check_root(new, climb_border(climb(seed, inner, position), border))
    }

    /// The hashes in RFC 6962 order.
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }
}

impl From<Vec<Hash>> for ConsistencyProof {
    fn from(hashes: Vec<Hash>) -> Self {
        Self(hashes)
    }
}

/// The largest power of two smaller than `width`: how many entries RFC 6962 puts to the left.
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// Number of hashes on the way from a leaf to the root: `inner` ones until the path joins that of the last entry, and
/// `border` ones from there on, which are all to the left.
fn path_lengths(index: u64, size: u64) -> (u32, u32) {
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    (inner, (index >> inner).count_ones())
}

fn climb(seed: Hash, hashes: &[Hash], position: u64) -> Hash {
    hashes.iter().zip(0..).fold(seed, |node, (hash, level): (_, u32)| match (position >> level) & 1 {
        0 => Hash::node(&node, hash),
        _ => Hash::node(hash, &node),
    })
}

/// Like [`climb`], past siblings to the right, which the older log does not have.
fn climb_left(seed: Hash, hashes: &[Hash], position: u64) -> Hash {
    hashes.iter().zip(0..).fold(seed, |node, (hash, level): (_, u32)| match (position >> level) & 1 {
        0 => node,
        _ => Hash::node(hash, &node),
    })
}

fn climb_border(seed: Hash, hashes: &[Hash]) -> Hash {
    hashes.iter().fold(seed, |node, hash| Hash::node(hash, &node))
}

fn check_index(index: u64, size: u64) -> Result<(), ProofError> {
    if size > LOG_SIZE_MAX {
        return Err(ProofError::SizeTooLarge { size });
    }
    if index >= size {
        return Err(ProofError::IndexBeyondLog { index, size });
    }
    Ok(())
}

fn check_order(old: u64, new: u64) -> Result<(), ProofError> {
    if new > LOG_SIZE_MAX {
        return Err(ProofError::SizeTooLarge { size: new });
    }
    if old > new {
        return Err(ProofError::OldBeyondNew { old, new });
    }
    Ok(())
}

fn check_length(hashes: &[Hash], expected: u32) -> Result<(), ProofError> {
    let found = hashes.len() as u64;
    if found != u64::from(expected) {
        return Err(wrong_length(expected, found));
    }
    Ok(())
}

fn wrong_length(expected: u32, found: u64) -> ProofError {
    ProofError::WrongLength { expected: u64::from(expected), found }
}

fn check_root(head: &TreeHead, computed: Hash) -> Result<(), ProofError> {
    if computed != head.root {
        return Err(ProofError::RootMismatch { size: head.size, expected: head.root, computed });
    }
    Ok(())
}

fn split_at(hashes: &[Hash], count: u32) -> (&[Hash], &[Hash]) {
    usize::try_from(count).ok().and_then(|count| hashes.split_at_checked(count)).unwrap_or((hashes, &[]))
}

fn missing(node: Node) -> ProofError {
    ProofError::MissingHash { level: node.level, index: node.index }
}
