//! Medium risk: a technical lead decides within hours; the CAB sees it on its agenda and may call it in.

use serde::{Deserialize, Serialize};

use crate::actor::Role;
use crate::approval::required::{Gate, Requirements};
use crate::approval::settings::{Period, Quorum};

/// `[medium]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediumRule {
    /// How many technical leads.
    pub technical_leads: Quorum,
    /// Time to decide, in seconds.
    pub deadline_seconds: Period,
}

impl Default for MediumRule {
    fn default() -> Self {
        Self { technical_leads: Quorum::ONE, deadline_seconds: Period::FOUR_HOURS }
    }
}

impl MediumRule {
    pub(super) fn requirements(&self) -> Requirements {
        let gates = vec![Gate::quorum(Role::TechnicalLead, self.technical_leads)];
        Requirements { inform: vec![Role::CabMember], ..Requirements::gated(gates, self.deadline_seconds) }
    }
}
