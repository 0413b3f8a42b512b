//! Domain-separated SHA-256 over RFC 8785 canonical JSON.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text that is not a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest: expected 64 lower-case hexadecimal digits")]
pub struct InvalidDigest(String);

/// A value that has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("value has no canonical JSON form")]
pub struct NotCanonical(#[source] serde_json::Error);

impl Digest {
    /// Digest of `value` under `label`: SHA-256(label || 0x00 || RFC 8785 canonical JSON). The label separates
    /// domains, so that a digest of one kind of value can never stand for another.
    ///
    /// # Errors
    /// When the value cannot be written as canonical JSON, for example because of a number that is not finite.
    pub fn of<T: Serialize>(label: &str, value: &T) -> Result<Self, NotCanonical> {
        let json = serde_json_canonicalizer::to_vec(value).map_err(NotCanonical)?;
        let mut hasher = Sha256::new();
        hasher.update(label.as_bytes());
        hasher.update([0]);
        hasher.update(&json);
        Ok(Self(hasher.finalize().into()))
    }

    /// Plain SHA-256 of bytes, as other tools print it.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest(text.chars().take(80).filter(|c| !c.is_control()).collect());
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| invalid())?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_order_does_not_matter_but_label_and_value_do() {
        let a = Digest::of("x", &serde_json::json!({"b": 1, "a": 2})).unwrap();
        let b = Digest::of("x", &serde_json::json!({"a": 2, "b": 1})).unwrap();
        assert_eq!(a, b);
        assert_ne!(a, Digest::of("y", &serde_json::json!({"a": 2, "b": 1})).unwrap());
        assert_ne!(a, Digest::of("x", &serde_json::json!({"a": 2, "b": 2})).unwrap());
        assert_eq!(a.to_string().parse::<Digest>().unwrap(), a);
    }

    #[test]
    fn plain_digest_matches_the_published_vector() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of_bytes(b"abc").to_string(), expected);
        assert!("BA".repeat(32).parse::<Digest>().is_err());
        assert!("ab".parse::<Digest>().is_err());
    }
}
