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
    /// The role exercised; the approval counts for this role's gate, unless it stands in for one below.
    pub role: Role,
    /// Digest of what was approved.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// The one whose authority was exercised, where it was lent to the approver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<ActorId>,
    /// The role below whose gate it passes, where that one let its time run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Role>,
}

impl Approval {
    /// The role whose gate it counts for.
    pub fn passes(&self) -> Role {
        self.instead_of.filter(|below| below.authority_above() == Some(self.role)).unwrap_or(self.role)
    }

    /// Those who have spoken by it: the approver, and the one whose authority it was.
    pub fn people(&self) -> impl Iterator<Item = &ActorId> {
        std::iter::once(&self.by).chain(&self.delegated_by)
    }
}

/// A gate that is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outstanding {
    /// The role to be exercised.
    pub role: Role,
    /// How many more people.
    pub missing: u8,
    /// The stage it belongs to, from 0.
    pub stage: u8,
}

/// The gates that `approvals` leave open; none when the change is approved.
///
/// An approval counts when a human gave it, it is bound to `digest` and its role has a gate. Of several such approvals
/// by one person only the earliest in the list counts, so that neither two roles nor a delegation ever make two approvers:
/// whoever decides in somebody's place has spoken for both.
pub fn outstanding(requirements: &Requirements, approvals: &[Approval], digest: Digest) -> Vec<Outstanding> {
    let mut counted = BTreeSet::new();
    let mut exercised = Vec::new();
    for approval in approvals {
        let has_gate = requirements.gates.iter().any(|gate| gate.role == approval.passes());
        let is_valid = approval.kind == ActorKind::Human && approval.digest == digest && has_gate;
        if is_valid && approval.people().all(|person| !counted.contains(person)) {
            counted.extend(approval.people());
            exercised.push(approval.passes());
        }
    }
    let open = |gate: &Gate| {
        let given = exercised.iter().filter(|role| **role == gate.role).count();
        let missing = gate.count.saturating_sub(u8::try_from(given).unwrap_or(u8::MAX));
        (missing > 0).then_some(Outstanding { role: gate.role, missing, stage: gate.stage })
    };
    requirements.gates.iter().filter_map(open).collect()
}

/// Of the gates that are open, those whose turn it is: the ones of the first stage that is not complete.
pub fn in_turn(open: &[Outstanding]) -> impl Iterator<Item = &Outstanding> {
    let first = open.iter().map(|gate| gate.stage).min();
    open.iter().filter(move |gate| Some(gate.stage) == first)
}
