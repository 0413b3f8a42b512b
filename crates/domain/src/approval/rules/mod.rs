//! The approval rules, one per file.
//!
//! To add one: write `rules/<rule>.rs` with its parameters (serde, every field with a default) and a `requirements`
//! function, add its table to `ApprovalSettings`, and its arm to the `match` below; the snapshot of all cases in
//! `tests/it/approval.rs` then shows what it changes.

mod critical;
mod emergency;
mod health_information;
mod high;
mod irreversible;
mod low;
mod medium;
mod standard;

pub use critical::CriticalRule;
pub use emergency::EmergencyRule;
pub use high::HighRule;
pub use low::LowRule;
pub use medium::MediumRule;

use super::required::{Case, Requirements};
use super::settings::ApprovalSettings;
use crate::change::ChangeType;
use crate::risk::Level;

/// Who must approve a change: the rule that its type and level select, with its parameters.
pub fn requirements(settings: &ApprovalSettings, case: Case) -> Requirements {
    let by_level = by_level(settings, case);
    let by_level = if case.irreversible && case.routed_as != ChangeType::Emergency {
        irreversible::with_authority_above(by_level)
    } else {
        by_level
    };
    if case.health_information && case.routed_as != ChangeType::Emergency {
        health_information::with_authority(by_level)
    } else {
        by_level
    }
}

fn by_level(settings: &ApprovalSettings, case: Case) -> Requirements {
    match (case.routed_as, case.level) {
        (ChangeType::Emergency, _) => settings.emergency.requirements(),
        (ChangeType::Standard, Level::Low | Level::Medium) => standard::requirements(case, &settings.medium),
        (ChangeType::Normal, Level::Low) => settings.low.requirements(case, &settings.medium),
        (ChangeType::Normal, Level::Medium) => settings.medium.requirements(),
        (ChangeType::Standard | ChangeType::Normal, Level::High) => settings.high.requirements(),
        (ChangeType::Standard | ChangeType::Normal, Level::Critical) => settings.critical.requirements(),
    }
}
