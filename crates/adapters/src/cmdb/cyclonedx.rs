//! CycloneDX in JSON: components, services and what depends on what.
//!
//! An item's id is the package URL without version and qualifiers, so that a new version is not a new item; what has no
//! package URL has its group and name. Versions are attributes.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::Strength;
use domain::cmdb::{CiType, RelationType, SourceName};
use domain::id::CiName;

use super::Imported;
use super::draft::{Draft, Drafts, Place};
use super::files::SourceFile;
use super::node::{self, Node};

const FORMAT: &str = "CycloneDX";
const WRITE_JSON: &str = "write a bill of materials in CycloneDX's JSON form";
/// Most versions of one component that are kept.
const VERSIONS_MAX: usize = 16;

/// Reads all bills of materials.
pub(super) fn read(source: &SourceName, files: &[SourceFile], imported: &mut Imported) {
    let mut bill = Bill::default();
    for file in files {
        match node::json(&file.text) {
            Ok(node) if node.text_at(&["bomFormat"]) == Some(FORMAT) => {
                bill.take(&node, &file.path, imported)
            }
            Ok(node) => {
                let problem =
                    Place::new(&file.path, node.line).problem("`bomFormat` is not `CycloneDX`", WRITE_JSON);
                imported.report(problem);
            }
            Err(error) => imported.report(Place::new(&file.path, error.line).problem(error.what, WRITE_JSON)),
        }
    }
    let mut drafts = Drafts::default();
    for (_, Component { mut draft, versions }) in bill.components {
        draft.attribute("versions", &versions.into_iter().take(VERSIONS_MAX).collect::<Vec<_>>().join(", "));
        drafts.add(draft, imported);
    }
    drafts.finish(source, imported);
}

/// One component with all its versions.
struct Component {
    draft: Draft,
    versions: BTreeSet<String>,
}

#[derive(Default)]
struct Bill {
    components: BTreeMap<CiName, Component>,
}

impl Bill {
    fn take(&mut self, node: &Node, file: &str, imported: &mut Imported) {
        // References are unique within one file.
        let mut by_ref = BTreeMap::new();
        let root = node.at(&["metadata", "component"]);
        let lists = ["components", "services"].map(|list| node.list_at(&[list]));
        for component in root.into_iter().chain(lists.into_iter().flatten()) {
            self.component(component, None, file, &mut by_ref, imported);
        }
        for dependency in node.list_at(&["dependencies"]) {
            let from = dependency.text_at(&["ref"]).unwrap_or_default();
            let Some(from) = by_ref.get(from).cloned() else {
                let what = "`ref` of a dependency names no component of the file";
                imported.report(
                    Place::new(file, dependency.line)
                        .problem(what, "its relations are left out: list the component"),
                );
                continue;
            };
            for to in dependency.list_at(&["dependsOn"]) {
                let to_id = to.text().and_then(|name| by_ref.get(name).cloned().or_else(|| unlisted(name)));
                if let (Some(to_id), Some(component)) = (to_id, self.components.get_mut(&from)) {
                    let because = format!("dependsOn (line {})", to.line);
                    component.draft.relate(RelationType::DependsOn, to_id, Strength::Hard, &because);
                }
            }
        }
    }

    /// Takes a component in, and those inside of it.
    fn component(
        &mut self,
        node: &Node,
        parent: Option<&CiName>,
        file: &str,
        by_ref: &mut BTreeMap<String, CiName>,
        imported: &mut Imported,
    ) {
        let place = Place::new(file, node.line);
        let Some(id) = id(node) else {
            imported.report(
                place.problem(
                    "a component has neither a package URL nor a name that makes an id",
                    "give it one",
                ),
            );
            return;
        };
        if let Some(reference) = node.text_at(&["bom-ref"]) {
            by_ref.insert(reference.to_owned(), id.clone());
        }
        let component =
            self.components.entry(id.clone()).or_insert_with(|| describe(node, id.clone(), place));
        if let Some(version) = node.text_at(&["version"]) {
            component.versions.insert(version.to_owned());
        }
        if let Some(parent) = parent.and_then(|parent| self.components.get_mut(parent)) {
            let because = format!("components (line {})", node.line);
            parent.draft.relate(RelationType::Contains, id.clone(), Strength::Hard, &because);
        }
        for list in ["components", "services"] {
            for inner in node.list_at(&[list]) {
                self.component(inner, Some(&id), file, by_ref, imported);
            }
        }
    }
}

fn describe(node: &Node, id: CiName, place: Place) -> Component {
    let kind = node.text_at(&["type"]).unwrap_or("service");
    let ci_type = match kind {
        "application" | "service" => CiType::Service,
        "library" | "framework" => CiType::Component,
        "container" => CiType::Artifact,
        "device" => CiType::Host,
        "platform" => CiType::Cluster,
        _ => CiType::Other,
    };
    let mut draft = Draft::new(id, ci_type, place);
    draft.attribute("kind", kind);
    draft.attribute("name", node.text_at(&["name"]).unwrap_or_default());
    Component { draft, versions: BTreeSet::new() }
}

fn id(node: &Node) -> Option<CiName> {
    if let Some(id) = node.text_at(&["purl"]).and_then(package) {
        return Some(id);
    }
    let name = node.text_at(&["name"])?;
    match node.text_at(&["group"]).filter(|group| !group.is_empty()) {
        Some(group) => CiName::new(format!("{group}/{name}")).ok(),
        None => CiName::new(name).ok(),
    }
}

/// What a dependency leads to that the file does not list: a package URL tells what it is, another reference does not.
fn unlisted(reference: &str) -> Option<CiName> {
    if reference.starts_with("pkg:") { package(reference) } else { CiName::new(reference).ok() }
}

/// A package URL without version, qualifiers and path inside.
fn package(purl: &str) -> Option<CiName> {
    let end = purl.find(['?', '#']).unwrap_or(purl.len());
    let rest = purl.get(..end)?;
    // A scope such as `@angular` is written as `%40angular`, so an `@` after the last slash begins the version.
    let slash = rest.rfind('/')?;
    let end = rest.get(slash..)?.find('@').map_or(rest.len(), |at| slash + at);
    CiName::new(rest.get(..end)?).ok()
}
