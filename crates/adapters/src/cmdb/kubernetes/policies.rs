//! What acts on workloads from beside them: network policies, disruption budgets, autoscalers, roles.

use domain::cmdb::RelationType;
use domain::id::CiName;

use super::super::node::Node;
use super::edges::{Edges, Found, Target};
use super::object::{NO_NAMESPACE, Object, id};
use super::pods::named;
use super::selector::Selector;
use super::world::World;

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn relate(world: &World, object: &Object, edges: &mut Edges) {
    match (object.group.as_str(), object.kind.as_str()) {
        // A policy can cut a workload off; a budget only delays its eviction.
        ("networking.k8s.io", "NetworkPolicy") => selected(world, object, "podSelector", Found::hard, edges),
        ("policy", "PodDisruptionBudget") => selected(world, object, "selector", Found::soft, edges),
        ("autoscaling", "HorizontalPodAutoscaler") => scaled(world, object, edges),
        (RBAC_GROUP, "RoleBinding" | "ClusterRoleBinding") => bound(world, object, edges),
        ("", "ServiceAccount") => account(object, edges),
        _ => {}
    }
}

/// Each workload that is selected leans on what selects it.
fn selected<'a>(
    world: &World,
    object: &'a Object,
    field: &str,
    found: impl Fn(&'a Object, u32) -> Found<'a>,
    edges: &mut Edges,
) {
    let Some(node) = object.spec(&[field]) else { return };
    let workloads = world.selected(&object.namespace, &Selector::full(node));
    if workloads.is_empty() {
        edges.selectors_without_match += 1;
    }
    let because = format!("{field} of {} {}", object.kind, object.name);
    for workload in workloads {
        edges.states_of(
            &workload.id,
            found(object, node.line),
            RelationType::DependsOn,
            &object.id,
            &because,
        );
    }
}

/// An autoscaler does nothing without its workload; the workload runs on without it, but no longer grows.
fn scaled(world: &World, object: &Object, edges: &mut Edges) {
    let Some(reference) = object.spec(&["scaleTargetRef"]) else { return };
    let (Some((kind, _)), Some((name, line))) = (named(reference, "kind"), named(reference, "name")) else {
        return;
    };
    let target = Target { kind, namespace: &object.namespace, name };
    edges.states(Found::hard(object, line), RelationType::DependsOn, target, "scaleTargetRef");
    if let Some(workload) = world.find(kind, &object.namespace, name) {
        let because = format!("scaleTargetRef of {} {}", object.kind, object.name);
        edges.states_of(
            &workload.id,
            Found::soft(object, line),
            RelationType::DependsOn,
            &object.id,
            &because,
        );
    }
}

/// A binding needs its role, and an account loses its rights with the binding.
fn bound(world: &World, object: &Object, edges: &mut Edges) {
    if let Some(role) = object.node.get("roleRef")
        && let (Some((kind, _)), Some((name, line))) = (named(role, "kind"), named(role, "name"))
    {
        let namespace = if kind == "ClusterRole" { NO_NAMESPACE } else { &object.namespace };
        let target = Target { kind, namespace, name };
        edges.states(Found::hard(object, line), RelationType::Uses, target, "roleRef");
    }
    for subject in object.node.list_at(&["subjects"]) {
        if let Some((account, line)) = account_of(subject, object) {
            let found = Found::hard(object, line);
            if world.get(&account).is_some() {
                let because = format!("subjects of {} {}", object.kind, object.name);
                edges.states_of(&account, found, RelationType::Uses, &object.id, &because);
            } else {
                // The account is not in the import and can state nothing; so that it is seen, the binding names it.
                edges.state_to(found, RelationType::DependsOn, account, "subjects");
            }
        }
    }
}

/// The service account among the subjects; users and groups are not items.
fn account_of(subject: &Node, binding: &Object) -> Option<(CiName, u32)> {
    let (name, line) =
        named(subject, "name").filter(|_| subject.text_at(&["kind"]) == Some("ServiceAccount"))?;
    let namespace = subject.text_at(&["namespace"]).unwrap_or(&binding.namespace);
    Some((id("ServiceAccount", namespace, name)?, line))
}

fn account(object: &Object, edges: &mut Edges) {
    for field in ["imagePullSecrets", "secrets"] {
        for secret in object.node.list_at(&[field]) {
            if let Some((name, line)) = named(secret, "name") {
                let target = Target { kind: "Secret", namespace: &object.namespace, name };
                edges.states(Found::hard(object, line), RelationType::Uses, target, field);
            }
        }
    }
}
