//! Verification of a whole log in one pass over its entries, in constant memory beside the checkpoints.
//!
//! The hash stored with each entry tells which entry was altered. Somebody who alters entry and hash alike is met at
//! the next checkpoint, whose signed root they cannot make; then the interval is known in which it happened.
//!
//! Budget per entry: its leaf hash and one node hash on average.

use std::iter::Peekable;
use std::vec::IntoIter;

use crate::checkpoint::Checkpoint;
use crate::frontier::Frontier;
use crate::hash::Hash;
use crate::tree::TreeHead;

/// Takes the entries of a log one by one and compares them with their stored hashes and with every signed head.
#[derive(Debug, Clone)]
pub struct LogVerifier {
    frontier: Frontier,
    /// Signed heads that have not been reached yet, by rising size.
    heads: Peekable<IntoIter<TreeHead>>,
    checkpoints: u64,
    /// Size of the last signed head that was met.
    signed_size: u64,
}

/// What a log that verifies consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedLog {
    /// Size and root of the log.
    pub head: TreeHead,
    /// Number of different signed heads that were met.
    pub checkpoints: u64,
    /// Entries before this index are covered by a signature; those from it on only agree with their stored hashes.
    pub signed_size: u64,
}

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// Two signed heads of one size disagree.
    #[error("two checkpoints of {size} entries are signed with different roots: the log was forked")]
    Forked {
        /// The size of both.
        size: u64,
    },
    /// An index is missing.
    #[error("entry {expected} is missing: the next one found is {found}")]
    Missing {
        /// The first index that is missing.
        expected: u64,
        /// The index found instead.
        found: u64,
    },
    /// An index comes again.
    #[error("entry {found} comes out of order where entry {expected} is next")]
    OutOfOrder {
        /// The index that is next.
        expected: u64,
        /// The index found instead.
        found: u64,
    },
    /// An entry's bytes do not have the hash stored with them.
    #[error("entry {index} was altered: its bytes have hash {computed}, stored is {stored}")]
    Altered {
        /// Index of the entry.
        index: u64,
        /// The hash stored with the entry.
        stored: Hash,
        /// The hash of the entry's bytes.
        computed: Hash,
    },
    /// The entries do not lead to a signed root, although each has the hash stored with it.
    #[error("an entry from {from} to {last} was altered together with its hash: the first {size} entries have root \
        {computed}, signed is {signed}", last = size.saturating_sub(1))]
    RootMismatch {
        /// Size of the last signed head that was met: everything before it is as it was signed.
        from: u64,
        /// Size of the head that was not met.
        size: u64,
        /// The signed root.
        signed: Hash,
        /// The root of the entries found.
        computed: Hash,
    },
    /// The log ends before a signed head.
    #[error(
        "log ends after {found} entries, a checkpoint of {signed} entries is signed: entries were cut off"
    )]
    CutOff {
        /// Number of entries found.
        found: u64,
        /// Size of the signed head.
        signed: u64,
    },
    /// The head that the store keeps is not that of its entries.
    #[error("stored head states {} entries with root {}, the log has {} with root {}",
        stored.size, stored.root, computed.size, computed.root)]
    HeadMismatch {
        /// The head that the store keeps.
        stored: TreeHead,
        /// The head of the entries found.
        computed: TreeHead,
    },
}

impl LogVerifier {
    /// Starts before entry 0. The checkpoints may come in any order.
    ///
    /// # Errors
    /// When two checkpoints contradict each other, or one signs an empty log with entries.
    pub fn new(checkpoints: impl IntoIterator<Item = Checkpoint>) -> Result<Self, LogFault> {
        let mut heads: Vec<TreeHead> = checkpoints.into_iter().map(|checkpoint| *checkpoint.head()).collect();
        heads.sort_unstable_by_key(|head| (head.size, head.root));
        heads.dedup();
        if let Some([first, _]) = heads.array_windows().find(|[a, b]| a.size == b.size) {
            return Err(LogFault::Forked { size: first.size });
        }
        let heads = heads.into_iter().peekable();
        let mut verifier = Self { frontier: Frontier::new(), heads, checkpoints: 0, signed_size: 0 };
        verifier.meet_signed_head()?;
        Ok(verifier)
    }

    /// Takes the next entry: its index, its stored bytes and the hash stored with it.
    ///
    /// # Errors
    /// When the entry is not the next one, its bytes do not have the stored hash, or a signed root is not met. The
    /// verification is over then.
    pub fn entry(&mut self, index: u64, leaf: &[u8], stored: &Hash) -> Result<(), LogFault> {
        let expected = self.frontier.size();
        if index > expected {
            return Err(LogFault::Missing { expected, found: index });
        }
        if index < expected {
            return Err(LogFault::OutOfOrder { expected, found: index });
        }
        let computed = Hash::leaf(leaf);
        if computed != *stored {
            return Err(LogFault::Altered { index, stored: *stored, computed });
        }
        self.frontier.append(computed);
        self.meet_signed_head()
    }

    /// Ends the log and compares it with the head that the store keeps.
    ///
    /// # Errors
    /// When a signed head was not reached or the stored head is another one.
    pub fn finish(mut self, stored: &TreeHead) -> Result<VerifiedLog, LogFault> {
        let head = self.frontier.head();
        if let Some(signed) = self.heads.next() {
            return Err(LogFault::CutOff { found: head.size, signed: signed.size });
        }
        if head != *stored {
            return Err(LogFault::HeadMismatch { stored: *stored, computed: head });
        }
        Ok(VerifiedLog { head, checkpoints: self.checkpoints, signed_size: self.signed_size })
    }

    fn meet_signed_head(&mut self) -> Result<(), LogFault> {
        let size = self.frontier.size();
        let Some(signed) = self.heads.next_if(|head| head.size == size) else {
            return Ok(());
        };
        let computed = self.frontier.root();
        if computed != signed.root {
            return Err(LogFault::RootMismatch {
                from: self.signed_size,
                size,
                signed: signed.root,
                computed,
            });
        }
        self.checkpoints += 1;
        self.signed_size = size;
        Ok(())
    }
}
