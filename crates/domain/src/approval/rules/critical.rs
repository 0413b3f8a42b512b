//! Critical risk: a quorum of the CAB, the CISO and the CTO, all different people; where it is set so, the CAB first.

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
    /// Whether the CAB decides before the CISO and the CTO are asked.
    pub cab_first: bool,
    /// Time for the CISO and the CTO, in seconds, where the CAB decides first.
    pub executives_deadline_seconds: Period,
    /// Time for the CAB, in seconds; for all where nobody decides first.
    pub deadline_seconds: Period,
}

impl Default for CriticalRule {
    fn default() -> Self {
        Self {
            cab_quorum: Quorum::TWO,
            cab_first: false,
            executives_deadline_seconds: Period::TWO_DAYS,
            deadline_seconds: Period::WEEK,
        }
    }
}

impl CriticalRule {
    pub(super) fn requirements(&self) -> Requirements {
        let cab = Gate::quorum(Role::CabMember, self.cab_quorum);
        let executives = vec![Gate::one(Role::Ciso), Gate::one(Role::Cto)];
        if self.cab_first {
            let first = (vec![cab], self.deadline_seconds);
            Requirements::staged(vec![first, (executives, self.executives_deadline_seconds)])
        } else {
            Requirements::gated([vec![cab], executives].concat(), self.deadline_seconds)
        }
    }
}
