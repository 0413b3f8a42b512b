//! Names under which the store keeps things. They are keys: compared byte by byte, never interpreted.

use std::fmt;
use std::str::FromStr;

use domain::id::{ChangeId, IncidentId};

/// Longest name of a stream, timer, message, leased resource, lease holder or idempotency key, in bytes.
pub const NAME_BYTES_MAX: usize = 200;
/// Longest part of a refused text that an error repeats, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// A text that the store does not accept as a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {kind}: expected 1 to {NAME_BYTES_MAX} visible ASCII characters without blanks")]
pub struct InvalidName {
    kind: &'static str,
    given: String,
}

/// Declares a key of 1 to [`NAME_BYTES_MAX`] visible ASCII characters.
macro_rules! key {
    ($name:ident, $kind:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a text.
            ///
            /// # Errors
            /// When the text is empty, too long or has blanks or characters that are not visible ASCII.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                if text.is_empty()
                    || text.len() > NAME_BYTES_MAX
                    || !text.bytes().all(|b| b.is_ascii_graphic())
                {
                    let given = text.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS_MAX).collect();
                    return Err(InvalidName { kind: $kind, given });
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
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }
    };
}

key!(StreamName, "stream name", "The name of a stream of events, for example `change/CHG-2026-000123`.");
key!(TimerId, "timer id", "The identifier of a timer. Setting the same id again moves the timer.");
key!(
    MessageId,
    "message id",
    "The stable identifier of an outgoing message, by which a receiver recognises a repetition."
);
key!(ResourceName, "resource name", "What a lease is held on, for example `change/CHG-2026-000123`.");
key!(
    HolderName,
    "lease holder name",
    "Who holds a lease. Unique per process, so that a restarted process is another holder."
);
key!(
    IdempotencyKey,
    "idempotency key",
    "A caller's own name for one request, by which a repetition is recognised."
);

impl StreamName {
    /// The stream of a change.
    pub fn change(id: ChangeId) -> Self {
        Self(format!("{}{id}", audit::CHANGE_STREAM_PREFIX))
    }

    /// The stream of an incident.
    pub fn incident(id: IncidentId) -> Self {
        Self(format!("incident/{id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii_of_bounded_length() {
        assert_eq!(StreamName::new("security/act_1").unwrap().as_str(), "security/act_1");
        assert!(IdempotencyKey::new("x".repeat(NAME_BYTES_MAX)).is_ok());
        for text in ["", "a b", "a\n", "é", &"x".repeat(NAME_BYTES_MAX + 1)] {
            let error = TimerId::new(text).unwrap_err().to_string();
            assert!(error.contains("is not a timer id") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn streams_of_records_carry_their_ids() {
        assert_eq!(StreamName::change("CHG-2026-000123".parse().unwrap()).as_str(), "change/CHG-2026-000123");
        assert_eq!(
            StreamName::incident("INC-2026-000004".parse().unwrap()).as_str(),
            "incident/INC-2026-000004"
        );
    }
}
