//! What a pod template says: images, configuration, secrets, volumes, identity, place, and whom its containers call.

use std::collections::BTreeSet;

use domain::cmdb::RelationType;
use domain::id::CiName;

use super::super::draft::Place;
use super::super::node::Node;
use super::edges::{Edges, Found, Target};
use super::images::Image;
use super::names::{Host, hosts_in, hosts_in_value, is_telemetry};
use super::object::{NO_NAMESPACE, Object, id};
use super::world::World;

/// The account of pods that name none; it exists everywhere.
const DEFAULT_ACCOUNT: &str = "default";
const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// States what follows from the pods of an object, when it has some.
pub(super) fn relate(world: &World, object: &Object, edges: &mut Edges) {
    let Some(pod) = object.pod_template().and_then(|template| template.get("spec")) else { return };
    let mut reader = Pods { world, object, edges };
    reader.placement(pod);
    reader.identity(pod);
    for volume in pod.list_at(&["volumes"]) {
        reader.volume(volume);
    }
    for list in CONTAINER_LISTS {
        for container in pod.list_at(&[list]) {
            reader.container(container);
        }
    }
}

/// A ConfigMap that no pod of the import reads says itself whom its text names, so that nothing is lost.
pub(super) fn relate_unread_configuration(world: &World, edges: &mut Edges) {
    let read = edges.read_configuration.clone();
    for object in world.latest().filter(|object| object.is("", "ConfigMap") && !read.contains(&object.id)) {
        for mention in world.mentions(&object.id) {
            let found = Found::hard(object, mention.line);
            let because = format!("data `{}`", mention.key);
            edges.state_to(found, RelationType::ConnectsTo, mention.service.clone(), &because);
        }
    }
}

struct Pods<'a> {
    world: &'a World,
    object: &'a Object,
    edges: &'a mut Edges,
}

impl<'a> Pods<'a> {
    fn placement(&mut self, pod: &'a Node) {
        if self.object.is_placed {
            let line = self
                .object
                .node
                .at(&["metadata", "namespace"])
                .map_or(self.object.place.line, |node| node.line);
            let namespace =
                Target { kind: "Namespace", namespace: NO_NAMESPACE, name: &self.object.namespace };
            let found = Found::hard(self.object, line);
            self.edges.states(found, RelationType::RunsOn, namespace, "metadata.namespace");
        }
        if let Some((name, line)) = named(pod, "nodeName") {
            let node = Target { kind: "Node", namespace: NO_NAMESPACE, name };
            self.edges.states(Found::hard(self.object, line), RelationType::RunsOn, node, "nodeName");
        }
    }

    fn identity(&mut self, pod: &'a Node) {
        if let Some((name, line)) =
            named(pod, "serviceAccountName").filter(|(name, _)| *name != DEFAULT_ACCOUNT)
        {
            self.uses("ServiceAccount", name, Found::hard(self.object, line), "serviceAccountName");
        }
        for secret in pod.list_at(&["imagePullSecrets"]) {
            if let Some((name, line)) = named(secret, "name") {
                self.uses("Secret", name, Found::hard(self.object, line), "imagePullSecrets");
            }
        }
    }

    fn volume(&mut self, volume: &'a Node) {
        let because = format!("volume {}", volume.text_at(&["name"]).unwrap_or("without a name"));
        self.volume_source(volume, &because, "secretName");
        for source in volume.list_at(&["projected", "sources"]) {
            self.volume_source(source, &because, "name");
        }
        if let Some((name, line)) =
            volume.get("persistentVolumeClaim").and_then(|claim| named(claim, "claimName"))
        {
            self.uses("PersistentVolumeClaim", name, Found::hard(self.object, line), &because);
        }
        if let Some(secret) = volume.at(&["csi", "nodePublishSecretRef"]) {
            self.secret(secret, "name", &because);
        }
    }

    fn volume_source(&mut self, source: &'a Node, because: &str, secret_name: &str) {
        if let Some(config_map) = source.get("configMap") {
            let items = config_map.list_at(&["items"]);
            let keys: BTreeSet<&str> = items.iter().filter_map(|item| item.text_at(&["key"])).collect();
            self.config_map(config_map, because, |key| keys.is_empty() || keys.contains(key));
        }
        if let Some(secret) = source.get("secret") {
            self.secret(secret, secret_name, because);
        }
    }

    fn container(&mut self, container: &'a Node) {
        let name = container.text_at(&["name"]).unwrap_or("without a name");
        if let Some((image, line)) = named(container, "image") {
            self.image(image, line, name);
        }
        for source in container.list_at(&["envFrom"]) {
            let because = format!("envFrom of container {name}");
            if let Some(config_map) = source.get("configMapRef") {
                self.config_map(config_map, &because, |_| true);
            }
            if let Some(secret) = source.get("secretRef") {
                self.secret(secret, "name", &because);
            }
        }
        for variable in container.list_at(&["env"]) {
            self.variable(variable, name);
        }
        for field in ["command", "args"] {
            for argument in container.list_at(&[field]) {
                self.argument(argument, field, name);
            }
        }
    }

    fn variable(&mut self, variable: &'a Node, container: &str) {
        let name = variable.text_at(&["name"]).unwrap_or_default();
        let because = format!("env {name} of container {container}");
        if let Some(value) = variable.get("value") {
            let hosts = hosts_in_value(name, value.text().unwrap_or_default());
            let found = Found::hard(self.object, value.line).soft_if(is_telemetry(name));
            self.calls(&hosts, found, &because);
        }
        if let Some(source) = variable.get("valueFrom") {
            if let Some(reference) = source.get("configMapKeyRef") {
                let wanted = reference.text_at(&["key"]);
                self.config_map(reference, &because, |key| wanted == Some(key));
            }
            if let Some(reference) = source.get("secretKeyRef") {
                self.secret(reference, "name", &because);
            }
        }
    }

    fn argument(&mut self, argument: &'a Node, field: &str, container: &str) {
        let text = argument.text().unwrap_or_default();
        // `--redis-host=redis` says by its name what its value is.
        let flag = text.strip_prefix("--").and_then(|flag| flag.split_once('='));
        let (hosts, is_soft) = match flag.filter(|(name, _)| !name.contains(char::is_whitespace)) {
            Some((name, value)) => (hosts_in_value(name, value), is_telemetry(name)),
            None => (hosts_in(text), false),
        };
        let because = format!("{field} of container {container}");
        self.calls(&hosts, Found::hard(self.object, argument.line).soft_if(is_soft), &because);
    }

    fn calls(&mut self, hosts: &[Host<'_>], found: Found<'_>, because: &str) {
        for service in hosts.iter().filter_map(|host| self.world.service(host, &self.object.namespace)) {
            self.call(service, found, because);
        }
    }

    /// States a call, unless a workload names the Service in front of itself: that is how it is called.
    fn call(&mut self, service: CiName, found: Found<'_>, because: &str) {
        if !self.world.is_own_service(&service, self.object) {
            self.edges.state_to(found, RelationType::ConnectsTo, service, because);
        }
    }

    fn image(&mut self, reference: &str, line: u32, container: &str) {
        let image = Image::parse(reference);
        let place = Place::new(&self.object.place.file, line);
        match image.id() {
            Some(id) => {
                let because = format!("image of container {container}");
                self.edges.images.add(&id, &image.version, place);
                self.edges.state_to(Found::hard(self.object, line), RelationType::Uses, id, &because);
            }
            None => {
                let what = format!("the image of container {container} is no image reference");
                self.edges.report(place.problem(what, "the relation is left out: write `registry/name:tag`"));
            }
        }
    }

    /// States that a ConfigMap is read, and whom those of its entries name that are read.
    fn config_map(&mut self, reference: &'a Node, because: &str, is_read: impl Fn(&str) -> bool) {
        let Some((name, line)) = named(reference, "name") else { return };
        let found = Found::hard(self.object, line).soft_if(reference.says("optional"));
        self.uses("ConfigMap", name, found, because);
        let Some(config_map) = id("ConfigMap", &self.object.namespace, name) else { return };
        for mention in self.world.mentions(&config_map).iter().filter(|mention| is_read(&mention.key)) {
            let because = format!("data `{}` of ConfigMap {name}, read by {because}", mention.key);
            self.call(mention.service.clone(), found, &because);
        }
        self.edges.read_configuration.insert(config_map);
    }

    fn secret(&mut self, reference: &'a Node, name_key: &str, because: &str) {
        if let Some((name, line)) = named(reference, name_key) {
            let found = Found::hard(self.object, line).soft_if(reference.says("optional"));
            self.uses("Secret", name, found, because);
        }
    }

    fn uses(&mut self, kind: &str, name: &str, found: Found<'_>, because: &str) {
        let target = Target { kind, namespace: &self.object.namespace, name };
        self.edges.states(found, RelationType::Uses, target, because);
    }
}

/// The text of an entry that is there and not empty, with its line.
pub(super) fn named<'a>(node: &'a Node, key: &str) -> Option<(&'a str, u32)> {
    let entry = node.get(key)?;
    entry.text().filter(|text| !text.is_empty()).map(|text| (text, entry.line))
}
