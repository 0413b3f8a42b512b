//! A server that keeps objects as the documented Kubernetes API does: versions that must match, fields with owners that
//! conflict, generations, subresources, and Deployments whose replicas follow one look at a time.
#![expect(clippy::indexing_slicing, reason = "a test stops where an object is not as it was given")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use domain::plan::{Cluster, Kubernetes, KubernetesAction, StepKind};
use serde_json::{Map, Value, json};

use crate::execute_workbench::Workbench;
use crate::outgoing_listener::{Listener, Reply};

const CREATED: u16 = 201;
const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/cortex-test/httproutes/shop";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/cortex-test/deployments";

/// Objects by path, and who owns which of their fields.
#[derive(Default)]
struct Store {
    version: u64,
    objects: BTreeMap<String, Value>,
    owners: BTreeMap<(String, String), String>,
}

/// An answer other than an object.
struct Refusal(u16, String);

pub(crate) struct KubernetesServer {
    listener: Listener,
    store: Arc<Mutex<Store>>,
}

impl KubernetesServer {
    pub(crate) fn start() -> Self {
        let store: Arc<Mutex<Store>> = Arc::default();
        let kept = Arc::clone(&store);
        let listener = Listener::start(move |request| {
            let (status, body) = match kept.lock().unwrap().answer(request) {
                Ok(answer) => answer,
                Err(Refusal(code, message)) => (
                    code,
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": ""}),
                ),
            };
            Reply::Answer(
                status,
                vec![("content-type", "application/json".to_owned())],
                body.to_string().into_bytes(),
            )
        });
        Self { listener, store }
    }

    /// Writes a kubeconfig that leads here, and gives its name.
    pub(crate) fn kubeconfig(&self, bench: &Workbench) -> String {
        bench.write("kubeconfig", &kubeconfig(&self.listener.url("")));
        "kubeconfig".to_owned()
    }

    /// The object, without a look of ours making it go on.
    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        self.store.lock().unwrap().objects.get(path).cloned()
    }

    /// Puts an object there that `owner` has applied.
    pub(crate) fn given(&self, path: &str, owner: &str, object: Value) {
        let mut store = self.store.lock().unwrap();
        assert!(store.apply(path, owner, false, object).is_ok());
    }
}

/// A kubeconfig that leads to a server.
pub(crate) fn kubeconfig(server: &str) -> String {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    config.to_string()
}

/// A Deployment of one replica.
pub(crate) fn manifest(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "shop", "image": image}]}}},
    })
}

/// A route of which everything goes to `stable`.
pub(crate) fn route() -> Value {
    let backend = |name: &str, weight: u32| json!({"name": name, "port": 80, "weight": weight});
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "shop"},
        "spec": {"rules": [{"backendRefs": [backend("stable", 100), backend("canary", 0)]}]},
    })
}

/// A server with a route and two Deployments, `shop` and one whose rollout never ends, for tests that are about something else.
pub(crate) struct SharedCluster {
    bench: Workbench,
    server: KubernetesServer,
}

pub(crate) static SHARED: LazyLock<SharedCluster> = LazyLock::new(SharedCluster::start);

impl SharedCluster {
    pub(crate) fn start() -> Self {
        let (bench, server) = (Workbench::new(), KubernetesServer::start());
        for (name, image) in [("shop", "shop:1"), ("stuck", "shop:stuck")] {
            server.given(&format!("{DEPLOYMENTS}/{name}"), "helm", manifest(name, image));
        }
        server.given(ROUTE, "helm", route());
        server.kubeconfig(&bench);
        Self { bench, server }
    }

    pub(crate) fn cluster(&self) -> Cluster {
        let kubeconfig = Some(self.bench.path("kubeconfig").display().to_string());
        Cluster { kubeconfig, context: None, namespace: "cortex-test".to_owned() }
    }

    pub(crate) fn step(&self, action: KubernetesAction) -> StepKind {
        StepKind::Kubernetes(Kubernetes { cluster: self.cluster(), action })
    }

    /// What is wanted of the route.
    pub(crate) fn rules(&self) -> String {
        self.server.object(ROUTE).unwrap()["spec"].to_string()
    }

    /// What is wanted of a Deployment.
    pub(crate) fn spec(&self, name: &str) -> String {
        self.server.object(&format!("{DEPLOYMENTS}/{name}")).unwrap()["spec"].to_string()
    }
}

impl Store {
    fn answer(&mut self, request: &str) -> Result<(u16, Value), Refusal> {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if method == "GET"
            && let Some(list) = discovery(path)
        {
            return Ok((200, list));
        }
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let owner = query.split('&').find_map(|pair| pair.strip_prefix("fieldManager=")).unwrap_or("unknown");
        let head = head.to_ascii_lowercase();
        match method {
            "GET" => self.look(path).map(|object| (200, object)),
            "PATCH" if head.contains("application/apply-patch+yaml") => {
                self.apply(path, owner, query.contains("force=true"), body).map(|object| (200, object))
            }
            "PATCH" if head.contains("application/merge-patch+json") => {
                let path = path.strip_suffix("/scale").unwrap_or(path);
                let mut object = self.find(path)?;
                merge(&mut object, &body);
                Ok((200, self.write(path, object)))
            }
            "PUT" => {
                let now = self.find(path)?;
                same_version(&now, &body)?;
                Ok((200, self.write(path, body)))
            }
            "POST" => {
                let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                let path = format!("{path}/{name}");
                if self.objects.contains_key(&path) {
                    return Err(Refusal(409, format!("{name} already exists")));
                }
                Ok((CREATED, self.write(&path, body)))
            }
            "DELETE" => {
                self.find(path)?;
                self.objects.remove(path);
                self.owners.retain(|(owned, _), _| owned != path);
                Ok((200, json!({"kind": "Status", "status": "Success"})))
            }
            _ => Err(Refusal(405, format!("{method} is not allowed"))),
        }
    }

    fn find(&self, path: &str) -> Result<Value, Refusal> {
        self.objects.get(path).cloned().ok_or_else(|| Refusal(404, format!("{path} not found")))
    }

    /// The object; each look lets a Deployment come one replica further.
    fn look(&mut self, path: &str) -> Result<Value, Refusal> {
        let mut object = self.find(path)?;
        if path.contains("/deployments/") {
            roll(&mut object);
            self.objects.insert(path.to_owned(), object.clone());
        }
        Ok(object)
    }

    fn apply(&mut self, path: &str, owner: &str, force: bool, body: Value) -> Result<Value, Refusal> {
        let mut object = self.objects.get(path).cloned().unwrap_or_else(|| json!({}));
        same_version(&object, &body)?;
        let mut fields = BTreeMap::new();
        leaves("", &body, &mut fields);
        let key = |field: &String| (path.to_owned(), field.clone());
        let conflicts: Vec<String> = fields
            .iter()
            .filter(|(field, value)| object.pointer(field.as_str()).is_some_and(|now| now != *value))
            .filter_map(|(field, _)| self.owners.get(&key(field)).map(|other| (field, other)))
            .filter(|(_, other)| *other != owner)
            .map(|(field, other)| format!("conflict with \"{other}\": {}", field.replace('/', ".")))
            .collect();
        if !conflicts.is_empty() && !force {
            return Err(Refusal(
                409,
                format!("Apply failed with {} conflict: {}", conflicts.len(), conflicts.join(", ")),
            ));
        }
        for field in fields.keys() {
            self.owners.insert(key(field), owner.to_owned());
        }
        merge(&mut object, &body);
        Ok(self.write(path, object))
    }

    /// Keeps the object, with what the cluster writes into it.
    fn write(&mut self, path: &str, mut object: Value) -> Value {
        let before = self.objects.get(path).cloned().unwrap_or_default();
        self.version += 1;
        let is_other = before.get("spec") != object.get("spec");
        let generation =
            before.pointer("/metadata/generation").and_then(Value::as_u64).unwrap_or(0) + u64::from(is_other);
        let owned = self.owners.iter().filter(|((owned, _), _)| owned == path).map(|(_, owner)| owner);
        let managers: Vec<Value> = owned
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .map(|owner| json!({"manager": owner, "operation": "Apply"}))
            .collect();
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut).unwrap();
        metadata.insert("resourceVersion".to_owned(), self.version.to_string().into());
        metadata.insert("generation".to_owned(), generation.into());
        metadata.insert("uid".to_owned(), path.into());
        metadata.insert("managedFields".to_owned(), managers.into());
        if let Some(status) = before.get("status") {
            object["status"] = status.clone();
        }
        self.objects.insert(path.to_owned(), object.clone());
        object
    }
}

fn same_version(now: &Value, wanted: &Value) -> Result<(), Refusal> {
    match wanted.pointer("/metadata/resourceVersion") {
        Some(version) if Some(version) != now.pointer("/metadata/resourceVersion") => {
            Err(Refusal(409, "the object has been modified".to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

/// One step of the controller of Deployments.
fn roll(object: &mut Value) {
    let number = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let generation = number(object, "/metadata/generation");
    let image = object.pointer("/spec/template/spec/containers/0/image").cloned().unwrap_or_default();
    let old = object.get("status").cloned().unwrap_or_default();
    let is_seen = number(&old, "/observedGeneration") == generation;
    let updated = if is_seen { (number(&old, "/updatedReplicas") + 1).min(wanted) } else { 0 };
    let mut status = json!({
        "observedGeneration": generation, "updatedReplicas": updated, "replicas": wanted, "availableReplicas": wanted,
    });
    if image == "shop:stuck" {
        status["updatedReplicas"] = 0.into();
    }
    if image == "shop:broken" {
        status["conditions"] = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "no such image"}]);
    }
    object["status"] = status;
    let revision = (generation).to_string();
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut).unwrap();
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    annotations["deployment.kubernetes.io/revision"] = revision.into();
}

/// The fields of an applied object that get an owner; a list is one field.
fn leaves(at: &str, value: &Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let pointer = format!("{at}/{name}");
                let is_name = matches!(
                    pointer.as_str(),
                    "/apiVersion"
                        | "/kind"
                        | "/metadata/name"
                        | "/metadata/namespace"
                        | "/metadata/resourceVersion"
                );
                if !is_name {
                    leaves(&pointer, value, fields);
                }
            }
        }
        value => {
            fields.insert(at.to_owned(), value.clone());
        }
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                if value.is_null() {
                    into.remove(name);
                } else {
                    merge(into.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn discovery(path: &str) -> Option<Value> {
    let kinds: &[(&str, &str)] = match path {
        "/api/v1" => &[("configmaps", "ConfigMap")],
        "/apis/apps/v1" => {
            &[("deployments", "Deployment"), ("statefulsets", "StatefulSet"), ("daemonsets", "DaemonSet")]
        }
        "/apis/gateway.networking.k8s.io/v1" => &[("httproutes", "HTTPRoute")],
        _ => return None,
    };
    let resources: Vec<Value> = kinds.iter().map(|(name, kind)| {
        json!({"name": name, "singularName": "", "kind": kind, "namespaced": true, "verbs": ["get", "patch", "update", "create", "delete"]})
    }).collect();
    let version = path.trim_start_matches("/apis/").trim_start_matches("/api/");
    Some(json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources}))
}
