//! The audit log as it is read.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// One entry of a change's audit trail, in the specification's shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrailEntry {
    /// When, RFC 3339 in UTC.
    pub timestamp: String,
    /// What was done: `created`, `risk_assessed`, `approved`, …
    pub action: String,
    /// The readable name of who did it.
    pub actor: String,
    /// For whom, when not for the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// What was done, in a sentence.
    pub details: String,
    /// Position in the change's own stream, from 1.
    pub version: u64,
    /// Position in the log, from 0.
    pub log_index: u64,
    /// Policies that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Number of the set of policies that decided: the version of the entry in the stream `policies` that names its
    /// digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_set: Option<u64>,
    /// The event's type, with its payload.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The event's payload.
    #[schema(value_type = serde_json::Value)]
    pub data: Payload,
}

/// An event's payload: JSON as it was written, which is taken apart only where somebody wants to.
#[derive(Debug, Clone)]
pub struct Payload(Box<RawValue>);

impl Payload {
    /// Takes JSON.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn from_json(json: impl Into<String>) -> serde_json::Result<Self> {
        RawValue::from_string(json.into()).map(Self)
    }

    /// The payload taken apart.
    pub fn to_value(&self) -> Value {
        // It was checked where it was made.
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    /// By way of a value, because parts of an object that is put together of several are not read from a text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_json(value.to_string()).map_err(D::Error::custom)
    }
}

/// An entry of the whole log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// The stream it belongs to, for example `change/CHG-2026-000001`.
    pub stream: String,
    /// SHA-256 of the stored leaf under RFC 6962; absent in the stream of events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_hash: Option<String>,
    /// The entry.
    #[serde(flatten)]
    pub entry: TrailEntry,
}

/// The newest signed state of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Checkpoint {
    /// Entries covered.
    pub size: u64,
    /// Root hash, hexadecimal.
    pub root: String,
    /// The signed note (C2SP).
    pub note: String,
    /// The key that verifies it (C2SP).
    pub verifier_key: String,
}

/// Result of verifying the whole log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// Whether everything is as it was signed.
    pub valid: bool,
    /// Entries verified.
    pub entries: u64,
    /// Checkpoints verified.
    pub checkpoints: u64,
    /// Root hash of the whole log, hexadecimal.
    pub root: String,
    /// What is wrong, each naming its entry.
    pub findings: Vec<String>,
}
