//! What is known of a change, by the names that rules use.

use std::collections::BTreeMap;

/// Something that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A text or a word.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Truth(bool),
    /// Several texts.
    List(Vec<String>),
}

/// What is known of a change, by dotted names. What is not known has no name here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleFacts(BTreeMap<&'static str, Fact>);

impl RuleFacts {
    /// States a fact.
    #[must_use]
    pub fn with(mut self, name: &'static str, fact: impl Into<Fact>) -> Self {
        self.0.insert(name, fact.into());
        self
    }

    /// States a fact where it is known.
    #[must_use]
    pub fn with_known(self, name: &'static str, fact: Option<impl Into<Fact>>) -> Self {
        match fact {
            Some(fact) => self.with(name, fact),
            None => self,
        }
    }

    /// The fact of that name.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.0.get(name)
    }

    /// Whether anything is known under that name, be it a part of it.
    pub(super) fn has(&self, name: &str) -> bool {
        let is_part = |known: &&str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.0.contains_key(name) || self.0.keys().any(is_part)
    }
}

impl Fact {
    /// The fact as rules write it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
            Self::List(texts) => texts.join(", "),
        }
    }

    /// Whether a text is among several, or a part of one.
    pub(super) fn contains(&self, part: &str) -> bool {
        match self {
            Self::List(texts) => texts.iter().any(|text| text == part),
            Self::Text(_) | Self::Number(_) | Self::Truth(_) => self.text().contains(part),
        }
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Fact {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Fact {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<Vec<String>> for Fact {
    fn from(texts: Vec<String>) -> Self {
        Self::List(texts)
    }
}
