//! Whatever the level: what nothing takes back is also approved by the authority above the one that the level calls for,
//! which decides last. An emergency is authorised at once, and reviewed afterwards.

use crate::approval::required::{Gate, Requirements};

/// The same requirements with the authority above among those who approve.
pub(super) fn with_authority_above(mut requirements: Requirements) -> Requirements {
    let role = requirements.overridden_by();
    if requirements.gates.iter().any(|gate| gate.role == role) {
        return requirements;
    }
    let stage = requirements.stage_count().saturating_sub(1);
    requirements.gates.push(Gate { stage, ..Gate::one(role) });
    requirements.inform.retain(|informed| *informed != role);
    requirements
}
