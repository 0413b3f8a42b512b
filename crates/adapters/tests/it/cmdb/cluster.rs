//! A live cluster: a server that answers as the Kubernetes API does.

use std::error::Error;
use std::fs;

use adapters::cmdb::{ClusterAccess, ImportError, Importer};
use serde_json::{Value, json};

use super::workbench::{attempt, rendered, run};
use crate::outgoing_listener::{Listener, Reply};

const METADATA_ALONE: &str = "as=PartialObjectMetadataList";

/// What the server serves: path and query, and the answer.
fn answer(target: &str, asks_metadata: bool) -> Option<Value> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let resource = |name: &str, kind: &str| json!({"name": name, "singularName": "", "kind": kind, "namespaced": true, "verbs": ["get", "list"]});
    let list = |items: Value| json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items});
    Some(match path {
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        "/apis" => {
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group("apps"), group("broken.example")]})
        }
        "/api/v1" => json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            resource("pods", "Pod"), resource("services", "Service"), resource("secrets", "Secret"), resource("configmaps", "ConfigMap"),
            resource("events", "Event"), resource("endpoints", "Endpoints"), {"name": "bindings", "singularName": "", "kind": "Binding", "namespaced": true, "verbs": ["create"]},
        ]}),
        "/apis/apps/v1" => json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            resource("deployments", "Deployment"), resource("replicasets", "ReplicaSet"),
        ]}),
        "/api/v1/secrets" if asks_metadata => list(json!([
            {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "db", "namespace": "shop"}},
        ])),
        "/api/v1/secrets" => {
            list(json!([{"metadata": {"name": "db", "namespace": "shop"}, "data": {"password": "hunter2"}}]))
        }
        "/api/v1/pods" if target.contains("continue=second") => list(json!([pod("cart-1-b", "worker-2")])),
        "/api/v1/pods" => {
            json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "second"}, "items": [pod("cart-1-a", "worker-1")]})
        }
        "/api/v1/endpoints" => list(json!([
            {"metadata": {"name": "cart", "namespace": "shop"}}, {"metadata": {"name": "db", "namespace": "shop"}},
        ])),
        "/api/v1/services" => list(json!([
            {"metadata": {"name": "cart", "namespace": "shop"}, "spec": {"selector": {"app": "cart"}, "ports": [{"port": 80}]}},
            {"metadata": {"name": "db", "namespace": "shop"}, "spec": {"ports": [{"port": 5432}]}},
        ])),
        "/apis/apps/v1/deployments" => list(json!([{
            "metadata": {"name": "cart", "namespace": "shop", "annotations": {"cortex-change/tier": "1"}},
            "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [
                {"name": "api", "image": "cart:1", "env": [
                    {"name": "DB_URL", "value": "postgres://u:hunter2@db:5432/x"},
                    {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                ]},
            ]}}},
        }])),
        "/apis/apps/v1/replicasets" => list(json!([
            {"metadata": {"name": "cart-1", "namespace": "shop", "ownerReferences": [{"kind": "Deployment", "name": "cart"}]}},
        ])),
        _ => return None,
    })
}

fn group(name: &str) -> Value {
    let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
    json!({"name": name, "versions": [version], "preferredVersion": version})
}

fn pod(name: &str, node: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-1"}]},
        "spec": {"nodeName": node, "containers": [{"name": "api", "image": "cart:1"}]},
    })
}

fn api() -> Listener {
    Listener::start(|request| {
        let target = request.split(' ').nth(1).unwrap();
        let json = vec![("content-type", "application/json".to_owned())];
        match answer(target, request.contains(METADATA_ALONE)) {
            Some(body) => Reply::Answer(200, json, body.to_string().into_bytes()),
            None => {
                let message = format!("{target} is forbidden");
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": message});
                Reply::Answer(403, json, status.to_string().into_bytes())
            }
        }
    })
}

/// Access to the API at this address, with the folder that holds the kubeconfig.
fn access(url: &str) -> (tempfile::TempDir, Importer) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    fs::write(&path, config.to_string()).unwrap();
    (folder, Importer::Cluster(ClusterAccess { kubeconfig: Some(path), context: None }))
}

#[test]
fn a_cluster_is_listed_page_by_page_with_the_mapping_of_manifests() {
    let api = api();
    let (_folder, importer) = access(&api.url(""));
    insta::assert_snapshot!(rendered(&run(&importer)));
}

#[test]
fn secrets_are_asked_for_their_metadata_alone() {
    let api = api();
    let (_folder, importer) = access(&api.url(""));
    let imported = run(&importer);
    assert!(imported.items.iter().any(|(id, _)| id.as_str() == "Secret/shop/db"));
    assert!(!format!("{imported:?}").contains("hunter2"));
    let requests = api.requests();
    let mut of_secrets = requests.iter().filter(|request| request.starts_with("GET /api/v1/secrets"));
    assert!(of_secrets.clone().count() == 1 && of_secrets.all(|request| request.contains(METADATA_ALONE)));
    assert!(!requests.iter().any(|request| request.contains("/events") || request.contains("/bindings")));
}

#[test]
fn a_cluster_that_cannot_be_asked_is_an_error_and_not_an_empty_import() {
    let (_folder, importer) = access("http://127.0.0.1:1");
    let error = attempt(&importer).unwrap_err();
    assert!(matches!(error, ImportError::Cluster(_)));
    assert!(error.to_string().starts_with("cannot ask cluster 127.0.0.1 for its kinds"), "{error}");
    let absent = ClusterAccess { kubeconfig: Some("/not/there".into()), context: None };
    let error = attempt(&Importer::Cluster(absent)).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot use the kubeconfig") && error.source().is_some(),
        "{error}"
    );
}
