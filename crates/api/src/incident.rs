//! Incidents as they are read and moved on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An incident in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentSummary {
    /// Its identifier.
    pub incident_id: String,
    /// The change that led to it.
    pub change_id: String,
    /// open, investigating, resolved or closed.
    pub state: String,
    /// minor, moderate or major.
    pub severity: String,
    /// One line.
    pub title: String,
    /// When it was opened.
    pub opened_at: String,
    /// When its last event happened.
    pub updated_at: String,
}

/// An incident in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// The fields of the list.
    #[serde(flatten)]
    pub summary: IncidentSummary,
    /// Number of events.
    pub version: u64,
    /// What happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// The root cause; absent while it is to be completed.
    pub root_cause: Option<RootCause>,
}

/// One entry of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// When.
    pub timestamp: String,
    /// Who wrote it.
    pub actor: String,
    /// What happened.
    pub details: String,
}

/// The root-cause record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RootCause {
    /// The cause.
    pub cause: String,
    /// What was or will be done so that it does not happen again.
    pub remedy: String,
}

/// Moves an incident on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateIncident {
    /// The wanted state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// An entry for the timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The root cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<RootCause>,
}
