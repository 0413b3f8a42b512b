//! Critical risk: a quorum of the CAB, the CISO and the CTO, all different people.

use serde::{Deserialize, Serialize};

use crate::actor::Role;
use crate::approval::required::{Gate, Requirements};
use crate::approval::settings::{Period, Quorum};

/// `[critical]`. That CISO and CTO approve is not a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CriticalRule {
    /// How many members of the CAB.
    pub cab_quorum: Quorum,
    /// Time to decide, in seconds.
    pub deadline_seconds: Period,
}

impl Default for CriticalRule {
    fn default() -> Self {
        Self { cab_quorum: Quorum::TWO, deadline_seconds: Period::WEEK }
    }
}

impl CriticalRule {
    pub(super) fn requirements(&self) -> Requirements {
        let cab = Gate::quorum(Role::CabMember, self.cab_quorum);
        Requirements::gated(vec![cab, Gate::one(Role::Ciso), Gate::one(Role::Cto)], self.deadline_seconds)
    }
}
