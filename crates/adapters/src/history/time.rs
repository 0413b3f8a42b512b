//! Instants as exports write them.

use domain::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::draft::shown;

/// How an export writes instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimeForm {
    /// `2025-03-02T21:30:00Z`, with any offset.
    Rfc3339,
    /// Seconds since 1970 in UTC.
    EpochSeconds,
    /// Milliseconds since 1970 in UTC.
    EpochMillis,
    /// By a pattern such as `%d.%m.%Y %H:%M`.
    Pattern(String),
}

/// A pattern tells at least a day, and every pattern has its signs marked so.
const PATTERN_MARK: char = '%';

impl TimeForm {
    /// The form of this word or pattern; nothing for a text that is neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "rfc3339" => Some(Self::Rfc3339),
            "epoch_seconds" => Some(Self::EpochSeconds),
            "epoch_millis" => Some(Self::EpochMillis),
            pattern if pattern.contains(PATTERN_MARK) => Some(Self::Pattern(pattern.to_owned())),
            _ => None,
        }
    }

    /// Reads an instant; one without an offset is in `zone`.
    ///
    /// # Errors
    /// What was expected instead.
    pub(super) fn read(&self, text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
        let read = match self {
            Self::Rfc3339 => text.parse().ok(),
            Self::EpochSeconds => whole(text).and_then(|seconds| Timestamp::from_second(seconds).ok()),
            Self::EpochMillis => whole(text).and_then(|millis| Timestamp::from_millisecond(millis).ok()),
            Self::Pattern(pattern) => by_pattern(pattern, text, zone),
        };
        read.ok_or_else(|| {
            format!(
                "`{}` is not a time: expected {}; another form is set by `form` under `[times]` of the mapping",
                shown(text),
                self.expected()
            )
        })
    }

    fn expected(&self) -> String {
        match self {
            Self::Rfc3339 => "RFC 3339 with an offset, such as `2025-03-02T21:30:00Z`".to_owned(),
            Self::EpochSeconds => "seconds since 1970, such as `1740951000`".to_owned(),
            Self::EpochMillis => "milliseconds since 1970, such as `1740951000000`".to_owned(),
            Self::Pattern(pattern) => format!("the form `{pattern}`"),
        }
    }
}

/// A whole number; tables that passed through a program for statistics write it with `.0`.
fn whole(text: &str) -> Option<i64> {
    let digits = text
        .split_once('.')
        .map_or(text, |(whole, rest)| if rest.bytes().all(|digit| digit == b'0') { whole } else { text });
    digits.parse().ok()
}

fn by_pattern(pattern: &str, text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let parsed = strtime::parse(pattern, text).ok()?;
    if let Ok(instant) = parsed.to_timestamp() {
        return Some(instant);
    }
    // A pattern without a time of day means midnight.
    let local = parsed.to_datetime().or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0))).ok()?;
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: &str, text: &str, expected: Option<&str>) {
        let zone = TimeZone::get("Europe/Vienna").unwrap();
        let read = TimeForm::parse(form).unwrap().read(text, &zone);
        assert_eq!(read.clone().ok(), expected.map(|expected| expected.parse().unwrap()), "{read:?}");
        if let Err(message) = read {
            assert!(message.contains("expected") && message.contains("[times]"), "{message}");
        }
    }

    #[test]
    fn instants_are_read_in_the_form_that_was_said_and_in_no_other() {
        check("rfc3339", "2025-03-02T21:30:00-06:00", Some("2025-03-03T03:30:00Z"));
        check("rfc3339", "2025-03-02 21:30", None);
        check("rfc3339", "1740951000", None);
        check("epoch_seconds", "1740951000", Some("2025-03-02T21:30:00Z"));
        check("epoch_seconds", "1740951000.0", Some("2025-03-02T21:30:00Z"));
        check("epoch_seconds", "NaN", None);
        check("epoch_seconds", "1740951000.5", None);
        check("epoch_seconds", "99999999999999999", None);
        check("epoch_millis", "1740951000000", Some("2025-03-02T21:30:00Z"));
        check("%d.%m.%Y %H:%M", "02.03.2025 21:30", Some("2025-03-02T20:30:00Z"));
        check("%d.%m.%Y", "02.07.2025", Some("2025-07-01T22:00:00Z"));
        check("%Y-%m-%d %H:%M:%S%z", "2025-03-02 21:30:00+0000", Some("2025-03-02T21:30:00Z"));
        check("%Y-%m-%d", "2025-02-30", None);
        assert_eq!(TimeForm::parse("iso"), None);
    }
}
