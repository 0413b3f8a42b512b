//! Incidents as they are read and moved on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::known_problem::KnownError;

/// An incident in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentSummary {
    /// Its identifier.
    pub incident_id: String,
    /// The change that led to it, once that is known.
    pub change_id: Option<String>,
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
    /// What is in trouble, as whoever reported it says; nothing where it is what the change changed.
    #[serde(default)]
    pub affected: Vec<String>,
    /// When the trouble began, as far as is known.
    #[serde(default)]
    pub began_at: String,
    /// What happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// The root cause; absent while it is to be completed.
    pub root_cause: Option<RootCause>,
    /// The problems behind it.
    #[serde(default)]
    pub problems: Vec<ProblemBehind>,
}

/// A problem that an incident belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBehind {
    /// Its identifier.
    pub problem_id: String,
    /// One line.
    pub title: String,
    /// open, investigating, known_error, resolved or closed.
    pub state: String,
    /// The cause and how to live with it, once they are known.
    pub known_error: Option<KnownError>,
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

/// The changes that may have led to a trouble, the likeliest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suspects {
    /// What is in trouble.
    pub of: Vec<String>,
    /// When it began.
    pub at: String,
    /// The changes.
    pub items: Vec<Suspect>,
    /// How many changes were looked at.
    pub looked_at: u64,
    /// Whether there were more than are looked at.
    pub is_cut: bool,
}

/// A change that may have led to a trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suspect {
    /// The change.
    pub change_id: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: String,
    /// Out of 100; a ranking, no probability.
    pub points: u32,
    /// Relations between what it changed and what is in trouble; absent where the CMDB knows no connection.
    pub distance: Option<u32>,
    /// What the points are for.
    pub reasons: Vec<Reason>,
}

/// What points are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// How many.
    pub points: u32,
    /// Why, in words.
    pub reason: String,
}

/// Reports an incident: of services or items, of a change that led to it, or of both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenIncident {
    /// One line.
    pub title: String,
    /// What is known so far.
    pub text: String,
    /// minor, moderate or major; moderate when absent. A major one pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Services and configuration items that are in trouble; what the change changed when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<String>,
    /// The change that led to it, where one is known. It must have been started by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// When the trouble began; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<String>,
}

/// Moves an incident on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateIncident {
    /// The change that led to it, where it is linked to none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
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
