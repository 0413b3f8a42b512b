//! How canonical JSON writes texts and numbers, and in which order members come: RFC 8785, section 3.2.

use std::cmp::Ordering;

use serde_json::Number;

use super::NotCanonical;

/// The largest number up to which every whole number is a double: canonical JSON knows no others.
pub(super) const WHOLE_MAX: u64 = 1 << 53;

/// Order by UTF-16 code units. It is the order of the UTF-8 bytes but for one thing: what lies beyond U+FFFF, with first
/// bytes from F0, is written as surrogates there, which come before U+E000 to U+FFFF, with first bytes EE and EF.
pub(super) fn utf16_order(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| if matches!(byte, 0xee | 0xef) { byte + 0x10 } else { byte };
    a.bytes().map(rank).cmp(b.bytes().map(rank))
}

pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
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

pub(super) fn write_number(number: &Number, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match number.as_i64() {
        Some(whole) if whole.unsigned_abs() <= WHOLE_MAX => {
            if whole < 0 {
                out.push(b'-');
            }
            write_digits(whole.unsigned_abs(), out);
            Ok(())
        }
        // Nothing of ours has such numbers. What they look like is not worth knowing twice.
        _ => serde_json_canonicalizer::to_writer(number, out)
            .map_err(|error| NotCanonical::Value(error.to_string())),
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
