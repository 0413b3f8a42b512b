//! Errors that name the field, and readers that lose neither the place nor a repeated key.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A value that does not have the accepted form, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Field path, such as `implementation_plan.steps[2].timeout`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub message: String,
}

impl FieldError {
    /// Names the field and what is wrong with it.
    pub fn new(field: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { field: field.into(), message: message.to_string() }
    }

    /// Puts the field below another one.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        let dot = if self.field.starts_with('[') || self.field.is_empty() { "" } else { "." };
        self.field = format!("{parent}{dot}{}", self.field);
        self
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl std::error::Error for FieldError {}

/// Parses an optional text into a domain value, naming the field on error.
pub(crate) fn parse<T>(field: &str, text: &str) -> Result<T, FieldError>
where
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    text.parse().map_err(|error| FieldError::new(field, error))
}

/// Parses an optional text into an optional domain value, naming the field on error.
pub(crate) fn parse_optional<T>(field: &str, text: Option<&str>) -> Result<Option<T>, FieldError>
where
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    text.map(|text| parse(field, text)).transpose()
}

/// Reads a text as one thing and an object as another. An untagged enum would do the same and tell of a mistake inside
/// the object only that it is somewhere.
pub(crate) fn text_or_object<'de, D, O, T>(
    deserializer: D,
    expecting: &'static str,
    text: fn(String) -> T,
    object: fn(O) -> T,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    O: Deserialize<'de>,
{
    struct Reader<O, T>(&'static str, fn(String) -> T, fn(O) -> T);

    impl<'de, O: Deserialize<'de>, T> Visitor<'de> for Reader<O, T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            Ok(self.1(text.to_owned()))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            O::deserialize(MapAccessDeserializer::new(map)).map(self.2)
        }
    }

    deserializer.deserialize_any(Reader(expecting, text, object))
}

/// Reads a text as one thing and a list as another.
pub(crate) fn text_or_list<'de, D, I, T>(
    deserializer: D,
    expecting: &'static str,
    text: fn(String) -> T,
    list: fn(Vec<I>) -> T,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    I: Deserialize<'de>,
{
    struct Reader<I, T>(&'static str, fn(String) -> T, fn(Vec<I>) -> T);

    impl<'de, I: Deserialize<'de>, T> Visitor<'de> for Reader<I, T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            Ok(self.1(text.to_owned()))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(list)).map(self.2)
        }
    }

    deserializer.deserialize_any(Reader(expecting, text, list))
}

/// Reads a map and refuses a key that comes twice: which of its values was meant is not known.
pub(crate) fn unique_map<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Reader<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for Reader<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = given.next_entry::<String, V>()? {
                if map.contains_key(&key) {
                    return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
                }
                map.insert(key, value);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Reader(PhantomData))
}
