//! Whatever the level: what reaches protected health information is also approved by the HIPAA authority, the security
//! official of 45 CFR 164.308(a)(2). An emergency is authorised at once, and reviewed afterwards.

use crate::actor::Role;
use crate::approval::required::{Gate, Requirements};

/// The same requirements with the HIPAA authority among those who approve.
pub(super) fn with_authority(mut requirements: Requirements) -> Requirements {
    requirements.gates.push(Gate::one(Role::HipaaAuthority));
    requirements
}
