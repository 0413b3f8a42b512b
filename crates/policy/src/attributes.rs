//! Which attributes of a change policies read. Each that is made costs every decision, and most actions' policies read but
//! a few of more than thirty.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::source::Parsed;

/// Names of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attributes {
    /// Every one.
    All,
    /// These; of the others no decision depends.
    Named(BTreeSet<String>),
}

impl Attributes {
    /// Every attribute that a policy could read: whatever is called like any text in it. An added policy may be nested
    /// more deeply than can be looked through, so that it gets everything.
    pub(crate) fn read_by(parsed: &Parsed) -> Self {
        let told = if parsed.info.is_core() { parsed.policy.to_json().ok() } else { None };
        let Some(json) = told else { return Self::All };
        let mut names = BTreeSet::new();
        add_texts(&json, &mut names);
        Self::Named(names)
    }

    /// What either of two reads.
    pub(crate) fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Named(mut names), Self::Named(others)) => {
                names.extend(others.iter().cloned());
                Self::Named(names)
            }
            (Self::All, _) | (_, Self::All) => Self::All,
        }
    }

    /// Whether a policy could read the attribute.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}

fn add_texts(json: &Value, texts: &mut BTreeSet<String>) {
    match json {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| add_texts(value, texts)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            texts.insert(name.clone());
            add_texts(value, texts);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
