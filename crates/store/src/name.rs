//! Names under which the store keeps things. They are keys: compared byte by byte, never interpreted.

use std::fmt;
use std::str::FromStr;

use domain::id::{ChangeId, CiName, IncidentId};

/// Longest name of a timer, message, leased resource, lease holder or idempotency key, in bytes.
pub const NAME_BYTES_MAX: usize = 200;
/// Longest name of a stream, in bytes: one that ends in the longest id of a configuration item fits.
pub const STREAM_NAME_BYTES_MAX: usize = 400;
/// What the names of the streams of configuration items begin with.
const CI_PREFIX: &str = "ci/";
/// Longest part of a refused text that an error repeats, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// A text that the store does not accept as a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {kind}: expected 1 to {limit} visible ASCII characters without blanks")]
pub struct InvalidName {
    kind: &'static str,
    given: String,
    limit: usize,
}

/// Declares a key of 1 to so many visible ASCII characters.
macro_rules! key {
    ($name:ident, $kind:literal, $limit:ident, $doc:literal) => {
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
                let is_key = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
                if !is_key || text.len() > $limit {
                    let given = text.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS_MAX).collect();
                    return Err(InvalidName { kind: $kind, given, limit: $limit });
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

key!(
    StreamName,
    "stream name",
    STREAM_NAME_BYTES_MAX,
    "The name of a stream of events, for example `change/CHG-2026-000123`."
);
key!(
    TimerId,
    "timer id",
    NAME_BYTES_MAX,
    "The identifier of a timer. Setting the same id again moves the timer."
);
key!(
    MessageId,
    "message id",
    NAME_BYTES_MAX,
    "The stable identifier of an outgoing message, by which a receiver recognises a repetition."
);
key!(
    ResourceName,
    "resource name",
    NAME_BYTES_MAX,
    "What a lease is held on, for example `change/CHG-2026-000123`."
);
key!(
    HolderName,
    "lease holder name",
    NAME_BYTES_MAX,
    "Who holds a lease. Unique per process, so that a restarted process is another holder."
);
key!(
    IdempotencyKey,
    "idempotency key",
    NAME_BYTES_MAX,
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

    /// The stream of a configuration item.
    pub fn ci(id: &CiName) -> Self {
        Self(format!("{CI_PREFIX}{id}"))
    }

    /// The configuration item whose stream it is.
    pub fn as_ci(&self) -> Option<CiName> {
        self.0.strip_prefix(CI_PREFIX).and_then(|id| CiName::new(id).ok())
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
        let longest = CiName::new("x".repeat(384)).unwrap();
        let stream = StreamName::ci(&longest);
        assert_eq!(StreamName::new(stream.as_str()).as_ref(), Ok(&stream));
        assert_eq!((stream.as_ci(), StreamName::new("catalog").unwrap().as_ci()), (Some(longest), None));
    }
}
