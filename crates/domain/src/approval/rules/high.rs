//! High risk: a technical lead looks first, within hours; then a quorum of the CAB, which meets weekly, without that lead.

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
    /// Whether the technical leads decide before the CAB is asked.
    pub leads_first: bool,
    /// Time for the technical leads, in seconds, where they decide first.
    pub leads_deadline_seconds: Period,
    /// Time for the CAB, in seconds; for all where nobody decides first.
    pub deadline_seconds: Period,
}

impl Default for HighRule {
    fn default() -> Self {
        Self {
            cab_quorum: Quorum::TWO,
            technical_leads: Quorum::ONE,
            leads_first: true,
            leads_deadline_seconds: Period::FOUR_HOURS,
            deadline_seconds: Period::WEEK,
        }
    }
}

impl HighRule {
    pub(super) fn requirements(&self) -> Requirements {
        let cab = Gate::quorum(Role::CabMember, self.cab_quorum);
        let leads = Gate::quorum(Role::TechnicalLead, self.technical_leads);
        if self.leads_first {
            let first = (vec![leads], self.leads_deadline_seconds);
            Requirements::staged(vec![first, (vec![cab], self.deadline_seconds)])
        } else {
            Requirements::gated(vec![cab, leads], self.deadline_seconds)
        }
    }
}
