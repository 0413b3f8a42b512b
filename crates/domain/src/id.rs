//! Identifiers: parsed once at the edge, valid ever after.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest accepted name of a service, environment, actor or step, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest accepted id of a configuration item, in bytes: `Kind/namespace/name` with Kubernetes's longest names fits.
pub const CI_NAME_BYTES_MAX: usize = 384;

/// A name or identifier that does not have the accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {kind}: expected {expected}")]
pub struct InvalidId {
    kind: &'static str,
    given: String,
    expected: &'static str,
}

impl InvalidId {
    fn new(kind: &'static str, given: &str, expected: &'static str) -> Self {
        let mut given: String = given.chars().take(80).collect();
        given.retain(|c| !c.is_control());
        Self { kind, given, expected }
    }
}

/// Declares a numbered identifier such as `CHG-2026-000123`: year and per-year sequence.
macro_rules! numbered_id {
    ($name:ident, $prefix:literal, $kind:literal, $example:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            year: u16,
            number: u32,
        }

        impl $name {
            /// The identifier of the `number`-th record of `year`; both start at 1, the year has four digits.
            ///
            /// # Errors
            /// When `year` does not have four digits or `number` is 0.
            pub fn new(year: u16, number: u32) -> Result<Self, InvalidId> {
                if !(1000..=9999).contains(&year) || number == 0 {
                    let given = format!("{year}/{number}");
                    return Err(InvalidId::new($kind, &given, concat!("a form like ", $example)));
                }
                Ok(Self { year, number })
            }

            /// The year of the sequence.
            pub fn year(self) -> u16 {
                self.year
            }

            /// The position within the year's sequence, from 1.
            pub fn number(self) -> u32 {
                self.number
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}-{:06}"), self.year, self.number)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = || InvalidId::new($kind, text, concat!("a form like ", $example));
                let rest = text.strip_prefix(concat!($prefix, "-")).ok_or_else(invalid)?;
                let (year, number) = rest.split_once('-').ok_or_else(invalid)?;
                let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
                let canonical_width = number.len() == 6 || (number.len() > 6 && !number.starts_with('0'));
                if year.len() != 4 || !canonical_width || !digits(year) || !digits(number) {
                    return Err(invalid());
                }
                let year = year.parse().map_err(|_| invalid())?;
                let number = number.parse().map_err(|_| invalid())?;
                Self::new(year, number).map_err(|_| invalid())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

numbered_id!(
    ChangeId,
    "CHG",
    "change id",
    "CHG-2026-000123",
    "The identifier of a change: year and per-year sequence, six digits or more."
);
numbered_id!(
    IncidentId,
    "INC",
    "incident id",
    "INC-2026-000123",
    "The identifier of an incident: year and per-year sequence, six digits or more."
);

/// Declares a checked name.
macro_rules! name {
    ($name:ident, $kind:literal, $check:expr, $expected:literal, $doc:literal) => {
        name!($name, $kind, NAME_BYTES_MAX, $check, $expected, $doc);
    };
    ($name:ident, $kind:literal, $bytes_max:expr, $check:expr, $expected:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses the name.
            ///
            /// # Errors
            /// When the text does not have the accepted form, which the error states.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if text.is_empty() || text.len() > $bytes_max || !check(&text) {
                    return Err(InvalidId::new($kind, &text, $expected));
                }
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

fn is_plain_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b))
}

/// Besides plain names: package URLs, image references and the addresses of infrastructure tools.
fn is_ci_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._-/:@+%~=[]".contains(&b))
}

name!(
    ServiceName,
    "service name",
    is_plain_name,
    "1 to 128 letters, digits or any of . _ - / : @, beginning with a letter or digit",
    "The name of a service in the service catalogue, for example `cortex-chat-backend`."
);
name!(
    CiName,
    "configuration item id",
    CI_NAME_BYTES_MAX,
    is_ci_name,
    "1 to 384 letters, digits or any of . _ - / : @ + % ~ = [ ], beginning with a letter or digit",
    "The identifier of a configuration item, for example `K8S-CORTEX-CHAT` or `Deployment/shop/cart`."
);
name!(
    EnvironmentName,
    "environment name",
    is_plain_name,
    "1 to 128 letters, digits or any of . _ - / : @, beginning with a letter or digit",
    "The name of an environment, for example `production`."
);
name!(
    ActorName,
    "actor name",
    is_plain_name,
    "1 to 128 letters, digits or any of . _ - / : @, beginning with a letter or digit",
    "The readable, unique name of an actor, for example `tech-lead@cortex.ai`. Personal: events carry it only as free text."
);
name!(
    ActorId,
    "actor id",
    |text| text.strip_prefix("act_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    }),
    "`act_` followed by lower-case letters, digits or underscores",
    "The opaque identifier under which an actor appears in the log."
);
name!(
    TokenId,
    "token id",
    |text| text.strip_prefix("tok_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    }),
    "`tok_` followed by lower-case letters or digits",
    "The identifier of an access token; not a secret."
);
name!(
    DelegationId,
    "delegation id",
    |text| text.strip_prefix("dlg_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    }),
    "`dlg_` followed by lower-case letters or digits",
    "The identifier of a delegation of authority."
);
name!(
    RunnerLabel,
    "runner label",
    is_plain_name,
    "1 to 128 letters, digits or any of . _ - / : @, beginning with a letter or digit",
    "What a runner is fit for, for example `eu` or `docker`: a plan names the labels that it needs."
);
name!(
    TeamName,
    "team name",
    is_plain_name,
    "1 to 128 letters, digits or any of . _ - / : @, beginning with a letter or digit",
    "The name of a team of actors."
);
name!(
    PolicyId,
    "policy id",
    is_plain_name,
    "1 to 128 letters, digits or any of . _ - / : @, beginning with a letter or digit",
    "The `@id` of an authorisation policy, for example `segregation-of-duties`."
);
name!(
    EntryName,
    "calendar entry name",
    is_plain_name,
    "1 to 128 letters, digits or any of . _ - / : @, beginning with a letter or digit",
    "The name of a freeze or a maintenance window, for example `year-end`."
);
name!(
    RotationName,
    "rotation name",
    is_plain_name,
    "1 to 128 letters, digits or any of . _ - / : @, beginning with a letter or digit",
    "The name of a rotation of the e-CAB, for example `security`."
);
name!(
    StepName,
    "step name",
    |text| !text.chars().any(char::is_control) && text.trim() == text,
    "1 to 128 characters without control characters or surrounding blanks",
    "The name of a plan step, a monitor or a check; unique within its plan."
);

impl From<&ServiceName> for CiName {
    /// Every name of a service can be the id of a configuration item.
    fn from(name: &ServiceName) -> Self {
        Self(name.0.clone())
    }
}

impl ActorId {
    /// The product itself: timers, assessments and automatic closing act under this identifier.
    pub fn system() -> Self {
        Self("act_system".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_id_round_trips_through_text() {
        for text in ["CHG-2025-001234", "CHG-2026-000001", "CHG-2026-1234567"] {
            assert_eq!(text.parse::<ChangeId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_text_that_is_not_exactly_a_change_id_is_refused() {
        for text in [
            "",
            "CHG",
            "CHG-2026-1",
            "chg-2026-000001",
            "CHG-2026-000000",
            "CHG-26-000001",
            "CHG-2026-0000001",
            "CHG-2026-00000a",
            "CHG-2026-99999999999",
            "CHG-2026-+00001",
            "INC-2026-000001",
            " CHG-2026-000001",
        ] {
            let error = text.parse::<ChangeId>().unwrap_err().to_string();
            assert!(error.contains("CHG-2026-000123"), "{text}: {error}");
        }
    }

    #[test]
    fn names_refuse_control_characters_and_excess() {
        assert!(ServiceName::new("cortex-chat-backend").is_ok());
        for text in ["", "-x", "a b", "a\nb", "é", &"x".repeat(NAME_BYTES_MAX + 1)] {
            assert!(ServiceName::new(text).is_err(), "{text}");
        }
        assert!(ActorId::new("act_7f3a").is_ok());
        assert!(ActorId::new("someone@example.com").is_err());
        assert!(StepName::new("Deploy to staging").is_ok());
        assert!(StepName::new("a\u{7}").is_err());
    }
}
