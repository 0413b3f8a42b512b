//! Argo CD applications: where they deploy to, and what they consist of.
//!
//! An object belongs to an application when Argo CD's tracking annotation or label on it says so, or when its file lies in
//! the folder that the application deploys. An application outlives what is broken in it, so its parts are soft.

use domain::cmdb::RelationType;

use super::super::node::Node;
use super::edges::{Edges, Found, Target};
use super::object::{NO_NAMESPACE, Object};
use super::pods::named;
use super::world::World;

const GROUP: &str = "argoproj.io";
const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
const INSTANCE: &str = "argocd.argoproj.io/instance";
/// How an application names the cluster that Argo CD itself runs in.
const OWN_SERVER: &str = "https://kubernetes.default.svc";
const OWN_CLUSTER: &str = "in-cluster";

pub(super) fn relate(world: &World, object: &Object, edges: &mut Edges) {
    if object.is(GROUP, "Application") {
        application(world, object, edges);
    }
}

fn application(world: &World, application: &Object, edges: &mut Edges) {
    if let Some(destination) = application.spec(&["destination"])
        && let Some((name, line)) = named(destination, "namespace").filter(|_| is_own_cluster(destination))
    {
        let namespace = Target { kind: "Namespace", namespace: NO_NAMESPACE, name };
        edges.states(
            Found::hard(application, line),
            RelationType::DependsOn,
            namespace,
            "destination.namespace",
        );
    }
    let one = application.spec(&["source"]).into_iter();
    let folders: Vec<Folder<'_>> =
        one.chain(application.spec_list(&["sources"])).filter_map(Folder::of).collect();
    for object in world.latest().filter(|object| object.id != application.id) {
        if let Some(because) = tracked(object, application) {
            let found = Found::soft(application, application.place.line);
            edges.state_to(found, RelationType::Contains, object.id.clone(), because);
        } else if let Some(folder) = folders.iter().find(|folder| folder.has(&object.place.file)) {
            let found = Found::soft(application, folder.line);
            edges.state_to(found, RelationType::Contains, object.id.clone(), "file in source.path");
        }
    }
}

fn is_own_cluster(destination: &Node) -> bool {
    let server = destination.text_at(&["server"]);
    let name = destination.text_at(&["name"]);
    server.is_some_and(|server| server.trim_end_matches('/') == OWN_SERVER) || name == Some(OWN_CLUSTER)
}

/// How the object says that it belongs to the application. A tracking id also names the object it is for, because the
/// annotation gets copied along; one for another object says nothing.
fn tracked(object: &Object, application: &Object) -> Option<&'static str> {
    let is_tracked =
        object.annotation(TRACKING_ID).and_then(|id| id.split_once(':')).is_some_and(|(name, of)| {
            let name = name.rsplit_once('_').map_or(name, |(_, name)| name);
            let own = format!("/{}:{}/{}", object.kind, object.namespace, object.name);
            name == application.name && format!("/{of}").ends_with(&own)
        });
    let is_labelled = || {
        let mut labels = object.labels().iter();
        labels.any(|(key, value)| key.text == INSTANCE && value.text() == Some(application.name.as_str()))
    };
    if is_tracked {
        Some("tracking-id on the object")
    } else if is_labelled() {
        Some("instance label on the object")
    } else {
        None
    }
}

/// The folder of manifests that an application deploys.
struct Folder<'a> {
    path: &'a str,
    is_recursive: bool,
    line: u32,
}

impl<'a> Folder<'a> {
    /// Charts and overlays are rendered, so the files in their folders are not what gets deployed.
    fn of(source: &'a Node) -> Option<Self> {
        let (path, line) = named(source, "path")?;
        let path = path.trim_start_matches("./").trim_matches('/');
        let is_rendered = source.get("helm").is_some() || source.get("kustomize").is_some();
        let is_recursive = source.get("directory").is_some_and(|directory| directory.says("recurse"));
        (!path.is_empty() && path != "." && !is_rendered).then_some(Self { path, is_recursive, line })
    }

    fn has(&self, file: &str) -> bool {
        let Some((folder, _)) = file.rsplit_once('/') else { return false };
        let (folder, path) = (format!("/{folder}/"), format!("/{}/", self.path));
        if self.is_recursive { folder.contains(&path) } else { folder.ends_with(&path) }
    }
}
