//! A new event: sealed and written as canonical JSON where it is made, once and without a tree of values.
//!
//! Budget: 3 ns per byte of an event; one call for random bytes per 32 texts.

use audit::{COMMITMENT_KEY, Hash, SALT_BYTES, SealError, Sealer};
use domain::Timestamp;
use domain::canonical::{Marks, NotCanonical, Object, Replacement};
use serde::Serialize;

use crate::append::{EVENT_TEXT_BYTES_MAX, EventError};
use crate::prepare::encode_private;

/// How a commitment begins and ends in an event. No data can look like it: in a text the quotes are escaped, and its key
/// is one that data may not use.
const COMMITMENT_BEGIN: &str = "{\"$sha256\":\"";
const COMMITMENT_END: &str = "\"}";
/// Number of salts fetched from the operating system at once.
const SALTS_PER_FETCH: usize = 32;

/// One event.
#[derive(Debug, Clone)]
pub struct NewEvent(Result<SealedEvent, NotSealed>);

/// An event without stream and version.
#[derive(Debug, Clone)]
pub(crate) struct SealedEvent {
    /// When it happened.
    pub(crate) at: Timestamp,
    /// The event with commitments in place of texts.
    pub(crate) public: Object,
    /// The texts beside it, as JSON; none when there are none.
    pub(crate) private: Option<Vec<u8>>,
    /// The same texts by the hexadecimal digits of their commitments.
    texts: Vec<(String, String)>,
}

/// Why an event could not be sealed.
#[derive(Debug, Clone)]
pub(crate) enum NotSealed {
    /// For a reason that lies in it.
    Invalid(EventError),
    /// The operating system gives no random bytes.
    NoSalt(getrandom::Error),
}

impl NewEvent {
    /// An event from its envelope: an object with an RFC 3339 `at` and whatever else the caller records, free texts as
    /// `{"$text": "…"}`. The store adds `stream` and `version`, which the envelope must not have. One that the log does
    /// not accept is refused when it is appended.
    pub fn of<T: Serialize + ?Sized>(body: &T) -> Self {
        Self(SealedEvent::of(body))
    }

    /// The JSON of one member as readers expect it, with free texts as plain strings; nothing where there is none, or
    /// where the log would not accept the event.
    pub fn plain(&self, key: &str) -> Option<String> {
        self.0.as_ref().ok()?.plain(key)
    }

    pub(crate) fn into_sealed(self) -> Result<SealedEvent, NotSealed> {
        self.0
    }
}

impl SealedEvent {
    fn of<T: Serialize + ?Sized>(body: &T) -> Result<Self, NotSealed> {
        let mut salts = Salts::default();
        let mut sealing =
            Sealing { sealer: Sealer::new(|| salts.next()), commitments: Vec::new(), refused: None };
        let public = Object::of(body, &mut sealing);
        let Sealing { sealer, commitments, refused } = sealing;
        let private = sealer.into_private();
        salts.check()?;
        let public = public.map_err(|error| NotSealed::Invalid(event_error(error, refused)))?;
        let at = public.get("at").and_then(|at| serde_json::from_str(at).ok());
        let at = at.ok_or(NotSealed::Invalid(EventError::At))?;
        let encoded = encode_private(&private).map_err(|error| {
            NotSealed::Invalid(EventError::NotCanonical(NotCanonical::Value(error.to_string())))
        })?;
        let bytes = encoded.as_ref().map_or(0, Vec::len);
        if bytes > EVENT_TEXT_BYTES_MAX {
            return Err(NotSealed::Invalid(EventError::TextTooLarge { bytes }));
        }
        let texts = commitments.into_iter().zip(private.into_iter().map(|private| private.text)).collect();
        Ok(Self { at, public, private: encoded, texts })
    }

    fn plain(&self, key: &str) -> Option<String> {
        let mut rest = self.public.get(key)?;
        let mut plain = String::with_capacity(rest.len());
        while let Some((before, marked)) = rest.split_once(COMMITMENT_BEGIN) {
            let (commitment, after) = marked.split_once(COMMITMENT_END)?;
            let (_, text) = self.texts.iter().find(|(of, _)| of == commitment)?;
            plain.push_str(before);
            plain.push_str(&serde_json::to_string(text).ok()?);
            rest = after;
        }
        plain.push_str(rest);
        Some(plain)
    }
}

/// Puts commitments in the place of texts while an event is written.
struct Sealing<S> {
    sealer: Sealer<S>,
    /// What stands for each text, in hexadecimal digits.
    commitments: Vec<String>,
    refused: Option<SealError>,
}

impl<S: FnMut() -> [u8; SALT_BYTES]> Marks for Sealing<S> {
    fn is_mark(&self, key: &str) -> bool {
        audit::is_reserved_key(key)
    }

    fn replace(&mut self, key: &str, text: &str, pointer: String) -> Option<Replacement> {
        let taken: Result<Hash, SealError> = self.sealer.take(key, text.to_owned(), pointer);
        match taken {
            Ok(commitment) => {
                let text = commitment.to_string();
                self.commitments.push(text.clone());
                Some(Replacement::Object { key: COMMITMENT_KEY, text })
            }
            Err(error) => {
                self.refused = Some(error);
                None
            }
        }
    }
}

fn event_error(error: NotCanonical, refused: Option<SealError>) -> EventError {
    match (error, refused) {
        (NotCanonical::Refused, Some(refused)) => refused.into(),
        (NotCanonical::NotAText { pointer }, _) => SealError::NotAText { pointer }.into(),
        (NotCanonical::TooDeep, _) => SealError::TooDeep(audit::TooDeep).into(),
        (NotCanonical::NotAnObject, _) => EventError::NotAnObject,
        (error, _) => EventError::NotCanonical(error),
    }
}

/// Fresh random salts, fetched from the operating system a handful at a time.
#[derive(Debug, Default)]
struct Salts {
    pool: Vec<[u8; SALT_BYTES]>,
    failed: Option<getrandom::Error>,
}

impl Salts {
    fn next(&mut self) -> [u8; SALT_BYTES] {
        if self.pool.is_empty() {
            let mut bytes = [[0; SALT_BYTES]; SALTS_PER_FETCH];
            if let Err(error) = getrandom::fill(bytes.as_flattened_mut()) {
                self.failed = Some(error);
            }
            self.pool.extend(bytes);
        }
        self.pool.pop().unwrap_or_default()
    }

    /// Whether every salt given out was random. Sealing cannot stop half-way, so it is asked afterwards.
    fn check(&self) -> Result<(), NotSealed> {
        self.failed.map_or(Ok(()), |error| Err(NotSealed::NoSalt(error)))
    }
}

#[cfg(test)]
mod tests {
    use audit::{PrivateText, seal, unseal};
    use domain::canonical::Plain;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        "[a-c~/\"\\\\é\u{10000}\\n]{0,5}"
    }

    /// Data with marked texts in any place, of any letters.
    fn data() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::from),
            text().prop_map(Value::from),
            text().prop_map(|text| json!({ "$text": text })),
            text().prop_map(|text| json!({ "$text": text })),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((text(), inner), 0..5)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        /// The walk over a tree of values says what a sealed entry is; this writes the same without the tree.
        #[test]
        fn an_event_is_sealed_as_the_audit_log_defines_it_and_reads_back(data in data()) {
            let body = json!({ "type": "test.happened", "data": data, "at": "2026-01-31T12:00:00Z" });
            let sealed = NewEvent::of(&body).into_sealed().unwrap();
            let plain: Option<Value> = sealed.plain("data").map(|json| serde_json::from_str(&json).unwrap());
            let leaf = sealed.public.into_vec();
            let public: Value = serde_json::from_slice(&leaf).unwrap();
            let private: Vec<PrivateText> =
                sealed.private.map(|json| serde_json::from_slice(&json).unwrap()).unwrap_or_default();

            let expected = Object::of(&body, &mut Plain).unwrap();
            prop_assert_eq!(plain, expected.get("data").map(|json| serde_json::from_str(json).unwrap()));

            let mut salts = private.iter().map(|text| text.salt);
            let defined = seal(body.clone(), || salts.next().unwrap()).unwrap();
            prop_assert_eq!(&public, &defined.public);
            prop_assert_eq!(&private, &defined.private);
            prop_assert_eq!(&leaf, &domain::canonical::to_vec(&defined.public).unwrap());
            prop_assert_eq!(unseal(public, private).unwrap(), body);
        }
    }
}
