//! Objects from files.

use super::super::draft::Place;
use super::super::files::SourceFile;
use super::super::node::{self, Node, Value};
use super::super::{Imported, Problem};
use super::object::{NotAnObject, Object};

/// Deepest nesting of lists in lists.
const LIST_DEPTH_MAX: usize = 4;
const RENDER_FIRST: &str = "render it first, for example with `helm template`, and import the output";

/// The objects of a file. What is not an object is counted or reported.
pub(super) fn objects(file: &SourceFile, imported: &mut Imported) -> Vec<Object> {
    let mut reader = Reader { file, imported, objects: Vec::new() };
    if is_json(file) {
        reader.json();
    } else {
        reader.yaml();
    }
    reader.objects
}

/// JSON is told by the file's name, or by how it begins; two braces are how a template begins.
fn is_json(file: &SourceFile) -> bool {
    let text = file.text.trim_start();
    file.path.ends_with(".json")
        || text.starts_with('[')
        || (text.starts_with('{') && !text.starts_with("{{"))
}

struct Reader<'a> {
    file: &'a SourceFile,
    imported: &'a mut Imported,
    objects: Vec<Object>,
}

impl Reader<'_> {
    fn json(&mut self) {
        match node::json(&self.file.text) {
            Ok(node) => self.take(node, None, 0),
            Err(error) if self.file.path.ends_with(".json") => {
                self.report(error.line, error.what, "correct it, or leave the file out");
            }
            // What begins like JSON may be YAML in its compact form.
            Err(_) => self.yaml(),
        }
    }

    fn yaml(&mut self) {
        for document in node::documents(&self.file.text) {
            match (document.read(), document.template()) {
                (Ok(node), _) => self.take(node, None, 0),
                (Err(_), Some(line)) => {
                    self.report(line, "a template, not a manifest".to_owned(), RENDER_FIRST);
                }
                (Err(error), None) => {
                    let next_step = "correct it; the other documents of the file are imported";
                    self.report(error.line, error.what, next_step);
                }
            }
        }
    }

    /// Takes a document in: an object, or a list of them.
    fn take(&mut self, node: Node, listed_as: Option<(&str, &str)>, depth: usize) {
        if depth > LIST_DEPTH_MAX {
            let what = format!("lists are nested deeper than {LIST_DEPTH_MAX} levels");
            return self.report(node.line, what, "write one list");
        }
        let item_kind = item_kind(&node);
        let api_version = node.text_at(&["apiVersion"]).unwrap_or_default().to_owned();
        match node.value {
            Value::List(items) => items.into_iter().for_each(|item| self.take(item, None, depth + 1)),
            Value::Map(entries) if item_kind.is_some() => {
                let listed_as = item_kind
                    .as_deref()
                    .filter(|kind| !kind.is_empty())
                    .map(|kind| (api_version.as_str(), kind));
                let items = entries.into_iter().find(|(key, _)| key.text == "items").map(|(_, items)| items);
                if let Some(Node { value: Value::List(items), .. }) = items {
                    items.into_iter().for_each(|item| self.take(item, listed_as, depth + 1));
                }
            }
            value @ (Value::Null | Value::Text { .. } | Value::Map(_)) => {
                self.object(Node { line: node.line, value }, listed_as);
            }
        }
    }

    fn object(&mut self, node: Node, listed_as: Option<(&str, &str)>) {
        if let Some(line) = templated(&node) {
            return self.report(line, "a template, not a manifest".to_owned(), RENDER_FIRST);
        }
        match Object::new(node, &self.file.path, listed_as) {
            Ok(object) => self.objects.push(object),
            Err(NotAnObject::Foreign) => self.imported.skipped.no_item += 1,
            Err(NotAnObject::Incomplete { line, what, next_step }) => self.report(line, what, next_step),
        }
    }

    fn report(&mut self, line: u32, what: String, next_step: &str) {
        let problem: Problem = Place::new(&self.file.path, line).problem(what, next_step);
        self.imported.report(problem);
    }
}

/// For a list: the kind of its items, empty when they say it themselves.
fn item_kind(node: &Node) -> Option<String> {
    let kind = node.text_at(&["kind"])?.strip_suffix("List")?;
    let is_list = node.text_at(&["metadata", "name"]).is_none()
        && matches!(node.get("items").map(|items| &items.value), Some(Value::List(_)));
    is_list.then(|| kind.to_owned())
}

/// The line of a template's braces in what identifies an object. Elsewhere they may be meant: an Argo CD
/// ApplicationSet and many configuration files have templates of their own.
fn templated(node: &Node) -> Option<u32> {
    let identity: [&[&str]; 4] =
        [&["kind"], &["apiVersion"], &["metadata", "name"], &["metadata", "namespace"]];
    let parts = identity.iter().filter_map(|path| node.at(path));
    parts.filter(|part| part.text().is_some_and(|text| text.contains("{{"))).map(|part| part.line).next()
}
