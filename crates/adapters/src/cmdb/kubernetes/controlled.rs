//! Objects that belong to others.
//!
//! Pods, replica sets and jobs that a controller makes come and go with every roll-out. They are no items; what they tell
//! (on which hosts the workload runs) is said of the object that they belong to in the end. Neither are Endpoints that
//! the cluster keeps for a Service with a selector.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::Strength;
use domain::cmdb::RelationType;
use domain::id::CiName;

use super::edges::{Edges, Found};
use super::object::{NO_NAMESPACE, Object, id};
use super::world::World;

/// Longest chain of owners that is followed.
const OWNERS_DEPTH_MAX: usize = 8;
const CONTROLLED_KINDS: [&str; 3] = ["Pod", "ReplicaSet", "Job"];

/// Parts objects into those that a controller makes, and the others.
pub(super) fn split(objects: Vec<Object>) -> (Vec<Object>, Vec<Object>) {
    let ids: BTreeSet<CiName> = objects.iter().map(|object| object.id.clone()).collect();
    let selecting = |object: &&Object| object.is("", "Service") && object.spec(&["selector"]).is_some();
    let services = objects.iter().filter(selecting);
    let kept: BTreeSet<CiName> =
        services.filter_map(|service| id("Endpoints", &service.namespace, &service.name)).collect();
    objects.into_iter().partition(|object| {
        let is_made = CONTROLLED_KINDS.contains(&object.kind.as_str());
        kept.contains(&object.id) || is_made && owner_in(object, |id| ids.contains(id)).is_some()
    })
}

/// An owner consists of what it owns; what is owned goes with its owner, where that one is not in the import.
pub(super) fn relate_owners(world: &World, object: &Object, edges: &mut Edges) {
    for (kind, name, line) in object.owners() {
        let found = Found::hard(object, line);
        if let Some(owner) = owner_in(object, |id| world.get(id).is_some()) {
            edges.states_of(&owner, found, RelationType::Contains, &object.id, "ownerReferences");
        } else if let Some(owner) = id(kind, &object.namespace, name) {
            edges.state_to(found, RelationType::DependsOn, owner, "ownerReferences");
        }
    }
}

/// Workloads run on the hosts of their pods: hard when all of them are on one.
pub(super) fn relate_hosts(world: &World, edges: &mut Edges) {
    let controlled: BTreeMap<&CiName, &Object> =
        world.controlled().iter().map(|object| (&object.id, object)).collect();
    let mut hosts: BTreeMap<CiName, BTreeMap<CiName, &Object>> = BTreeMap::new();
    for pod in world.controlled().iter().filter(|object| object.is("", "Pod")) {
        let host = pod.spec_text(&["nodeName"]).and_then(|name| id("Node", NO_NAMESPACE, name));
        if let (Some(host), Some(workload)) = (host, last_owner(world, &controlled, pod)) {
            hosts.entry(workload).or_default().insert(host, pod);
        }
    }
    for (workload, hosts) in hosts {
        let strength = if hosts.len() == 1 { Strength::Hard } else { Strength::Soft };
        for (host, pod) in hosts {
            let found = Found { by: pod, line: pod.place.line, strength };
            edges.states_of(&workload, found, RelationType::RunsOn, &host, "nodeName of a pod");
        }
    }
}

/// The object that a controlled one belongs to in the end.
fn last_owner(world: &World, controlled: &BTreeMap<&CiName, &Object>, object: &Object) -> Option<CiName> {
    let mut current = object;
    for _ in 0..OWNERS_DEPTH_MAX {
        let owner = owner_in(current, |id| world.get(id).is_some() || controlled.contains_key(id))?;
        match controlled.get(&owner) {
            Some(next) => current = next,
            None => return Some(owner),
        }
    }
    None
}

/// The first owner that is known; owners are in the object's namespace or in none.
fn owner_in(object: &Object, is_known: impl Fn(&CiName) -> bool) -> Option<CiName> {
    let ids = object.owners().flat_map(|(kind, name, _)| {
        [id(kind, &object.namespace, name), id(kind, NO_NAMESPACE, name)].into_iter().flatten()
    });
    ids.into_iter().find(|id| is_known(id))
}
