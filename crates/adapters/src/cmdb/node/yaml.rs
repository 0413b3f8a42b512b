//! YAML: a text is cut into its documents first, so that a broken one leaves the others readable.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use super::{Broken, DEPTH_MAX, Key, NODES_MAX, Node, Value, line_number};
use crate::text::clipped;

/// How much of a wrong key a message repeats, in characters.
const KEY_SHOWN_CHARS: usize = 60;
/// Words that mean nothing at all where they stand unquoted.
const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];

/// One document of a YAML text.
#[derive(Debug)]
pub(in super::super) struct Document<'a> {
    /// The lines before it.
    lines_before: usize,
    text: &'a str,
}

/// The documents of a text, in order. A line that begins with `---` ends a document wherever it stands.
pub(in super::super) fn documents(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut start, mut at, mut lines_before) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line) {
            documents.push(Document { lines_before, text: text.get(start..at).unwrap_or_default() });
            (start, lines_before) = (at, number);
        }
        at += line.len();
    }
    documents.push(Document { lines_before, text: text.get(start..).unwrap_or_default() });
    documents.retain(|document| !document.is_empty());
    documents
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

impl Document<'_> {
    /// The line of its first character that is neither blank nor comment.
    pub(in super::super) fn line(&self) -> u32 {
        let lead = self.text.lines().take_while(|line| is_blank(line)).count();
        line_number(self.lines_before + lead + 1)
    }

    /// The line and text of the first place with a template's braces.
    pub(in super::super) fn template(&self) -> Option<u32> {
        let inside = self.text.lines().position(|line| line.contains("{{"))?;
        Some(line_number(self.lines_before + inside + 1))
    }

    /// Reads it.
    pub(in super::super) fn read(&self) -> Result<Node, Broken> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        let parser = Parser::new_from_str_with_options(self.text, options);
        let mut tree = Tree { lines_before: self.lines_before, ..Tree::default() };
        for event in parser {
            match event {
                Ok((event, span)) => tree.take(event, span)?,
                Err(error) => {
                    let line = line_number(self.lines_before + error.marker().line());
                    return Err(Broken { line, what: format!("not YAML: {}", error.info()) });
                }
            }
        }
        let line = self.line();
        Ok(tree.root.unwrap_or(Node { line, value: Value::Null }))
    }

    fn is_empty(&self) -> bool {
        self.text.lines().all(is_blank)
    }
}

/// Whether a line says nothing: it is blank, a comment, a directive or a bare marker.
fn is_blank(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}');
    let line = if is_marker(line) { line.get(3..).unwrap_or_default() } else { line };
    let line = line.trim();
    line.is_empty() || line.starts_with(['#', '%']) || line == "..."
}

/// A tree that grows by one event of the parser after the other.
#[derive(Default)]
struct Tree {
    lines_before: usize,
    open: Vec<Open>,
    root: Option<Node>,
    anchored: BTreeMap<usize, Node>,
    nodes: usize,
}

/// A list or map that has not ended yet.
struct Open {
    line: u32,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, names: BTreeSet<String>, merged: Vec<Node>, key: Option<Key> },
}

impl Tree {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Broken> {
        let line = line_number(self.lines_before + span.start.line());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_deref());
                self.complete(anchor, Node { line, value })
            }
            Event::SequenceStart(_, anchor, _) => self.begin(line, anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let (entries, names, merged) = (Vec::new(), BTreeSet::new(), Vec::new());
                self.begin(line, anchor, Content::Map { entries, names, merged, key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(line, anchor),
            // Beginnings and ends of documents; comments and the like are not asked for.
            _ => Ok(()),
        }
    }

    fn begin(&mut self, line: u32, anchor: usize, content: Content) -> Result<(), Broken> {
        if self.open.len() >= DEPTH_MAX {
            let what = format!("nested deeper than {DEPTH_MAX} levels");
            return Err(Broken { line, what });
        }
        self.open.push(Open { line, anchor, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        let Some(Open { line, anchor, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(list) => Value::List(list),
            Content::Map { mut entries, names, merged, .. } => {
                // What a map says itself goes before what it merges, and earlier merges before later ones.
                let mut names = names;
                for (key, value) in merged.into_iter().flat_map(into_entries) {
                    if names.insert(key.text.clone()) {
                        entries.push((key, value));
                    }
                }
                Value::Map(entries)
            }
        };
        self.complete(anchor, Node { line, value })
    }

    fn alias(&mut self, line: u32, anchor: usize) -> Result<(), Broken> {
        let Some(node) = self.anchored.get(&anchor).cloned() else {
            let what = "an alias stands inside of what it refers to".to_owned();
            return Err(Broken { line, what });
        };
        self.nodes += node.size();
        self.complete(0, Node { line, ..node })
    }

    /// Puts a finished value where it belongs.
    fn complete(&mut self, anchor: usize, node: Node) -> Result<(), Broken> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let what = format!("more than {NODES_MAX} values in one document");
            return Err(Broken { line: node.line, what });
        }
        if anchor > 0 {
            self.anchored.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(list)) => list.push(node),
            Some(Content::Map { entries, names, merged, key }) => match key.take() {
                None => *key = Some(key_of(node)?),
                Some(key) if key.text == "<<" => merged.push(node),
                Some(key) => {
                    if !names.insert(key.text.clone()) {
                        let what = format!("the key `{}` stands twice", clipped(&key.text, KEY_SHOWN_CHARS));
                        return Err(Broken { line: key.line, what });
                    }
                    entries.push((key, node));
                }
            },
        }
        Ok(())
    }
}

fn key_of(node: Node) -> Result<Key, Broken> {
    let line = node.line;
    match node.value {
        Value::Text { text, .. } => Ok(Key { text, line }),
        Value::Null => Ok(Key { text: String::new(), line }),
        Value::List(_) | Value::Map(_) => {
            Err(Broken { line, what: "a key is a list or a map where a word is expected".to_owned() })
        }
    }
}

fn into_entries(node: Node) -> Vec<(Key, Node)> {
    match node.value {
        Value::Map(entries) => entries,
        Value::List(list) => list.into_iter().flat_map(into_entries).collect(),
        Value::Null | Value::Text { .. } => Vec::new(),
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_plain = matches!(style, ScalarStyle::Plain);
    if is_plain && tag.is_none() && NULLS.contains(&text.as_ref()) {
        return Value::Null;
    }
    Value::Text { text: text.into_owned(), is_quoted: !is_plain }
}
