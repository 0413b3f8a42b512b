//! The answer of the policy engine, as data that `decide` demands before anything may happen.

use serde::{Deserialize, Serialize};

use crate::id::PolicyId;

/// One violated control: the rule, what it says, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The policy's `@id`.
    pub rule: PolicyId,
    /// The policy's `@title`: the rule in a sentence.
    pub sentence: String,
    /// The policy's `@fix`: the next step.
    pub next_step: String,
    /// The policy's `@control`, for example `SOC2:CC8.1`; empty where none is named.
    pub controls: Vec<String>,
}

/// What the policy engine answered about one action on one version of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Permitted by the named policies.
    Allowed {
        /// The policies that permit.
        by: Vec<PolicyId>,
    },
    /// Refused; at least one violation.
    Denied {
        /// The controls that refuse, each with its next step.
        violations: Vec<Violation>,
    },
}
