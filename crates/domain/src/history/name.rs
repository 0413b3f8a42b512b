//! What names an imported change and what it touched.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;

/// Longest name of a system, in bytes.
const SYSTEM_BYTES_MAX: usize = 64;
/// Longest id in another system, in bytes.
const EXTERNAL_ID_BYTES_MAX: usize = 256;
/// Longest path of a file, in bytes.
const FILE_PATH_BYTES_MAX: usize = 512;
/// Digits of a requester's key.
const KEY_DIGITS: usize = 16;
/// How much of a refused text an error repeats, in characters.
const SHOWN_CHARS_MAX: usize = 80;

const KEY_LABEL: &str = "imported.requester";

/// A text that does not have the accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {kind}: expected {expected}")]
pub struct InvalidName {
    kind: &'static str,
    given: String,
    expected: &'static str,
}

/// Declares a checked text.
macro_rules! checked {
    ($name:ident, $kind:literal, $bytes_max:expr, $check:expr, $expected:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Longest accepted text, in bytes.
            pub const BYTES_MAX: usize = $bytes_max;

            /// Checks and wraps a text.
            ///
            /// # Errors
            /// When the text does not have the accepted form, which the error states.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if text.is_empty() || text.len() > Self::BYTES_MAX || !check(&text) {
                    let given = text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect();
                    return Err(InvalidName { kind: $kind, given, expected: $expected });
                }
                Ok(Self(text))
            }

            /// The text.
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
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
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

fn is_one_line(text: &str) -> bool {
    text.trim() == text && !text.chars().any(char::is_control)
}

checked!(
    SourceSystem,
    "the name of a source",
    SYSTEM_BYTES_MAX,
    |text| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    },
    "1 to 64 lower-case letters, digits or any of . _ -, beginning with a letter or digit",
    "The system that carried the changes out, as the importer names it: `servicenow`, or the name of a repository."
);
checked!(
    ExternalId,
    "the id of a change in another system",
    EXTERNAL_ID_BYTES_MAX,
    is_one_line,
    "1 to 256 bytes on one line, without blanks around",
    "What the other system calls the change: a number such as `CHG0030045`, or the id of a commit."
);
checked!(
    FilePath,
    "the path of a file",
    FILE_PATH_BYTES_MAX,
    |text| !text.chars().any(char::is_control),
    "1 to 512 bytes without control characters",
    "A changed file, as the repository spells it."
);
checked!(
    RequesterKey,
    "the key of a requester",
    KEY_DIGITS,
    |text| text.len() == KEY_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
    "16 lower-case hexadecimal digits",
    "Stands for a requester in another system: the same for all their changes there, and no name."
);

impl RequesterKey {
    /// The key of somebody whom a system calls `name`, without regard to case. The salt is the system's: whoever does not
    /// have it cannot find out whose key this is.
    pub fn derive(salt: &str, name: &str) -> Self {
        let digest = Digest::of(KEY_LABEL, &[salt, &name.trim().to_lowercase()]);
        let mut digits = digest.unwrap_or_else(|error| unreachable!("texts: {error}")).to_string();
        digits.truncate(KEY_DIGITS);
        Self(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_state_the_accepted_form() {
        assert!(SourceSystem::new("git.shop-2").is_ok());
        for text in ["", "ServiceNow", "a/b", "-a", ".a", "a b", &"x".repeat(SYSTEM_BYTES_MAX + 1)] {
            let error = SourceSystem::new(text).unwrap_err().to_string();
            assert!(error.contains("lower-case letters"), "{error}");
        }
        assert!(ExternalId::new("Änderung 7 (neu)").is_ok());
        assert!(ExternalId::new("two\nlines").is_err() && ExternalId::new(" x").is_err());
        assert!(FilePath::new("a\u{1b}[2J").is_err());
    }

    #[test]
    fn a_key_is_the_same_for_the_same_person_and_says_nothing_without_the_salt() {
        let key = RequesterKey::derive("salt", "Ada");
        assert_eq!(key, RequesterKey::derive("salt", " ada "));
        assert_ne!(key, RequesterKey::derive("pepper", "Ada"));
        assert_ne!(key, RequesterKey::derive("salt", "Bob"));
        assert_eq!(RequesterKey::new(key.as_str()), Ok(key));
    }
}
