//! Volumes, and secrets that are made from other objects.

use domain::cmdb::RelationType;
use domain::id::CiName;

use super::super::draft::Place;
use super::super::node::Node;
use super::edges::{Edges, Found, Implied, Target};
use super::object::{NO_NAMESPACE, Object, id};
use super::pods::named;

/// Most claims that are taken to follow from one template.
const CLAIMS_MAX: u32 = 100;

pub(super) fn relate(object: &Object, edges: &mut Edges) {
    match (object.group.as_str(), object.kind.as_str()) {
        ("", "PersistentVolumeClaim") => claim(object, edges),
        ("", "PersistentVolume") => class(object, edges),
        ("apps", "StatefulSet") => claim_templates(object, edges),
        ("bitnami.com", "SealedSecret") => becomes_secret(object, &object.name, edges),
        ("external-secrets.io", "ExternalSecret") => {
            let name = object.spec_text(&["target", "name"]).unwrap_or(&object.name);
            becomes_secret(object, name, edges);
        }
        ("cert-manager.io", "Certificate") => {
            if let Some(name) = object.spec_text(&["secretName"]) {
                becomes_secret(object, name, edges);
            }
        }
        _ => {}
    }
}

fn claim(object: &Object, edges: &mut Edges) {
    if let Some((name, line)) = object.node.get("spec").and_then(|spec| named(spec, "volumeName")) {
        let volume = Target { kind: "PersistentVolume", namespace: NO_NAMESPACE, name };
        edges.states(Found::hard(object, line), RelationType::Uses, volume, "volumeName");
    }
    class(object, edges);
}

fn class(object: &Object, edges: &mut Edges) {
    if let Some((name, line)) = object.node.get("spec").and_then(|spec| named(spec, "storageClassName")) {
        let class = Target { kind: "StorageClass", namespace: NO_NAMESPACE, name };
        edges.states(Found::hard(object, line), RelationType::Uses, class, "storageClassName");
    }
}

/// A StatefulSet has a claim of its own for each template and replica; in manifests they do not appear.
fn claim_templates(object: &Object, edges: &mut Edges) {
    let replicas = object.spec_text(&["replicas"]).and_then(|replicas| replicas.parse().ok()).unwrap_or(1);
    for template in object.spec_list(&["volumeClaimTemplates"]) {
        let Some((name, line)) = template.get("metadata").and_then(|metadata| named(metadata, "name")) else {
            continue;
        };
        let because = format!("volumeClaimTemplates {name}");
        for ordinal in 0..CLAIMS_MAX.min(replicas) {
            let name = format!("{name}-{}-{ordinal}", object.name);
            let Some(claim) = id("PersistentVolumeClaim", &object.namespace, &name) else { continue };
            edges.state_to(Found::hard(object, line), RelationType::Uses, claim.clone(), &because);
            claim_class(object, template, &claim, edges);
            let place = Place::new(&object.place.file, line);
            let made_by = object.id.clone();
            edges.implied.push(Implied { id: claim, kind: "PersistentVolumeClaim", place, made_by });
        }
    }
}

fn claim_class(object: &Object, template: &Node, claim: &CiName, edges: &mut Edges) {
    let Some((name, line)) = template.get("spec").and_then(|spec| named(spec, "storageClassName")) else {
        return;
    };
    if let Some(class) = id("StorageClass", NO_NAMESPACE, name) {
        let found = Found::hard(object, line);
        edges.states_of(
            claim,
            found,
            RelationType::Uses,
            &class,
            "storageClassName of a volume claim template",
        );
    }
}

/// The Secret that a controller makes from the object fails with it.
fn becomes_secret(object: &Object, name: &str, edges: &mut Edges) {
    let Some(secret) = id("Secret", &object.namespace, name) else { return };
    let found = Found::hard(object, object.place.line);
    edges.states_of(&secret, found, RelationType::DependsOn, &object.id, "it is made from it");
    let (place, made_by) = (object.place.clone(), object.id.clone());
    edges.implied.push(Implied { id: secret, kind: "Secret", place, made_by });
}
