//! A document as a tree in which every value knows its line, whichever importer reads it.

mod json;
mod yaml;

use std::fmt;

pub(super) use json::{read as json, read_without_lines as json_without_lines};
pub(super) use yaml::documents;

/// Deepest accepted nesting of a document.
pub(super) const DEPTH_MAX: usize = 64;
/// Most values in one document, with every use of an alias counted.
pub(super) const NODES_MAX: usize = 2_000_000;

/// One value and the line it stands on, counted from 1; 0 where lines mean nothing.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) value: Value,
}

/// What a value is. Numbers and booleans stay as they were written.
#[derive(Clone)]
pub(super) enum Value {
    Null,
    Text { text: String, is_quoted: bool },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The name of an entry and its line.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) line: u32,
}

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(super) struct Broken {
    /// The line, counted from 1.
    pub(super) line: u32,
    pub(super) what: String,
}

impl Node {
    /// The entry of this name, when this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, value)| value)
    }

    /// What lies behind these names, one inside the other.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a scalar that is not null.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The text behind these names.
    pub(super) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).and_then(Self::text)
    }

    /// The entries of a list; none when it is something else.
    pub(super) fn list(&self) -> &[Self] {
        match &self.value {
            Value::List(list) => list,
            Value::Null | Value::Text { .. } | Value::Map(_) => &[],
        }
    }

    /// The list behind these names; empty when there is none.
    pub(super) fn list_at(&self, path: &[&str]) -> &[Self] {
        self.at(path).map_or(&[], Self::list)
    }

    /// The entries of a map; none when it is something else.
    pub(super) fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Text { .. } | Value::List(_) => &[],
        }
    }

    /// The entries of the map behind these names; none when there is no map.
    pub(super) fn entries_at(&self, path: &[&str]) -> &[(Key, Self)] {
        self.at(path).map_or(&[], Self::entries)
    }

    /// Whether this is the unquoted word `true`.
    pub(super) fn is_true(&self) -> bool {
        matches!(&self.value, Value::Text { text, is_quoted: false } if text == "true")
    }

    /// Whether the entry of this name is the unquoted word `true`.
    pub(super) fn says(&self, key: &str) -> bool {
        self.get(key).is_some_and(Self::is_true)
    }

    /// The form, for messages.
    pub(super) fn form(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// How many values this one consists of.
    fn size(&self) -> usize {
        match &self.value {
            Value::Null | Value::Text { .. } => 1,
            Value::List(list) => 1 + list.iter().map(Self::size).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|(_, value)| value.size()).sum::<usize>(),
        }
    }
}

impl fmt::Debug for Node {
    /// Without any text: a document may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on line {}", self.form(), self.line)
    }
}

/// A line number as it is kept; lines beyond four thousand million count as the last one.
fn line_number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
