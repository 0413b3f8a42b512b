//! Conditions that approvers set: gates to be met before the start, not part of what was approved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::ActorId;
use crate::text::FreeText;

/// A condition, and how it was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What must be so before the start.
    pub text: FreeText,
    /// The approver who set it.
    pub set_by: ActorId,
    /// How it was met; absent while it is not.
    pub met: Option<Met>,
}

/// How a condition was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Met {
    /// Who said so.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
    /// What shows it.
    pub evidence: FreeText,
}
