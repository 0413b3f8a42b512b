//! All objects of an import at once, so that one can be found from another.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::CiName;

use super::names::{Host, Position, hosts_in};
use super::object::{NO_NAMESPACE, Object, id};
use super::selector::Selector;

/// A Service that some text names, and where.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub(super) service: CiName,
    /// The entry of the ConfigMap.
    pub(super) key: String,
    pub(super) line: u32,
}

/// The objects and what is looked up in them.
#[derive(Debug)]
pub(super) struct World {
    objects: Vec<Object>,
    controlled: Vec<Object>,
    by_id: BTreeMap<CiName, usize>,
    namespaces: BTreeSet<String>,
    /// Objects with pods, by a label of the pods.
    by_pod_label: BTreeMap<(String, String, String), Vec<usize>>,
    with_pods: BTreeMap<String, Vec<usize>>,
    mentions: BTreeMap<CiName, Vec<Mention>>,
}

impl World {
    pub(super) fn new(objects: Vec<Object>) -> Self {
        let (controlled, objects) = super::controlled::split(objects);
        let mut world = Self {
            by_id: objects.iter().enumerate().map(|(at, object)| (object.id.clone(), at)).collect(),
            namespaces: namespaces(&objects),
            by_pod_label: BTreeMap::new(),
            with_pods: BTreeMap::new(),
            mentions: BTreeMap::new(),
            objects,
            controlled,
        };
        world.index_pods();
        world.mentions = world.read_configuration();
        world
    }

    /// Every object, in order; of several with one id, all.
    pub(super) fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Every object; of several with one id, the last.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Object> {
        self.objects
            .iter()
            .enumerate()
            .filter(|(at, object)| self.is_latest(*at, object))
            .map(|(_, object)| object)
    }

    fn is_latest(&self, at: usize, object: &Object) -> bool {
        self.by_id.get(&object.id) == Some(&at)
    }

    /// Objects that a controller makes and replaces; they are no items.
    pub(super) fn controlled(&self) -> &[Object] {
        &self.controlled
    }

    pub(super) fn controlled_count(&self) -> usize {
        self.controlled.len()
    }

    pub(super) fn get(&self, id: &CiName) -> Option<&Object> {
        self.by_id.get(id).and_then(|at| self.objects.get(*at))
    }

    pub(super) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        self.get(&id(kind, namespace, name)?)
    }

    /// The Services that the entries of a ConfigMap name.
    pub(super) fn mentions(&self, config_map: &CiName) -> &[Mention] {
        self.mentions.get(config_map).map_or(&[], Vec::as_slice)
    }

    /// The objects of a namespace whose pods have the labels.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector<'_>) -> Vec<&Object> {
        let with_label = |(key, value): (&str, &str)| {
            let label = (namespace.to_owned(), key.to_owned(), value.to_owned());
            self.by_pod_label.get(&label).map_or(&[][..], Vec::as_slice)
        };
        // Of several labels the rarest one leaves the least to look at.
        let rarest = selector.certain().map(with_label).min_by_key(|with_label| with_label.len());
        let all = || self.with_pods.get(namespace).map_or(&[][..], Vec::as_slice);
        let candidates = rarest.unwrap_or_else(all).iter();
        let objects = candidates.filter_map(|at| self.objects.get(*at));
        objects.filter(|object| selector.matches(object.pod_labels())).collect()
    }

    /// The Service that a host name stands for, seen from a namespace. A full name is believed; a shorter one only
    /// where it is plainly a host, and its Service or at least its namespace is in the import.
    pub(super) fn service(&self, host: &Host<'_>, from_namespace: &str) -> Option<CiName> {
        match host.namespace {
            Some(namespace) if host.is_full => id("Service", namespace, host.name),
            Some(namespace) => {
                let is_known = self.namespaces.contains(namespace);
                id("Service", namespace, host.name).filter(|_| is_known)
            }
            None => {
                let service = self.find("Service", from_namespace, host.name)?;
                let is_meant = match host.position {
                    Position::Authority => true,
                    Position::BeforePort(port) => has_port(service, port),
                };
                is_meant.then(|| service.id.clone())
            }
        }
    }

    /// Whether the pods behind a Service are those of this object and no others.
    pub(super) fn is_own_service(&self, service: &CiName, object: &Object) -> bool {
        let selector =
            self.get(service).and_then(|service| service.spec(&["selector"])).and_then(Selector::plain);
        let selected =
            selector.map(|selector| self.selected(&object.namespace, &selector)).unwrap_or_default();
        matches!(selected.as_slice(), [only] if only.id == object.id)
    }

    fn index_pods(&mut self) {
        for (at, object) in self.objects.iter().enumerate() {
            if !self.is_latest(at, object) || object.pod_template().is_none() {
                continue;
            }
            self.with_pods.entry(object.namespace.clone()).or_default().push(at);
            for (key, value) in object.pod_labels() {
                let value = value.text().unwrap_or_default().to_owned();
                let label = (object.namespace.clone(), key.text.clone(), value);
                self.by_pod_label.entry(label).or_default().push(at);
            }
        }
    }

    fn read_configuration(&self) -> BTreeMap<CiName, Vec<Mention>> {
        let mut mentions = BTreeMap::new();
        for object in self.latest().filter(|object| object.is("", "ConfigMap")) {
            let mut found = Vec::new();
            for (key, value) in object.node.entries_at(&["data"]) {
                for host in hosts_in(value.text().unwrap_or_default()) {
                    let Some(service) = self.service(&host, &object.namespace) else { continue };
                    let (key, line) = (key.text.clone(), key.line);
                    found.push(Mention { service, key, line });
                }
            }
            mentions.insert(object.id.clone(), found);
        }
        mentions
    }
}

fn has_port(service: &Object, port: u16) -> bool {
    let port = port.to_string();
    service.spec_list(&["ports"]).iter().any(|entry| entry.text_at(&["port"]) == Some(port.as_str()))
}

fn namespaces(objects: &[Object]) -> BTreeSet<String> {
    let placed = objects.iter().filter(|object| object.is_placed).map(|object| object.namespace.clone());
    let declared =
        objects.iter().filter(|object| object.is("", "Namespace")).map(|object| object.name.clone());
    placed.chain(declared).chain([NO_NAMESPACE.to_owned()]).collect()
}
