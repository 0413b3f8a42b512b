//! Manifests: a small shop with one of everything, and the manifests of a real platform where they are at hand.

use std::collections::BTreeMap;
use std::path::Path;

use adapters::cmdb::{Imported, Importer};
use domain::cmdb::RelationType;

use super::workbench::{fixture, rendered, run};

fn shop() -> Imported {
    run(&Importer::Kubernetes(vec![fixture("shop")]))
}

#[test]
fn a_shop_is_imported_with_every_kind_of_relation() {
    insta::assert_snapshot!(rendered(&shop()));
}

#[test]
fn importing_twice_gives_the_same() {
    assert_eq!(shop().items, shop().items);
}

#[test]
fn values_of_secrets_variables_and_configuration_are_nowhere() {
    let imported = shop();
    let all = format!("{imported:?} {}", serde_json::to_string(&imported.items).unwrap());
    assert!(all.contains("Secret/shop/db-credentials") && all.contains("env CACHE_URL of container api"));
    for value in ["hunter2", "aHVudGVyMi", "user:"] {
        assert!(!all.contains(value), "`{value}` is a value and must not be kept");
    }
}

#[test]
fn the_manifests_of_a_platform_give_what_a_person_counts_in_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/gitops-manifests");
    if !folder.is_dir() {
        return println!("skipped: {} is not there", folder.display());
    }
    let imported = run(&Importer::Kubernetes(vec![folder.canonicalize().unwrap()]));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = |what: String| *counts.entry(what).or_default() += 1;
    for (id, description) in &imported.items {
        count(format!("item {}", id.as_str().split(['/', ':']).next().unwrap()));
        for relation in &description.relations {
            count(format!("relation {} {}", relation.relation_type, relation.strength));
        }
    }
    counts.insert("files".to_owned(), imported.files);
    counts.insert("problems".to_owned(), imported.problems.len());
    counts.insert("selectors without match".to_owned(), imported.skipped.selectors_without_match);
    let counts: String = counts.iter().map(|(what, count)| format!("{count:>4} {what}\n")).collect();
    insta::assert_snapshot!(counts);
    checked_by_hand(&imported);
}

/// Relations that were looked up in the manifests by eye.
fn checked_by_hand(imported: &Imported) {
    let states = |from: &str, relation_type: RelationType, to: &str| {
        let (_, description) = imported.items.iter().find(|(id, _)| id.as_str() == from).unwrap();
        let mut relations = description.relations.iter();
        let found = relations.any(|it| it.relation_type == relation_type && it.to.as_str() == to);
        assert!(found, "{from} should state {relation_type} {to}");
    };
    states("Deployment/cortex-chat/cortex-chat", RelationType::Uses, "ConfigMap/cortex-chat/frontend-html");
    states("Deployment/cortex-chat/cortex-chat", RelationType::ConnectsTo, "Service/cortex-chat/moe-router");
    states(
        "Deployment/cortex-csaf/csaf-runtime",
        RelationType::ConnectsTo,
        "Service/cortex-csaf/csaf-registry",
    );
    states("Ingress/cortex-chat/cortex-chat", RelationType::ConnectsTo, "Service/cortex-chat/chat-activator");
    states(
        "Service/cortex-system/sandfly-web",
        RelationType::DependsOn,
        "Endpoints/cortex-system/sandfly-web",
    );
    states(
        "StatefulSet/cortex-system/redis-replicas",
        RelationType::ConnectsTo,
        "Service/cortex-system/redis-headless",
    );
    states(
        "Application/argocd/cortex-system",
        RelationType::Contains,
        "Deployment/cortex-system/fabric-gateway",
    );
}
