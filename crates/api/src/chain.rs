//! What led to a change.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The changes that led to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chain {
    /// The change.
    pub change_id: String,
    /// What led to it, one step back: `task:` and an identifier, a change or an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
    /// Whether the requester left that out, and it was found by the open incident of what is changed.
    pub is_inferred: bool,
    /// The changes before it, the nearest first. At most 16 are followed.
    pub earlier: Vec<ChainLink>,
}

/// A change that led to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainLink {
    /// The change.
    pub change_id: String,
    /// One line.
    pub title: String,
    /// `standard`, `normal` or `emergency`.
    #[serde(rename = "type")]
    pub change_type: String,
    /// Where it is in its life.
    pub state: String,
    /// The readable name of who asked for it.
    pub created_by: String,
    /// `human`, `agent` or `service`.
    pub kind: String,
    /// When it was asked for, RFC 3339 in UTC.
    pub created_at: String,
    /// The incident by way of which it led on; absent where it did so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_way_of: Option<String>,
    /// What led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
}
