//! Durations as people write them: `15m`, `1h30m`, `250ms`. Kept as whole milliseconds or seconds.

use std::fmt::Write as _;

/// Longest accepted duration, in milliseconds: 366 days.
pub const DURATION_MILLIS_MAX: u64 = 366 * 86_400_000;

/// Units from large to small, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A text that is not an accepted duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// Not numbers with units.
    #[error(
        "`{given}` is not a duration: expected whole numbers with d, h, m, s or ms, from large to small, \
         such as `15m`, `1h30m` or `250ms`"
    )]
    Form {
        /// The text, shortened.
        given: String,
    },
    /// More than [`DURATION_MILLIS_MAX`].
    #[error("`{given}` is too long: expected a duration of at most 366d")]
    TooLong {
        /// The text, shortened.
        given: String,
    },
    /// Not a whole number of seconds where seconds are kept.
    #[error("`{given}` is not a whole number of seconds: expected a duration such as `30s`, `5m` or `1h30m`")]
    NotWholeSeconds {
        /// The text, shortened.
        given: String,
    },
}

/// Milliseconds of a duration text: whole numbers with `d`, `h`, `m`, `s` or `ms`, each unit at most once, from large
/// to small.
///
/// # Errors
/// When the text has another form or means more than [`DURATION_MILLIS_MAX`].
pub fn parse_duration_millis(text: &str) -> Result<u64, InvalidDuration> {
    let millis = sum_of_parts(text).ok_or_else(|| InvalidDuration::Form { given: shortened(text) })?;
    if millis > DURATION_MILLIS_MAX {
        return Err(InvalidDuration::TooLong { given: shortened(text) });
    }
    Ok(millis)
}

/// Seconds of a duration text in the form that [`parse_duration_millis`] accepts.
///
/// # Errors
/// When the text has another form, is too long or does not mean whole seconds.
pub fn parse_duration_seconds(text: &str) -> Result<u64, InvalidDuration> {
    let millis = parse_duration_millis(text)?;
    if millis % 1_000 != 0 {
        return Err(InvalidDuration::NotWholeSeconds { given: shortened(text) });
    }
    Ok(millis / 1_000)
}

/// The shortest text that [`parse_duration_millis`] reads back as `millis`; zero is `0s`.
pub fn format_duration_millis(millis: u64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    let mut rest = millis;
    for (unit, length) in UNITS {
        if rest >= length {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    text
}

/// The sum, saturated: an overflow is longer than any accepted duration.
fn sum_of_parts(text: &str) -> Option<u64> {
    // The iterator only moves on: it makes each unit possible once, and only after larger ones.
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut sum = 0_u64;
    while !rest.is_empty() || text.is_empty() {
        let (number, tail) = split_while(rest, |byte| byte.is_ascii_digit())?;
        let (unit, tail) = split_while(tail, |byte| byte.is_ascii_alphabetic())?;
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        let number = number.parse::<u64>().unwrap_or(u64::MAX);
        sum = sum.saturating_add(number.saturating_mul(*length));
        rest = tail;
    }
    Some(sum)
}

/// The first bytes for which `accept` holds, at least one, and the rest.
fn split_while(text: &str, accept: fn(u8) -> bool) -> Option<(&str, &str)> {
    let length = text.bytes().take_while(|byte| accept(*byte)).count();
    if length == 0 { None } else { text.split_at_checked(length) }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_accepted_forms() {
        for (text, millis) in [
            ("15m", 900_000),
            ("5m", 300_000),
            ("30s", 30_000),
            ("1h", 3_600_000),
            ("250ms", 250),
            ("1h30m", 5_400_000),
            ("2d12h", 216_000_000),
            ("1m0s", 60_000),
            ("0s", 0),
            ("366d", DURATION_MILLIS_MAX),
        ] {
            assert_eq!(parse_duration_millis(text), Ok(millis), "{text}");
        }
        assert_eq!(parse_duration_seconds("1h30m"), Ok(5_400));
    }

    #[test]
    fn other_forms_are_refused_with_the_accepted_one() {
        for text in [
            "", "5", "m", "5 m", " 5m", "5m ", "-5m", "+5m", "1.5h", "5M", "5min", "30m1h", "1m1m", "5µs",
            "1ms1s", "٣m",
        ] {
            let error = parse_duration_millis(text).unwrap_err();
            assert!(matches!(error, InvalidDuration::Form { .. }), "{text}: {error}");
            assert!(error.to_string().contains("such as `15m`"), "{text}: {error}");
        }
        for text in ["367d", "366d1ms", "99999999999999999999999d", "18446744073709551615d1h"] {
            let error = parse_duration_millis(text).unwrap_err();
            assert!(matches!(error, InvalidDuration::TooLong { .. }), "{text}: {error}");
        }
        let error = parse_duration_seconds("1500ms").unwrap_err();
        assert_eq!(error, InvalidDuration::NotWholeSeconds { given: "1500ms".to_owned() });
    }

    proptest! {
        #[test]
        fn every_duration_reads_back(millis in 0..=DURATION_MILLIS_MAX) {
            prop_assert_eq!(parse_duration_millis(&format_duration_millis(millis)), Ok(millis));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9dhmsµ .-]{0,24}") {
            if let Ok(millis) = parse_duration_millis(&text) {
                prop_assert_eq!(parse_duration_millis(&format_duration_millis(millis)), Ok(millis));
            }
        }
    }
}
