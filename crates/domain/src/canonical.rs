//! RFC 8785 canonical JSON, and domain-separated SHA-256 over it.
//!
//! Written here because every event and every digest passes through it: text that needs no escape is copied whole, and
//! members are sorted where they are. Rejected: a serialiser that buffers and sorts every member, at five times the
//! cost; it is what the tests compare with, and it writes fractions, which we do not record.
//!
//! Budget: 2 ns per byte, one allocation that grows.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

/// Room made at first. Most events have between one and eight kilobytes.
const CAPACITY_BYTES: usize = 2048;
/// The largest number up to which every whole number is a double: canonical JSON knows no others.
const WHOLE_MAX: u64 = 1 << 53;

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

/// Writes a value as canonical JSON: one value, one text, whatever the order of its members in memory.
///
/// # Errors
/// When a number has no such form; one that was read from JSON always has.
pub fn to_vec(value: &Value) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(CAPACITY_BYTES);
    write_value(value, &mut out)?;
    Ok(out)
}

impl Digest {
    /// Digest of `value` under `label`: SHA-256(label || 0x00 || RFC 8785 canonical JSON). The label separates
    /// domains, so that a digest of one kind of value can never stand for another.
    ///
    /// # Errors
    /// When the value cannot be written as JSON, for example because of a map whose keys are not texts.
    pub fn of<T: Serialize>(label: &str, value: &T) -> Result<Self, NotCanonical> {
        let json = serde_json::to_value(value).and_then(|value| to_vec(&value)).map_err(NotCanonical)?;
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

fn write_value(value: &Value, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(members, out)?,
    }
    Ok(())
}

fn write_object(members: &Map<String, Value>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    if members.keys().is_sorted_by(|a, b| utf16_order(a, b).is_lt()) {
        return write_members(members, out);
    }
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| utf16_order(a, b));
    write_members(sorted, out)
}

fn write_members<'a>(
    members: impl IntoIterator<Item = (&'a String, &'a Value)>,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    out.push(b'{');
    for (at, (key, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
        write_value(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Order by UTF-16 code units. It is the order of the UTF-8 bytes but for one thing: what lies beyond U+FFFF, with first
/// bytes from F0, is written as surrogates there, which come before U+E000 to U+FFFF, with first bytes EE and EF.
fn utf16_order(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| if matches!(byte, 0xee | 0xef) { byte + 0x10 } else { byte };
    a.bytes().map(rank).cmp(b.bytes().map(rank))
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    // Without a way out of the loop the compiler looks at many bytes at once.
    if text.bytes().fold(false, |found, byte| found | is_escaped(byte)) {
        text.bytes().for_each(|byte| write_escaped(byte, out));
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn write_escaped(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\x08' => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        b'\x0c' => b'f',
        b'\r' => b'r',
        0..b' ' => return out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn write_number(number: &Number, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match number.as_i64() {
        Some(whole) if whole.unsigned_abs() <= WHOLE_MAX => {
            if whole < 0 {
                out.push(b'-');
            }
            write_digits(whole.unsigned_abs(), out);
            Ok(())
        }
        // Nothing of ours has such numbers. What they look like is not worth knowing twice.
        _ => serde_json_canonicalizer::to_writer(number, out),
    }
}

fn write_digits(mut number: u64, out: &mut Vec<u8>) {
    let begin = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(begin..) {
        digits.reverse();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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
