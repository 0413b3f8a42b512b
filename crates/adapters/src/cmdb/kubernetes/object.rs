//! One object of a cluster.

use domain::cmdb::CiType;
use domain::id::CiName;

use super::super::draft::Place;
use super::super::node::{Key, Node};
use super::kinds;
use crate::text::clipped;

/// The namespace of what has none.
pub(super) const NO_NAMESPACE: &str = "default";
/// How much of a kind a message repeats, in characters.
const KIND_SHOWN_CHARS: usize = 60;

/// An object with its identity and its document.
#[derive(Debug)]
pub(in super::super) struct Object {
    pub(super) id: CiName,
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) api_version: String,
    pub(super) namespace: String,
    /// Whether the object names its namespace itself.
    pub(super) is_placed: bool,
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

/// Why a document is not an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum NotAnObject {
    /// It is something else, such as the values of a chart.
    Foreign,
    /// It is meant as one, but lacks something; says what and what to do.
    Incomplete { line: u32, what: String, next_step: &'static str },
}

/// An id for a reference; nothing when one of the parts cannot be part of an id.
pub(super) fn id(kind: &str, namespace: &str, name: &str) -> Option<CiName> {
    let is_part = |part: &str| !part.is_empty() && !part.contains('/');
    if !(is_part(kind) && is_part(namespace) && is_part(name)) {
        return None;
    }
    CiName::new(format!("{kind}/{namespace}/{name}")).ok()
}

impl Object {
    /// Takes a document as an object. Of the items of a list of one kind, the list says version and kind: the items need
    /// not, and where only their metadata was asked for, they say something else.
    pub(in super::super) fn new(
        node: Node,
        file: &str,
        listed_as: Option<(&str, &str)>,
    ) -> Result<Self, NotAnObject> {
        let own = || Some((node.text_at(&["apiVersion"])?, node.text_at(&["kind"])?));
        let Some((api_version, kind)) = listed_as.or_else(own) else { return Err(NotAnObject::Foreign) };
        let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
        let Some(name) = node.text_at(&["metadata", "name"]).map(str::to_owned) else {
            return Err(nameless(&node, &kind));
        };
        let group = api_version.split_once('/').map_or("", |(group, _)| group).to_owned();
        let given = node.text_at(&["metadata", "namespace"]).filter(|given| !given.is_empty());
        let given = given.filter(|_| !kinds::is_cluster_wide(&group, &kind)).map(str::to_owned);
        let is_placed = given.is_some();
        let namespace = given.unwrap_or_else(|| NO_NAMESPACE.to_owned());
        let Some(id) = id(&kind, &namespace, &name) else {
            let line = node.at(&["metadata", "name"]).map_or(node.line, |name| name.line);
            let what =
                format!("kind, namespace and name of the {} make no id", clipped(&kind, KIND_SHOWN_CHARS));
            return Err(NotAnObject::Incomplete {
                line,
                what,
                next_step: "write names that Kubernetes accepts",
            });
        };
        let place = Place::new(file, node.line);
        Ok(Self { id, group, kind, api_version, namespace, is_placed, name, place, node })
    }

    pub(super) fn ci_type(&self) -> CiType {
        kinds::ci_type(&self.group, &self.kind)
    }

    /// Whether it is of this kind of this group; the core group is the empty one.
    pub(super) fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    pub(super) fn labels(&self) -> &[(Key, Node)] {
        self.node.entries_at(&["metadata", "labels"])
    }

    pub(super) fn annotations(&self) -> &[(Key, Node)] {
        self.node.entries_at(&["metadata", "annotations"])
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.node.text_at(&["metadata", "annotations", key])
    }

    pub(super) fn spec(&self, path: &[&str]) -> Option<&Node> {
        self.node.get("spec").and_then(|spec| spec.at(path))
    }

    pub(super) fn spec_text(&self, path: &[&str]) -> Option<&str> {
        self.spec(path).and_then(Node::text)
    }

    pub(super) fn spec_list(&self, path: &[&str]) -> &[Node] {
        self.spec(path).map_or(&[], Node::list)
    }

    /// The description of its pods, with their metadata beside it.
    pub(super) fn pod_template(&self) -> Option<&Node> {
        let template = match self.kind.as_str() {
            "Pod" => Some(&self.node),
            "CronJob" => self.spec(&["jobTemplate", "spec", "template"]),
            _ => self.spec(&["template"]),
        };
        template.filter(|template| template.at(&["spec", "containers"]).is_some())
    }

    pub(super) fn pod_labels(&self) -> &[(Key, Node)] {
        self.pod_template().map_or(&[], |template| template.entries_at(&["metadata", "labels"]))
    }

    /// The objects that it belongs to, as kind and name with their lines.
    pub(super) fn owners(&self) -> impl Iterator<Item = (&str, &str, u32)> {
        let owners = self.node.list_at(&["metadata", "ownerReferences"]).iter();
        owners.filter_map(|owner| Some((owner.text_at(&["kind"])?, owner.text_at(&["name"])?, owner.line)))
    }
}

fn nameless(node: &Node, kind: &str) -> NotAnObject {
    // A kustomization is for a tool; it never reaches the cluster.
    if kind == "Kustomization" || node.get("metadata").is_none() {
        return NotAnObject::Foreign;
    }
    let what = "the object has no `metadata.name`".to_owned();
    let next_step = "name it; objects with generated names come and go with a run and are no items";
    NotAnObject::Incomplete { line: node.line, what, next_step }
}
