//! Approvals that were given, and which gates they leave open.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::required::{Gate, Requirements};
use crate::actor::{ActorKind, Role};
use crate::canonical::Digest;
use crate::id::ActorId;

/// One approval: by whom, in which role, of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The approver.
    pub by: ActorId,
    /// What the approver is.
    pub kind: ActorKind,
    /// The role exercised; the approval counts for this role's gate and for no other.
    pub role: Role,
    /// Digest of what was approved.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
}

/// A gate that is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outstanding {
    /// The role to be exercised.
    pub role: Role,
    /// How many more people.
    pub missing: u8,
}

/// The gates that `approvals` leave open; none when the change is approved.
///
/// An approval counts when a human gave it, it is bound to `digest` and its role has a gate. Of several such approvals
/// by one person only the earliest in the list counts, so that holding two roles never makes two approvers.
pub fn outstanding(requirements: &Requirements, approvals: &[Approval], digest: Digest) -> Vec<Outstanding> {
    let mut counted = BTreeSet::new();
    let mut exercised = Vec::new();
    for approval in approvals {
        let has_gate = requirements.gates.iter().any(|gate| gate.role == approval.role);
        let is_valid = approval.kind == ActorKind::Human && approval.digest == digest && has_gate;
        if is_valid && counted.insert(&approval.by) {
            exercised.push(approval.role);
        }
    }
    let open = |gate: &Gate| {
        let given = exercised.iter().filter(|role| **role == gate.role).count();
        let missing = gate.count.saturating_sub(u8::try_from(given).unwrap_or(u8::MAX));
        (missing > 0).then_some(Outstanding { role: gate.role, missing })
    };
    requirements.gates.iter().filter_map(open).collect()
}
