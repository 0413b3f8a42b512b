//! The right edge of the tree, all that an append needs: the roots of the complete subtrees that make up the log.
//!
//! Budget of an append: one node hash on average, no allocation once warm, no read. 32 bytes per set bit of the size.

use crate::hash::Hash;
use crate::tree::{LOG_SIZE_MAX, TreeHead, bag_peaks};

const ENCODING_V1: u8 = 1;
const HEADER_BYTES: usize = 1 + size_of::<u64>();

/// A log of which only size and right edge are kept. Any number of entries can be appended to it, and its root is
/// always at hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// One root per set bit of `size`, the largest subtree first.
    peaks: Vec<Hash>,
}

/// Bytes that are not an encoded frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Shorter than version and size.
    #[error("frontier has {found} bytes: at least {HEADER_BYTES} are needed for version and size")]
    Header {
        /// Number of bytes found.
        found: usize,
    },
    /// Written by another release.
    #[error("frontier has encoding version {found}: this release reads version {ENCODING_V1}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// A size that no log can have.
    #[error("frontier states {found} entries: a log has at most {LOG_SIZE_MAX}")]
    Size {
        /// The size found.
        found: u64,
    },
    /// Too few or too many hashes for its size.
    #[error("frontier of {size} entries has {expected} bytes, found {found}")]
    Length {
        /// The stated number of entries.
        size: u64,
        /// Number of bytes that a frontier of this size has.
        expected: usize,
        /// Number of bytes found.
        found: usize,
    },
}

impl Frontier {
    /// The empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the entry with this leaf hash.
    pub fn append(&mut self, leaf_hash: Hash) {
        let mut node = leaf_hash;
        // Like a carry: every subtree that the new entry completes swallows the peak to its left.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = Hash::node(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Number of entries; also the index of the next one.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root over all entries.
    pub fn root(&self) -> Hash {
        bag_peaks(&self.peaks)
    }

    /// Size and root together, ready to be signed.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }

    /// The stored form: version, size (big-endian), then the hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.peaks.len() * Hash::BYTES);
        bytes.push(ENCODING_V1);
        bytes.extend(self.size.to_be_bytes());
        self.peaks.iter().for_each(|peak| bytes.extend(peak.as_bytes()));
        bytes
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// When the version is unknown, the size impossible or the number of bytes not the one that belongs to the size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let header = FrontierError::Header { found: bytes.len() };
        let (version, rest) = bytes.split_first().ok_or(header)?;
        if *version != ENCODING_V1 {
            return Err(FrontierError::Version { found: *version });
        }
        let (size, rest) = rest.split_first_chunk().ok_or(header)?;
        let size = u64::from_be_bytes(*size);
        if size > LOG_SIZE_MAX {
            return Err(FrontierError::Size { found: size });
        }
        // At most 63 bits are set in a size, so a frontier has at most 63 hashes.
        let expected = HEADER_BYTES + size.count_ones() as usize * Hash::BYTES;
        if bytes.len() != expected {
            return Err(FrontierError::Length { size, expected, found: bytes.len() });
        }
        let (peaks, _) = rest.as_chunks();
        Ok(Self { size, peaks: peaks.iter().copied().map(Hash::from_bytes).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frontier_of(entries: u64) -> Frontier {
        let mut frontier = Frontier::new();
        (0..entries).for_each(|n| frontier.append(Hash::leaf(&n.to_be_bytes())));
        frontier
    }

    #[test]
    fn the_stored_form_reads_back_and_goes_on() {
        for entries in 0..70 {
            let mut read = Frontier::from_bytes(&frontier_of(entries).to_bytes()).unwrap();
            assert_eq!(read, frontier_of(entries));
            read.append(Hash::leaf(&entries.to_be_bytes()));
            assert_eq!(read.head(), frontier_of(entries + 1).head());
        }
    }

    #[test]
    fn damaged_stored_forms_are_refused() {
        let bytes = frontier_of(5).to_bytes();
        assert_eq!(bytes.len(), 9 + 2 * 32);
        assert_eq!(Frontier::from_bytes(&[]), Err(FrontierError::Header { found: 0 }));
        assert_eq!(Frontier::from_bytes(&bytes[..8]), Err(FrontierError::Header { found: 8 }));
        for found in [0, 9, 9 + 32, 72, 74, 9 + 3 * 32] {
            let mut cut = bytes.clone();
            cut.resize(found, 0);
            assert!(Frontier::from_bytes(&cut).is_err(), "{found} bytes");
        }
        let length = FrontierError::Length { size: 5, expected: 73, found: 72 };
        assert_eq!(Frontier::from_bytes(&bytes[..72]), Err(length));
        let mut other = bytes.clone();
        other[0] = 2;
        assert_eq!(Frontier::from_bytes(&other), Err(FrontierError::Version { found: 2 }));
        let mut huge = bytes;
        huge[1..9].fill(0xff);
        assert_eq!(Frontier::from_bytes(&huge), Err(FrontierError::Size { found: u64::MAX }));
    }
}
