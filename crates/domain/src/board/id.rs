//! Identifiers of meetings and of standing decisions: a word and the version of the stream at which they came about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest part of a wrong identifier that is told back, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// A text that is no such identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not the identifier of a {what}: expected a form like {prefix}7; {where_listed} lists them"
)]
pub struct InvalidBoardId {
    given: String,
    what: &'static str,
    prefix: &'static str,
    where_listed: &'static str,
}

macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident, $prefix:literal, $what:literal, $where_listed:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u64);

        impl $name {
            /// What came about at a version of the stream.
            pub(super) fn at(version: u64) -> Self {
                Self(version)
            }

            /// The version of the stream at which it came about.
            pub fn version(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidBoardId;

            fn from_str(text: &str) -> Result<Self, InvalidBoardId> {
                let digits = text.strip_prefix($prefix).filter(|digits| !digits.starts_with(['0', '+']));
                digits.and_then(|digits| digits.parse().ok()).map(Self).ok_or_else(|| InvalidBoardId {
                    given: text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect(),
                    what: $what,
                    prefix: $prefix,
                    where_listed: $where_listed,
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidBoardId;

            fn try_from(text: String) -> Result<Self, InvalidBoardId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

numbered!(
    /// The identifier of a meeting of the board, for example `CAB-7`.
    MeetingId,
    "CAB-",
    "meeting",
    "`cortex-change cab show`"
);
numbered!(
    /// The identifier of a standing decision of the board, for example `STD-9`.
    StandingId,
    "STD-",
    "standing decision",
    "`cortex-change cab standing list`"
);
