//! Policies for the wire.

use api::policy::{AddedFile, HeldPolicies, Policies as Told, Policy};
use policy::PolicyInfo;

use super::{texts, time};
use crate::policies::{Held, InForce};

/// The policies in force, and why the folder is not where it is not.
pub(crate) fn policies(in_force: &InForce, held: Option<Held>) -> Told {
    let InForce { set, added, number, since } = in_force;
    let added = added.named(set).added.into_iter();
    Told {
        policy_set: *number,
        digest: set.digest().to_string(),
        core_digest: set.core_digest().to_string(),
        in_force_since: time(*since),
        added: added.map(|file| AddedFile { name: file.name, digest: file.digest.to_string() }).collect(),
        held: held.map(|held| HeldPolicies { since: time(held.at), problem: held.problem }),
        items: set.policies().map(policy).collect(),
    }
}

/// One policy.
pub(crate) fn policy(info: &PolicyInfo) -> Policy {
    Policy {
        id: info.id.to_string(),
        effect: info.effect.as_str().to_owned(),
        title: info.title.clone(),
        fix: Some(info.fix.clone()).filter(|fix| !fix.is_empty()),
        controls: texts(&info.controls),
        core: info.is_core(),
        file: info.place.file.clone(),
        line: info.place.line as u64,
        text: info.text.clone(),
    }
}
