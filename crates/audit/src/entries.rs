//! C2SP entry bundles: the entries under a level-0 tile, each after its length as a big-endian 16-bit number.

use crate::tile::TILE_WIDTH_MAX;

/// Longest entry that an entry bundle can carry, in bytes.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Entries that do not fit a bundle, or bytes that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntriesError {
    /// An entry longer than its length field can say.
    #[error("entry {position} of the bundle has {bytes} bytes: at most {ENTRY_BYTES_MAX} fit")]
    EntryTooLong {
        /// Position within the bundle.
        position: usize,
        /// The entry's length in bytes.
        bytes: usize,
    },
    /// More entries than a tile has hashes.
    #[error("bundle has more than {TILE_WIDTH_MAX} entries: start the next one")]
    TooMany,
    /// The bytes end within an entry.
    #[error("bundle ends within entry {position}")]
    Truncated {
        /// Position within the bundle.
        position: usize,
    },
}

/// Writes at most [`TILE_WIDTH_MAX`] entries as one bundle.
///
/// # Errors
/// When there are too many entries or one is too long.
pub fn encode_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, EntriesError> {
    let mut bundle = Vec::new();
    for (position, entry) in entries.into_iter().enumerate() {
        if position >= usize::from(TILE_WIDTH_MAX) {
            return Err(EntriesError::TooMany);
        }
        let too_long = EntriesError::EntryTooLong { position, bytes: entry.len() };
        bundle.extend(u16::try_from(entry.len()).map_err(|_| too_long)?.to_be_bytes());
        bundle.extend(entry);
    }
    Ok(bundle)
}

/// Reads the entries of a bundle.
///
/// # Errors
/// When the bytes end within an entry or hold more entries than a tile has hashes.
pub fn decode_entries(mut bundle: &[u8]) -> Result<Vec<&[u8]>, EntriesError> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        if entries.len() >= usize::from(TILE_WIDTH_MAX) {
            return Err(EntriesError::TooMany);
        }
        let truncated = EntriesError::Truncated { position: entries.len() };
        let (length, rest) = bundle.split_first_chunk().ok_or(truncated)?;
        let (entry, rest) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(truncated)?;
        entries.push(entry);
        bundle = rest;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_reads_back() {
        let entries: [&[u8]; 4] = [b"one", b"", b"three", &[7; ENTRY_BYTES_MAX]];
        let bundle = encode_entries(entries).unwrap();
        assert_eq!(bundle[..5], [0, 3, b'o', b'n', b'e']);
        assert_eq!(decode_entries(&bundle).unwrap(), entries);
        assert_eq!(decode_entries(&bundle[..bundle.len() - 1]), Err(EntriesError::Truncated { position: 3 }));
        assert_eq!(decode_entries(&[0]), Err(EntriesError::Truncated { position: 0 }));
    }

    #[test]
    fn a_bundle_is_bounded() {
        let long = vec![0; ENTRY_BYTES_MAX + 1];
        let refused = EntriesError::EntryTooLong { position: 1, bytes: ENTRY_BYTES_MAX + 1 };
        assert_eq!(encode_entries([b"".as_slice(), &long]), Err(refused));
        assert_eq!(encode_entries([b"".as_slice(); 257]), Err(EntriesError::TooMany));
        assert_eq!(decode_entries(&[0; 2 * 257]), Err(EntriesError::TooMany));
        assert_eq!(decode_entries(&[0; 2 * 256]).unwrap().len(), 256);
    }
}
