//! What an object says of itself: type, owner, tier, environment and attributes.

use domain::id::EnvironmentName;
use domain::text::FreeText;

use super::super::Imported;
use super::super::draft::Draft;
use super::super::marks;
use super::super::node::{Key, Node};
use super::edges::Implied;
use super::kinds;
use super::object::Object;

const CORE_GROUP: &str = "";
/// Labels that become attributes, besides all under `app.kubernetes.io/`.
const LABELS: [&str; 4] = ["app", "tier", "version", "component"];
const LABEL_PREFIX: &str = "app.kubernetes.io/";
const OWNER_WORDS: [&str; 2] = ["owner", "team"];
const ENVIRONMENT_WORDS: [&str; 2] = ["environment", "env"];
/// Most images, ports and hosts that an attribute lists.
const LISTED_MAX: usize = 16;

/// The item of an object, without relations.
pub(super) fn describe(object: &Object, imported: &mut Imported) -> Draft {
    let mut draft = Draft::new(object.id.clone(), object.ci_type(), object.place.clone());
    draft.attribute("kind", &object.kind);
    draft.attribute("api_version", &object.api_version);
    if object.is_placed {
        draft.attribute("namespace", &object.namespace);
    }
    for (key, value) in object.labels() {
        if LABELS.contains(&key.text.as_str()) || key.text.starts_with(LABEL_PREFIX) {
            draft.attribute(&key.text, value.text().unwrap_or_default());
        }
    }
    particulars(object, &mut draft);
    draft.owner = said(object, &OWNER_WORDS).and_then(|owner| FreeText::title(owner).ok());
    draft.environment = said(object, &ENVIRONMENT_WORDS).and_then(|name| EnvironmentName::new(name).ok());
    if let Some(annotations) = object.node.at(&["metadata", "annotations"]) {
        marks::take(annotations, &mut draft, imported);
    }
    draft
}

/// The item of something that the objects imply.
pub(super) fn implied(implied: Implied) -> Draft {
    let Implied { id, kind, place, made_by } = implied;
    let mut draft = Draft::new(id, kinds::ci_type(CORE_GROUP, kind), place);
    draft.attribute("kind", kind);
    draft.attribute("made_by", made_by.as_str());
    draft
}

/// What only some kinds say.
fn particulars(object: &Object, draft: &mut Draft) {
    let settings: [(&str, &[&str]); 8] = [
        ("replicas", &["replicas"]),
        ("schedule", &["schedule"]),
        ("service_type", &["type"]),
        ("external_name", &["externalName"]),
        ("storage_class", &["storageClassName"]),
        ("storage", &["resources", "requests", "storage"]),
        ("ingress_class", &["ingressClassName"]),
        ("git_path", &["source", "path"]),
    ];
    for (name, path) in settings {
        let is_meant = name != "service_type" || object.is("", "Service");
        if let Some(value) = object.spec_text(path).filter(|_| is_meant) {
            draft.attribute(name, value);
        }
    }
    let containers = object.pod_template().map_or(&[][..], |pod| pod.list_at(&["spec", "containers"]));
    listed(draft, "images", containers.iter().filter_map(|container| container.text_at(&["image"])));
    let ports = object.spec_list(&["ports"]).iter().filter(|_| object.is("", "Service"));
    listed(draft, "ports", ports.filter_map(|port| port.text_at(&["port"])));
    let rules = object.spec_list(&["rules"]).iter();
    listed(draft, "hosts", rules.filter_map(|rule| rule.text_at(&["host"])));
}

fn listed<'a>(draft: &mut Draft, name: &str, values: impl Iterator<Item = &'a str>) {
    draft.attribute(name, &values.take(LISTED_MAX).collect::<Vec<_>>().join(", "));
}

/// What annotations or else labels say under one of the words, also with a prefix such as `example.com/`.
fn said<'a>(object: &'a Object, words: &[&str]) -> Option<&'a str> {
    let is_meant = |(key, _): &&(Key, Node)| {
        let word = key.text.rsplit_once('/').map_or(key.text.as_str(), |(_, word)| word);
        words.contains(&word)
    };
    let annotated = object.annotations().iter().find(is_meant);
    annotated.or_else(|| object.labels().iter().find(is_meant)).and_then(|(_, value)| value.text())
}
