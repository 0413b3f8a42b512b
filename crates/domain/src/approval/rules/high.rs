//! High risk: a quorum of the CAB, which meets weekly, and a technical lead who is not one of the quorum.

use serde::{Deserialize, Serialize};

use crate::actor::Role;
use crate::approval::required::{Gate, Requirements};
use crate::approval::settings::{Period, Quorum};

/// `[high]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HighRule {
    /// How many members of the CAB.
    pub cab_quorum: Quorum,
    /// How many technical leads.
    pub technical_leads: Quorum,
    /// Time to decide, in seconds.
    pub deadline_seconds: Period,
}

impl Default for HighRule {
    fn default() -> Self {
        Self { cab_quorum: Quorum::TWO, technical_leads: Quorum::ONE, deadline_seconds: Period::WEEK }
    }
}

impl HighRule {
    pub(super) fn requirements(&self) -> Requirements {
        let cab = Gate::quorum(Role::CabMember, self.cab_quorum);
        let leads = Gate::quorum(Role::TechnicalLead, self.technical_leads);
        Requirements::gated(vec![cab, leads], self.deadline_seconds)
    }
}
