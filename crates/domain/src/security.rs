//! Refused attempts, kept apart from the changes they were about.

use serde::{Deserialize, Serialize};

use crate::id::PolicyId;

/// Something that was attempted and refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum SecurityEvent {
    /// An attempt to approve, implement, close or override was refused.
    #[serde(rename = "security.refused")]
    Refused {
        /// What was attempted, as policies name it.
        action: String,
        /// On what, for example a change id.
        resource: String,
        /// The rules that refused.
        rules: Vec<PolicyId>,
    },
}
