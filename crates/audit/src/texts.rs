//! Texts against a sealed entry as it is stored, without building the entry in memory.
//!
//! Budget: one pass over the bytes; allocations for the entry's commitments and for nothing else.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::commitment::{Place, PrivateText, Reserved, UnsealError, commit};
use crate::hash::Hash;

/// Bytes that are no entry, or texts that do not belong to it.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    /// The bytes are not JSON.
    #[error("its bytes are not JSON")]
    NotJson(#[source] serde_json::Error),
    /// A text that does not belong to the entry, or an entry that was not sealed.
    #[error(transparent)]
    Text(#[from] UnsealError),
}

/// Whether every text is one that the entry commits to. A commitment without text is one whose text was erased.
///
/// # Errors
/// What [`unseal`](crate::unseal) would refuse, and bytes that are not JSON.
pub fn check_texts(leaf: &[u8], texts: &[PrivateText]) -> Result<(), TextsError> {
    let mut commitments = commitments(leaf)?;
    for (at, PrivateText { pointer, salt, text }) in texts.iter().enumerate() {
        let pointer = pointer.as_str();
        match commitments.remove(pointer) {
            Some(commitment) if commit(salt, text) == commitment => {}
            Some(_) => return Err(UnsealError::Mismatch { pointer: pointer.to_owned() }.into()),
            None if texts.iter().take(at).any(|earlier| earlier.pointer == pointer) => {
                return Err(UnsealError::GivenTwice { pointer: pointer.to_owned() }.into());
            }
            None => return Err(UnsealError::NoCommitment { pointer: pointer.to_owned() }.into()),
        }
    }
    Ok(())
}

/// The entry's commitments by their places.
fn commitments(leaf: &[u8]) -> Result<HashMap<String, Hash>, TextsError> {
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_slice(leaf);
    let read = Finder { at: &Place::Whole, found: &mut found }.deserialize(&mut json);
    match (read.and_then(|()| json.end()), found.fault) {
        (_, Some(fault)) => Err(fault.into()),
        (Err(error), None) => Err(TextsError::NotJson(error)),
        (Ok(()), None) => Ok(found.commitments),
    }
}

#[derive(Default)]
struct Found {
    commitments: HashMap<String, Hash>,
    /// What ended the pass; a parser's error could only say it in words.
    fault: Option<UnsealError>,
}

impl Found {
    fn end<E: Error>(&mut self, fault: UnsealError) -> E {
        let error = E::custom(&fault);
        self.fault = Some(fault);
        error
    }
}

/// A key that is not copied unless it has escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Goes through one value.
struct Finder<'a> {
    at: &'a Place<'a>,
    found: &'a mut Found,
}

impl<'de> DeserializeSeed<'de> for Finder<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.at.within_limit() {
            Ok(()) => deserializer.deserialize_any(self),
            Err(error) => Err(self.found.end(error.into())),
        }
    }
}

impl<'de> Visitor<'de> for Finder<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for index in 0.. {
            let at = self.at.item(index);
            if items.next_element_seed(Finder { at: &at, found: self.found })?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { at, found } = self;
        let not_a_commitment = || UnsealError::NotACommitment { pointer: at.pointer() };
        let mut commitment = None;
        let mut count = 0_usize;
        while let Some(Key(key)) = members.next_key()? {
            count += 1;
            match Reserved::parse(&key) {
                None => {
                    let at = at.member(&key);
                    members.next_value_seed(Finder { at: &at, found })?;
                }
                Some(Reserved::Commitment) => match members.next_value::<Hash>() {
                    Ok(hash) => commitment = Some(hash),
                    Err(_) => return Err(found.end(not_a_commitment())),
                },
                Some(key @ (Reserved::Text | Reserved::Erased)) => {
                    let pointer = at.pointer();
                    return Err(found.end(UnsealError::ReservedKey { pointer, key: key.name() }));
                }
            }
        }
        match commitment {
            None => Ok(()),
            Some(_) if count > 1 => Err(found.end(not_a_commitment())),
            Some(hash) => {
                found.commitments.insert(at.pointer(), hash);
                Ok(())
            }
        }
    }
}
