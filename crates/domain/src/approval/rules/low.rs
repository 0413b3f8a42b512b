//! Low risk is approved without a person when nothing was found and policy permits it, otherwise like medium risk.

use serde::{Deserialize, Serialize};

use super::MediumRule;
use crate::approval::required::{Case, Requirements};

/// `[low]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LowRule {
    /// Whether low risk may do without a person at all.
    pub automated: bool,
}

impl Default for LowRule {
    fn default() -> Self {
        Self { automated: true }
    }
}

impl LowRule {
    pub(super) fn requirements(self, case: Case, medium: &MediumRule) -> Requirements {
        if self.automated && case.may_be_automated() {
            Requirements::automated(medium.deadline_seconds)
        } else {
            medium.requirements()
        }
    }
}
