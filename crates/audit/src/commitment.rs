//! Free text leaves the log's entries and a salted commitment takes its place, so that a person's words can be erased
//! later without breaking a single hash.
//!
//! An entry marks such a text as `{"$text": "…"}`. [`seal`] replaces it by `{"$sha256": "<hex>"}` and hands the text
//! out with its salt and place; [`unseal`] puts it back after checking the commitment, or `{"$erased": "<hex>"}` where
//! it is gone. The three keys are reserved: an object that has one of them has only that one, and data that comes with
//! `$sha256` or `$erased` in it is refused, so that nobody can write a commitment that `seal` did not make.
//!
//! Budget: one walk over the value, in which texts are moved; no work per value beyond a look at its keys.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::hash::Hash;

/// The only key of an object that stands for a free text.
pub const TEXT_KEY: &str = "$text";
/// The only key of an object that stands for a sealed text.
pub const COMMITMENT_KEY: &str = "$sha256";
/// The only key of an object that stands for an erased text.
pub const ERASED_KEY: &str = "$erased";
/// Length of a salt in bytes: nobody can guess a text from its commitment once the salt is erased.
pub const SALT_BYTES: usize = 16;
/// Deepest nesting of arrays and objects in an entry. Below what JSON parsers accept, so that a leaf always reads back.
pub const DEPTH_MAX: usize = 64;
/// Most texts in one entry.
pub const TEXTS_MAX: usize = 4096;

const DOMAIN: &[u8] = b"cortex-change/free-text/v1\0";

/// A text beside the log, with what is needed to check that it is the one that was committed to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateText {
    /// Where in the entry the text belongs, as an RFC 6901 pointer.
    pub pointer: String,
    /// The salt of the commitment.
    #[serde(with = "salt_hex")]
    pub salt: [u8; SALT_BYTES],
    /// The text.
    pub text: String,
}

/// An entry taken apart: what enters the log, and what lies beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    /// The entry with commitments in place of texts.
    pub public: Value,
    /// The texts, in the order in which the walk met them.
    pub private: Vec<PrivateText>,
}

/// An entry that cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Data that looks like a commitment.
    #[error("key `{key}` at `{pointer}` is reserved for the audit log: rename it")]
    ReservedKey {
        /// Where the object is.
        pointer: String,
        /// The key.
        key: &'static str,
    },
    /// `$text` beside other keys or with something that is not a string.
    #[error(
        "object at `{pointer}` is not a free text: expected `{{\"{TEXT_KEY}\": \"…\"}}` with no other key"
    )]
    NotAText {
        /// Where the object is.
        pointer: String,
    },
    /// More texts than one entry may have.
    #[error("entry has more than {TEXTS_MAX} free texts: split it")]
    TooManyTexts,
    /// Nested too deeply.
    #[error(transparent)]
    TooDeep(#[from] TooDeep),
}

/// Texts that do not belong to the entry, or an entry that was not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// A text that is not the one committed to.
    #[error("text at `{pointer}` does not match its commitment: text or salt was altered")]
    Mismatch {
        /// Where the text belongs.
        pointer: String,
    },
    /// A text where the entry has no commitment.
    #[error("there is no commitment at `{pointer}` for the text given")]
    NoCommitment {
        /// Where the text claims to belong.
        pointer: String,
    },
    /// Two texts for one place.
    #[error("two texts are given for `{pointer}`")]
    GivenTwice {
        /// The place.
        pointer: String,
    },
    /// `$sha256` beside other keys or with something that is not a hash.
    #[error(
        "object at `{pointer}` is not a commitment: expected `{{\"{COMMITMENT_KEY}\": \"<64 hexadecimal digits>\"}}`"
    )]
    NotACommitment {
        /// Where the object is.
        pointer: String,
    },
    /// A key that no sealed entry has.
    #[error("key `{key}` at `{pointer}` cannot be in a sealed entry")]
    ReservedKey {
        /// Where the object is.
        pointer: String,
        /// The key.
        key: &'static str,
    },
    /// Nested too deeply.
    #[error(transparent)]
    TooDeep(#[from] TooDeep),
}

/// Arrays and objects nested more than [`DEPTH_MAX`] deep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry is nested more than {DEPTH_MAX} levels deep: flatten it")]
pub struct TooDeep;

/// Commitment to a text: SHA-256 over a domain label, the salt and the text.
pub fn commit(salt: &[u8; SALT_BYTES], text: &str) -> Hash {
    let digest = Sha256::new().chain_update(DOMAIN).chain_update(salt).chain_update(text).finalize();
    Hash::from_bytes(digest.into())
}

/// Whether ordinary data may not use this key, so that an interface can refuse it before anything is decided.
pub fn is_reserved_key(key: &str) -> bool {
    Reserved::parse(key).is_some()
}

/// Takes the free texts of one entry, whoever walks over it, and says what stands in their place.
#[derive(Debug)]
pub struct Sealer<S> {
    salts: S,
    private: Vec<PrivateText>,
}

impl<S: FnMut() -> [u8; SALT_BYTES]> Sealer<S> {
    /// Begins an entry. `salts` gives a fresh random salt for each text.
    pub fn new(salts: S) -> Self {
        Self { salts, private: Vec::new() }
    }

    /// Takes the text of an object whose only key is a reserved one, and gives the commitment that takes its place under
    /// [`COMMITMENT_KEY`]. `pointer` is the object's place under RFC 6901.
    ///
    /// # Errors
    /// When the key is reserved for something else than a text, or the entry has too many texts.
    pub fn take(&mut self, key: &str, text: String, pointer: String) -> Result<Hash, SealError> {
        match Reserved::parse(key) {
            Some(Reserved::Text) => {}
            Some(other) => return Err(SealError::ReservedKey { pointer, key: other.name() }),
            None => return Err(SealError::NotAText { pointer }),
        }
        if self.private.len() >= TEXTS_MAX {
            return Err(SealError::TooManyTexts);
        }
        let salt = (self.salts)();
        let commitment = commit(&salt, &text);
        self.private.push(PrivateText { pointer, salt, text });
        Ok(commitment)
    }

    /// The texts, in the order in which they were taken.
    pub fn into_private(self) -> Vec<PrivateText> {
        self.private
    }
}

/// Takes the free texts out of an entry. `salts` gives a fresh random salt for each.
///
/// # Errors
/// When the entry uses a reserved key, is nested too deeply or has too many texts.
pub fn seal(value: Value, salts: impl FnMut() -> [u8; SALT_BYTES]) -> Result<Sealed, SealError> {
    let mut sealer = Sealer::new(salts);
    let public = replace_marked(value, &mut |key, map, place| {
        let text = match key {
            Reserved::Text => take_only_string(map),
            Reserved::Commitment | Reserved::Erased => Some(String::new()),
        };
        let text = text.ok_or_else(|| SealError::NotAText { pointer: place.pointer() })?;
        sealer.take(key.name(), text, place.pointer()).map(|hash| marker(COMMITMENT_KEY, &hash))
    })?;
    Ok(Sealed { public, private: sealer.into_private() })
}

/// Puts the texts back into a sealed entry. A commitment without text is one whose text was erased.
///
/// # Errors
/// When a text does not match its commitment or has none, and when the entry is not one that [`seal`] made.
pub fn unseal(public: Value, private: Vec<PrivateText>) -> Result<Value, UnsealError> {
    let mut texts = HashMap::with_capacity(private.len());
    for PrivateText { pointer, salt, text } in private {
        if let Some(_earlier) = texts.insert(pointer.clone(), (salt, text)) {
            return Err(UnsealError::GivenTwice { pointer });
        }
    }
    let value = replace_marked(public, &mut |key, map, place| match key {
        Reserved::Commitment => {
            let commitment: Hash = take_only_string(map)
                .and_then(|hex| hex.parse().ok())
                .ok_or_else(|| UnsealError::NotACommitment { pointer: place.pointer() })?;
            let pointer = place.pointer();
            match texts.remove(&pointer) {
                None => Ok(marker(ERASED_KEY, &commitment)),
                Some((salt, text)) if commit(&salt, &text) == commitment => Ok(object(TEXT_KEY, text)),
                Some(_) => Err(UnsealError::Mismatch { pointer }),
            }
        }
        Reserved::Text | Reserved::Erased => {
            Err(UnsealError::ReservedKey { pointer: place.pointer(), key: key.name() })
        }
    })?;
    match texts.into_keys().min() {
        Some(pointer) => Err(UnsealError::NoCommitment { pointer }),
        None => Ok(value),
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Reserved {
    Text,
    Commitment,
    Erased,
}

impl Reserved {
    pub(crate) fn parse(key: &str) -> Option<Self> {
        match key {
            TEXT_KEY => Some(Self::Text),
            COMMITMENT_KEY => Some(Self::Commitment),
            ERASED_KEY => Some(Self::Erased),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => TEXT_KEY,
            Self::Commitment => COMMITMENT_KEY,
            Self::Erased => ERASED_KEY,
        }
    }
}

/// Walks the value and replaces every object that has a reserved key by what `replace` makes of it.
fn replace_marked<E: From<TooDeep>>(
    mut value: Value,
    replace: &mut impl FnMut(Reserved, &mut Map<String, Value>, &Place<'_>) -> Result<Value, E>,
) -> Result<Value, E> {
    walk(&mut value, &Place::Whole, replace)?;
    Ok(value)
}

fn walk<E: From<TooDeep>>(
    value: &mut Value,
    at: &Place<'_>,
    replace: &mut impl FnMut(Reserved, &mut Map<String, Value>, &Place<'_>) -> Result<Value, E>,
) -> Result<(), E> {
    at.within_limit()?;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        Value::Array(items) => {
            items.iter_mut().enumerate().try_for_each(|(index, item)| walk(item, &at.item(index), replace))
        }
        Value::Object(map) => {
            if let Some(key) = map.keys().find_map(|key| Reserved::parse(key)) {
                *value = replace(key, map, at)?;
                return Ok(());
            }
            map.iter_mut().try_for_each(|(key, item)| walk(item, &at.member(key), replace))
        }
    }
}

/// The place of a walk, from the inside out. It becomes a pointer only where there is something to point at.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Whole,
    Item { parent: &'a Place<'a>, index: usize, depth: usize },
    Member { parent: &'a Place<'a>, key: &'a str, depth: usize },
}

impl<'a> Place<'a> {
    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self::Item { parent: self, index, depth: self.depth() + 1 }
    }

    pub(crate) fn member(&'a self, key: &'a str) -> Self {
        Self::Member { parent: self, key, depth: self.depth() + 1 }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Whole => 0,
            Self::Item { depth, .. } | Self::Member { depth, .. } => *depth,
        }
    }

    /// Whether an entry may be nested as deeply as this.
    pub(crate) fn within_limit(&self) -> Result<(), TooDeep> {
        if self.depth() > DEPTH_MAX { Err(TooDeep) } else { Ok(()) }
    }

    /// The place as an RFC 6901 pointer.
    pub(crate) fn pointer(&self) -> String {
        match self {
            Self::Whole => String::new(),
            Self::Item { parent, index, .. } => format!("{}/{index}", parent.pointer()),
            Self::Member { parent, key, .. } => {
                format!("{}/{}", parent.pointer(), key.replace('~', "~0").replace('/', "~1"))
            }
        }
    }
}

/// Moves out the string of an object that has one key with a string and nothing else.
fn take_only_string(map: &mut Map<String, Value>) -> Option<String> {
    if map.len() != 1 {
        return None;
    }
    match map.values_mut().next() {
        Some(Value::String(text)) => Some(std::mem::take(text)),
        Some(_) | None => None,
    }
}

fn marker(key: &str, commitment: &Hash) -> Value {
    object(key, commitment.to_string())
}

fn object(key: &str, text: String) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), Value::String(text))]))
}

/// Shows where a text belongs and how long it is, so that logs of a program never repeat what may be erased.
impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateText")
            .field("pointer", &self.pointer)
            .field("text_bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

mod salt_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::SALT_BYTES;
    use crate::hash::{decode_hex, quoted};

    pub(super) fn serialize<S: Serializer>(
        salt: &[u8; SALT_BYTES],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(salt))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; SALT_BYTES], D::Error> {
        let text = String::deserialize(deserializer)?;
        decode_hex(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{}` is not a salt: expected 32 lower-case hexadecimal digits",
                quoted(&text)
            ))
        })
    }
}
