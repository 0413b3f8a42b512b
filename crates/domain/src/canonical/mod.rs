//! RFC 8785 canonical JSON, and domain-separated SHA-256 over it.
//!
//! Written here because every event and every digest passes through it: values are written as they are serialised, text
//! that needs no escape is copied whole, and members are moved into order where they lie. Rejected: a serialiser that
//! buffers and sorts every member, at five times the cost; it is what the tests compare with, and it writes fractions,
//! which we do not record.

mod form;
mod marks;
mod object;
mod writer;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use marks::{Marks, Plain, Replacement};
pub use object::Object;

use marks::NoMarks;
use writer::Writer;

/// Deepest nesting of arrays and objects. Below what JSON parsers accept, so that what was written always reads back.
pub const DEPTH_MAX: usize = 64;

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text that is not a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest: expected 64 lower-case hexadecimal digits")]
pub struct InvalidDigest(String);

/// A value that has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// A number that is not finite, a key that is not a text, or what the value itself says.
    #[error("value has no canonical JSON form: {0}")]
    Value(String),
    /// The same key twice.
    #[error("key `{key}` occurs twice in one object")]
    KeyTwice {
        /// The key.
        key: String,
    },
    /// Nested too deeply.
    #[error("value is nested more than {DEPTH_MAX} levels deep: flatten it")]
    TooDeep,
    /// A marked object with another member or with something that is not a text.
    #[error("object at `{pointer}` is marked as a text and is none")]
    NotAText {
        /// Where the object is, as an RFC 6901 pointer.
        pointer: String,
    },
    /// A marked object that is not accepted, for a reason that whoever refused it knows.
    #[error("a marked object is not accepted")]
    Refused,
    /// Something else where an object was expected.
    #[error("value is not an object")]
    NotAnObject,
}

impl serde::ser::Error for NotCanonical {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Value(message.to_string())
    }
}

/// Writes a value as canonical JSON: one value, one text, whatever the order of its members in memory.
///
/// # Errors
/// When a number has no such form; one that was read from JSON always has.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let mut no_marks = NoMarks;
    let mut writer = Writer::new(&mut no_marks);
    value.serialize(&mut writer)?;
    Ok(writer.into_bytes())
}

impl Digest {
    /// Digest of `value` under `label`: SHA-256(label || 0x00 || RFC 8785 canonical JSON). The label separates
    /// domains, so that a digest of one kind of value can never stand for another.
    ///
    /// # Errors
    /// When the value cannot be written as JSON, for example because of a map whose keys are not texts.
    pub fn of<T: Serialize>(label: &str, value: &T) -> Result<Self, NotCanonical> {
        Ok(Self::of_canonical(label, &to_vec(value)?))
    }

    /// The same of a value that is written as canonical JSON already, so that whoever was handed both can compare them.
    pub fn of_canonical(label: &str, json: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(label.as_bytes());
        hasher.update([0]);
        hasher.update(json);
        Self(hasher.finalize().into())
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
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::form::{WHOLE_MAX, utf16_order};
    use super::*;

    fn check(value: &Value) {
        let expected = serde_json_canonicalizer::to_string(value).unwrap();
        assert_eq!(String::from_utf8(to_vec(value).unwrap()).unwrap(), expected);
    }

    /// Keys and texts with what is special about either: escapes, control characters, and both sides of the surrogates.
    fn text() -> impl Strategy<Value = String> {
        let special = prop::sample::select("\"\\/\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f} ~\u{7f}\u{80}é\u{2028}\u{d7ff}\u{e000}\u{fb33}\u{ffff}😂\u{10000}\u{10ffff}".chars().collect::<Vec<_>>());
        let any = prop_oneof![3 => special, 2 => prop::char::range('a', 'e'), 1 => any::<char>()];
        prop::collection::vec(any, 0..6).prop_map(String::from_iter)
    }

    fn number() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1000_i64..1000).prop_map(Value::from),
            (WHOLE_MAX - 5..WHOLE_MAX + 5).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-2000_i32..2000, -30_i32..30).prop_map(|(n, e)| Value::from(f64::from(n) * 10_f64.powi(e))),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number(),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((text(), inner), 0..8)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_written_as_another_implementation_writes_it(value in value()) {
            check(&value);
        }

        #[test]
        fn members_come_in_the_order_of_utf16(a in text(), b in text()) {
            prop_assert_eq!(utf16_order(&a, &b), a.encode_utf16().cmp(b.encode_utf16()));
        }
    }

    /// One of every form in which serde tells a value.
    #[derive(Debug, Serialize)]
    struct Everything {
        z: Option<u8>,
        empty: (),
        pair: (i8, char),
        unit: Unit,
        newtype: Newtype,
        tuple: Tuple,
        variants: Vec<Variant>,
        by_number: BTreeMap<i16, bool>,
        by_truth: BTreeMap<bool, &'static str>,
        by_text: BTreeMap<String, u64>,
        #[serde(flatten)]
        tagged: Tagged,
        single: f32,
        shown: Shown,
        a: Option<Box<Everything>>,
    }

    #[derive(Debug, Serialize)]
    struct Unit;

    #[derive(Debug, Serialize)]
    struct Newtype(&'static str);

    #[derive(Debug, Serialize)]
    struct Tuple(u32, i64);

    #[derive(Debug, Serialize)]
    enum Variant {
        Unit,
        Newtype(Vec<u16>),
        Tuple(u8, u8),
        Struct { second: u8, first: u8 },
    }

    #[derive(Debug, Serialize)]
    #[serde(tag = "type", content = "data")]
    enum Tagged {
        Here { y: i32, x: i32 },
    }

    #[derive(Debug)]
    struct Shown;

    impl Serialize for Shown {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("\"{}\"", 1))
        }
    }

    fn everything(a: Option<Box<Everything>>) -> Everything {
        Everything {
            z: a.is_some().then_some(7),
            empty: (),
            pair: (-3, '\n'),
            unit: Unit,
            newtype: Newtype("\u{1}"),
            tuple: Tuple(u32::MAX, i64::MIN),
            variants: vec![
                Variant::Unit,
                Variant::Newtype(vec![2, 1]),
                Variant::Tuple(1, 2),
                Variant::Struct { second: 2, first: 1 },
            ],
            by_number: BTreeMap::from([(-1, true), (10, false), (9, true)]),
            by_truth: BTreeMap::from([(true, "t"), (false, "f")]),
            by_text: BTreeMap::from([("\"".to_owned(), u64::MAX), (String::new(), 0)]),
            tagged: Tagged::Here { y: 2, x: 1 },
            single: 0.5,
            shown: Shown,
            a,
        }
    }

    #[test]
    fn every_form_of_value_is_written_as_another_implementation_writes_it() {
        let whole = everything(Some(Box::new(everything(None))));
        let expected = serde_json_canonicalizer::to_string(&whole).unwrap();
        assert_eq!(String::from_utf8(to_vec(&whole).unwrap()).unwrap(), expected);
    }

    #[test]
    fn what_has_no_canonical_form_is_refused() {
        let refused = |value: &dyn Fn() -> Result<Vec<u8>, NotCanonical>| value().unwrap_err().to_string();
        assert!(refused(&|| to_vec(&f64::NAN)).contains("NaN is not a number"));
        assert!(refused(&|| to_vec(&BTreeMap::from([([1], 1)]))).contains("a key must be a text"));
        let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(to_vec(&nested(DEPTH_MAX + 1)), Err(NotCanonical::TooDeep));
        assert_eq!(to_vec(&nested(DEPTH_MAX)).unwrap(), nested(DEPTH_MAX).to_string().into_bytes());

        #[derive(Serialize)]
        struct Twice {
            b: u8,
            a: u8,
            #[serde(rename = "b")]
            again: u8,
        }
        let twice = to_vec(&Twice { b: 1, a: 2, again: 3 });
        assert_eq!(twice, Err(NotCanonical::KeyTwice { key: "b".to_owned() }));
    }

    #[test]
    fn marked_texts_are_written_plainly_where_that_is_asked_for() {
        let plain = |value: Value| {
            Object::of(&value, &mut Plain).map(|object| String::from_utf8(object.into_vec()).unwrap())
        };
        let marked = json!({ "a": { "text": 1 }, "b": [{ "$text": "a \"b\"" }, { "$erased": "00ff" }] });
        assert_eq!(plain(marked).unwrap(), r#"{"a":{"text":1},"b":["a \"b\"","[erased]"]}"#);
        let not_a_text = |pointer: &str| Err(NotCanonical::NotAText { pointer: pointer.to_owned() });
        assert_eq!(plain(json!({ "a/b": [0, { "$text": 1 }] })), not_a_text("/a~1b/1"));
        assert_eq!(plain(json!({ "~": { "$text": "x", "y": 1 } })), not_a_text("/~0"));

        #[derive(Serialize)]
        struct Told {
            b: u8,
            a: u8,
        }
        let told = Object::of(&Told { b: 2, a: 1 }, &mut Plain).unwrap();
        assert_eq!(told.into_vec(), br#"{"b":2,"a":1}"#);
    }

    #[test]
    fn the_example_of_the_standard_is_met() {
        let value = json!({
            "numbers": [333_333_333.333_333_3, 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
            "string": "\u{20ac}$\u{f}\nA'\u{42}\u{22}\u{5c}\\\"/",
            "literals": [null, true, false],
        });
        let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(String::from_utf8(to_vec(&value).unwrap()).unwrap(), expected);
    }

    #[test]
    fn numbers_at_the_limits_are_those_of_doubles() {
        for number in [0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e21, 1e-6, 1e-7, 123e-20, -1.5] {
            check(&Value::from(number));
        }
        for number in [0, WHOLE_MAX - 1, WHOLE_MAX, WHOLE_MAX + 1, i64::MAX as u64, u64::MAX] {
            check(&Value::from(number));
        }
        check(&Value::from(i64::MIN));
    }

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
