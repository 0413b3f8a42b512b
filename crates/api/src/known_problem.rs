//! Problems: what lies behind incidents.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::incident::TimelineEntry;

/// A problem in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemSummary {
    /// Its identifier.
    pub problem_id: String,
    /// One line.
    pub title: String,
    /// open, investigating, known_error, resolved or closed.
    pub state: String,
    /// How many incidents it led to.
    pub incident_count: u64,
    /// When it was opened.
    pub opened_at: String,
    /// When its last event happened.
    pub updated_at: String,
}

/// A problem in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownProblem {
    /// The fields of the list.
    #[serde(flatten)]
    pub summary: ProblemSummary,
    /// The incidents that it led to.
    pub incidents: Vec<String>,
    /// Changes that caused or remove it.
    pub changes: Vec<String>,
    /// The cause and how to live with it; absent while they are not known.
    pub known_error: Option<KnownError>,
    /// What removed the cause; absent while nothing did.
    pub remedy: Option<String>,
    /// What happened, in order; of a long timeline the first entry and the last ones.
    pub timeline: Vec<TimelineEntry>,
}

/// A cause that is known, and how to live with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownError {
    /// The cause.
    pub cause: String,
    /// How to live with it until it is removed.
    pub workaround: String,
}

/// Opens a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenProblem {
    /// The incident that it was seen in.
    pub incident: String,
    /// One line.
    pub title: String,
    /// What is known so far.
    pub text: String,
}

/// Adds to a problem or moves it on; in this order when several are given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateProblem {
    /// An entry for the timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// An incident that it led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// A change that caused or removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The cause and how to live with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_error: Option<KnownError>,
    /// What removed the cause; belongs to the state `resolved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The wanted state: investigating, resolved or closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}
