//! SHA-256 as RFC 6962 uses it: leaves and inner nodes are hashed under different prefixes, so that no inner node can
//! be passed off as an entry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;
/// Longest part of a refused text that an error repeats, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// A SHA-256 hash in the log's tree, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; Hash::BYTES]);

/// A text that is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 hash: expected 64 lower-case hexadecimal digits")]
pub struct ParseHashError(String);

/// Bytes that are not one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 hash has {} bytes, found {found}", Hash::BYTES)]
pub struct HashLengthError {
    /// Number of bytes found.
    pub found: usize,
}

impl Hash {
    /// Length of a hash in bytes.
    pub const BYTES: usize = 32;

    /// Takes the bytes of a hash computed elsewhere, for example read from a database.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The hash's bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Hash of an entry: SHA-256(0x00 || leaf).
    pub fn leaf(leaf: &[u8]) -> Self {
        Self(Sha256::new().chain_update([LEAF_PREFIX]).chain_update(leaf).finalize().into())
    }

    /// Hash of an inner node: SHA-256(0x01 || left || right).
    pub fn node(left: &Self, right: &Self) -> Self {
        Self(
            Sha256::new()
                .chain_update([NODE_PREFIX])
                .chain_update(left.0)
                .chain_update(right.0)
                .finalize()
                .into(),
        )
    }

    /// Root of the tree without entries: SHA-256 of nothing.
    pub fn empty_root() -> Self {
        Self(Sha256::digest([]).into())
    }
}

/// Reads exactly `2 * N` lower-case hexadecimal digits. Upper case is refused so that a value has one written form.
pub(crate) fn decode_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

/// The part of a refused text that an error may repeat.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS_MAX).collect()
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        decode_hex(text).map(Self).ok_or_else(|| ParseHashError(quoted(text)))
    }
}

impl TryFrom<String> for Hash {
    type Error = ParseHashError;

    fn try_from(text: String) -> Result<Self, ParseHashError> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = HashLengthError;

    fn try_from(bytes: &[u8]) -> Result<Self, HashLengthError> {
        bytes.try_into().map(Self).map_err(|_| HashLengthError { found: bytes.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_written_form() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::empty_root().to_string(), text);
        assert_eq!(text.parse(), Ok(Hash::empty_root()));
        assert_eq!(serde_json::to_string(&Hash::empty_root()).unwrap(), format!("\"{text}\""));
        for refused in [&text.to_uppercase(), &text[1..], "", "zz", &format!("{text}00")] {
            assert_eq!(refused.parse::<Hash>(), Err(ParseHashError(refused.to_owned())));
        }
        assert_eq!(Hash::try_from([0u8; 31].as_slice()), Err(HashLengthError { found: 31 }));
    }

    #[test]
    fn an_inner_node_is_never_the_hash_of_an_entry() {
        let (left, right) = (Hash::leaf(b"a"), Hash::leaf(b"b"));
        let joined = [left.0, right.0].concat();
        assert_ne!(Hash::node(&left, &right), Hash::leaf(&joined));
        assert_ne!(Hash::node(&left, &right), Hash::node(&right, &left));
    }
}
