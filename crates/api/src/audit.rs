//! The audit log as it is read.

use serde::{Deserialize, Serialize};
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
    /// The event's type, with its payload.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The event's payload.
    pub data: serde_json::Value,
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
