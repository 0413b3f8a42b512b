//! A Backstage catalog: components, APIs, resources, systems and domains from `catalog-info.yaml` files.
//!
//! An entity's id is its reference in full, as Backstage writes it: `component:default/cart`. A component that consumes an
//! API connects to it; an API depends on the component that provides it; systems and domains contain their parts. Groups
//! and users own things and are none themselves.

use domain::catalog::Strength;
use domain::cmdb::{CiType, Lifecycle, RelationType, SourceName};
use domain::id::CiName;
use domain::text::FreeText;

use super::draft::{Draft, Drafts, Place};
use super::files::SourceFile;
use super::node::{self, Node};
use super::{Imported, marks};

const GROUP: &str = "backstage.io/";
const DEFAULT_NAMESPACE: &str = "default";
/// Kinds that describe no item: people, and what Backstage itself needs.
const NO_ITEMS: [&str; 4] = ["group", "user", "location", "template"];

/// The name of an entity, in lower case as Backstage compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EntityRef {
    kind: String,
    namespace: String,
    name: String,
}

impl EntityRef {
    /// Reads `[kind:][namespace/]name`, with what is left out taken from the surroundings.
    fn parse(text: &str, kind: &str, namespace: &str) -> Self {
        let text = text.to_lowercase();
        let (kind, rest) = text.split_once(':').unwrap_or((kind, &text));
        let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
        Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    fn id(&self) -> Option<CiName> {
        let Self { kind, namespace, name } = self;
        let is_whole = ![kind, namespace, name].iter().any(|part| part.is_empty() || part.contains('/'));
        if is_whole { CiName::new(format!("{kind}:{namespace}/{name}")).ok() } else { None }
    }
}

/// One entity with its document.
struct Entity {
    name: EntityRef,
    id: CiName,
    place: Place,
    node: Node,
}

/// Reads the entities of all files.
pub(super) fn read(source: &SourceName, files: &[SourceFile], imported: &mut Imported) {
    let mut entities = Vec::new();
    for file in files {
        for document in node::documents(&file.text) {
            match document.read() {
                Ok(node) => entities.extend(entity(node, &file.path, imported)),
                Err(error) => {
                    let next_step = "correct it; the other documents of the file are imported";
                    imported.report(Place::new(&file.path, error.line).problem(error.what, next_step));
                }
            }
        }
    }
    let mut drafts = Drafts::default();
    for entity in &entities {
        let draft = describe(entity, imported);
        drafts.add(draft, imported);
    }
    for entity in &entities {
        Relations { entity, drafts: &mut drafts, imported }.state();
    }
    drafts.finish(source, imported);
}

fn entity(node: Node, file: &str, imported: &mut Imported) -> Option<Entity> {
    let kind = node.text_at(&["kind"]).unwrap_or_default().to_lowercase();
    let is_ours = node.text_at(&["apiVersion"]).is_some_and(|version| version.starts_with(GROUP));
    if !is_ours || NO_ITEMS.contains(&kind.as_str()) {
        imported.skipped.no_item += 1;
        return None;
    }
    let place = Place::new(file, node.line);
    let namespace = node.text_at(&["metadata", "namespace"]).unwrap_or(DEFAULT_NAMESPACE).to_lowercase();
    let name = node.text_at(&["metadata", "name"]).unwrap_or_default().to_lowercase();
    let name = EntityRef { kind, namespace, name };
    let Some(id) = name.id() else {
        let what = "`kind`, `metadata.namespace` and `metadata.name` make no id";
        imported
            .report(place.problem(what, "write names that Backstage accepts: letters, digits, - _ and ."));
        return None;
    };
    Some(Entity { name, id, place, node })
}

fn describe(entity: &Entity, imported: &mut Imported) -> Draft {
    let node = &entity.node;
    let spec_type = node.text_at(&["spec", "type"]).unwrap_or_default();
    let ci_type = ci_type(&entity.name.kind, spec_type);
    let mut draft = Draft::new(entity.id.clone(), ci_type, entity.place.clone());
    let lifecycle = node.text_at(&["spec", "lifecycle"]).unwrap_or_default();
    if lifecycle.eq_ignore_ascii_case("deprecated") {
        draft.lifecycle = Lifecycle::Deprecated;
    }
    draft.attribute("kind", node.text_at(&["kind"]).unwrap_or_default());
    draft.attribute("name", &entity.name.name);
    draft.attribute("spec_type", spec_type);
    draft.attribute("lifecycle", lifecycle);
    draft.attribute("title", node.text_at(&["metadata", "title"]).unwrap_or_default());
    if let Some(owner) = node.text_at(&["spec", "owner"]) {
        let owner = EntityRef::parse(owner, "group", DEFAULT_NAMESPACE);
        let is_plain = owner.kind == "group" && owner.namespace == DEFAULT_NAMESPACE;
        let shown =
            if is_plain { owner.name } else { format!("{}:{}/{}", owner.kind, owner.namespace, owner.name) };
        draft.owner = FreeText::title(shown).ok();
    }
    if let Some(annotations) = node.at(&["metadata", "annotations"]) {
        marks::take(annotations, &mut draft, imported);
    }
    draft
}

fn ci_type(kind: &str, spec_type: &str) -> CiType {
    match (kind, spec_type.to_lowercase().as_str()) {
        ("component", "service" | "website" | "backend" | "frontend") => CiType::Service,
        ("component", "library") => CiType::Component,
        ("component", "job" | "batch" | "pipeline") => CiType::Job,
        ("component", "function" | "lambda") => CiType::Function,
        ("api", _) => CiType::Endpoint,
        ("resource", "database" | "cache") => CiType::Database,
        ("resource", "queue" | "topic" | "stream" | "kafka-topic") => CiType::Queue,
        ("resource", "s3-bucket" | "bucket" | "storage" | "volume") => CiType::Storage,
        ("resource", "cluster" | "kubernetes-cluster") => CiType::Cluster,
        ("resource", "host" | "vm" | "server") => CiType::Host,
        ("resource", "network") => CiType::Network,
        // A system or a domain groups services; it is consumed through them.
        _ => CiType::Other,
    }
}

/// States what one entity says.
struct Relations<'a> {
    entity: &'a Entity,
    drafts: &'a mut Drafts,
    imported: &'a mut Imported,
}

impl Relations<'_> {
    fn state(&mut self) {
        for (other, line) in self.named("dependsOn", "component") {
            self.says(RelationType::DependsOn, other, "dependsOn", line);
        }
        for (other, line) in self.named("consumesApis", "api") {
            self.says(RelationType::ConnectsTo, other, "consumesApis", line);
        }
        for (other, line) in self.named("providesApis", "api") {
            if self.drafts.contains(&other) {
                self.says_of(&other, RelationType::DependsOn, "providesApis", line);
            } else {
                // An API that is not in the import can say nothing; so that it is seen, its component does.
                self.says(RelationType::Contains, other, "providesApis", line);
            }
        }
        let outward = [
            ("dependencyOf", "component", RelationType::DependsOn),
            ("subcomponentOf", "component", RelationType::Contains),
            ("system", "system", RelationType::Contains),
            ("domain", "domain", RelationType::Contains),
            ("subdomainOf", "domain", RelationType::Contains),
            ("partOf", "system", RelationType::Contains),
        ];
        for (field, kind, relation_type) in outward {
            for (other, line) in self.named(field, kind) {
                self.is_said_by(&other, relation_type, field, line);
            }
        }
    }

    /// The entities that a field of `spec` names, one or several, with their lines.
    fn named(&mut self, field: &str, kind: &str) -> Vec<(CiName, u32)> {
        let Some(value) = self.entity.node.at(&["spec", field]) else { return Vec::new() };
        let one = std::iter::once(value).filter(|value| value.text().is_some());
        let mut named = Vec::new();
        for reference in one.chain(value.list()) {
            let parsed =
                reference.text().map(|text| EntityRef::parse(text, kind, &self.entity.name.namespace));
            match parsed.and_then(|parsed| parsed.id()) {
                Some(id) => named.push((id, reference.line)),
                None => {
                    let place = Place::new(&self.entity.place.file, reference.line);
                    let what = format!("an entry of `spec.{field}` is no entity reference");
                    self.imported.report(
                        place.problem(
                            what,
                            "write `kind:namespace/name`, for example `component:default/cart`",
                        ),
                    );
                }
            }
        }
        named
    }

    fn says(&mut self, relation_type: RelationType, other: CiName, field: &str, line: u32) {
        if let Some(draft) = self.drafts.get_mut(&self.entity.id) {
            draft.relate(relation_type, other, Strength::Hard, &format!("{field} (line {line})"));
        }
    }

    /// Another entity of the import leans on this one.
    fn says_of(&mut self, other: &CiName, relation_type: RelationType, field: &str, line: u32) {
        let because = format!("{field} of {} ({}:{line})", self.entity.id, self.entity.place.file);
        if let Some(draft) = self.drafts.get_mut(other) {
            draft.relate(relation_type, self.entity.id.clone(), Strength::Hard, &because);
        }
    }

    fn is_said_by(&mut self, other: &CiName, relation_type: RelationType, field: &str, line: u32) {
        if self.drafts.contains(other) {
            return self.says_of(other, relation_type, field, line);
        }
        let what = format!("`spec.{field}` names `{other}`, which is not in the import");
        let place = Place::new(&self.entity.place.file, line);
        self.imported.report(place.problem(what, "the relation is left out: import its file, too"));
    }
}
