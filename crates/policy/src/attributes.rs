//! Which attributes of a change policies read. Each that is made costs every decision, and most actions' policies read but
//! a few of more than thirty.

use std::collections::BTreeSet;

use serde_json::Value;

/// Names of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attributes {
    /// Every one.
    All,
    /// These; of the others no decision depends.
    Named(BTreeSet<String>),
}

impl Attributes {
    /// Every attribute that a policy could read, of which this is the engine's JSON: whatever is called like any text in it.
    pub(crate) fn read_by(policy: &Value) -> Self {
        let mut names = BTreeSet::new();
        add_texts(policy, &mut names);
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
