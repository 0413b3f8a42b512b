//! Emergencies: an on-call member of the e-CAB authorises at once, whatever the level, and the e-CAB reviews afterwards.

use serde::{Deserialize, Serialize};

use crate::actor::Role;
use crate::approval::required::{Gate, Requirements};
use crate::approval::settings::{Period, Quorum};

/// `[emergency]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmergencyRule {
    /// How many members of the e-CAB.
    pub ecab_members: Quorum,
    /// Time to authorise, in seconds. An emergency that nobody took up for so long must be submitted anew.
    pub deadline_seconds: Period,
    /// Time for the retrospective review, in seconds from the authorisation.
    pub retrospective_seconds: Period,
}

impl Default for EmergencyRule {
    fn default() -> Self {
        Self {
            ecab_members: Quorum::ONE,
            deadline_seconds: Period::FOUR_HOURS,
            retrospective_seconds: Period::DAY,
        }
    }
}

impl EmergencyRule {
    pub(super) fn requirements(&self) -> Requirements {
        let gates = vec![Gate::quorum(Role::EcabMember, self.ecab_members)];
        Requirements {
            retrospective_seconds: Some(self.retrospective_seconds.seconds()),
            ..Requirements::gated(gates, self.deadline_seconds)
        }
    }
}
