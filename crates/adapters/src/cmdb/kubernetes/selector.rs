//! Label selectors.

use super::super::node::{Key, Node};

/// What labels must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector<'a>(Vec<Requirement<'a>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement<'a> {
    In(&'a str, Vec<&'a str>),
    NotIn(&'a str, Vec<&'a str>),
    Exists(&'a str),
    Missing(&'a str),
    /// An operator that is not known: nothing is known to match.
    Unknown,
}

impl<'a> Selector<'a> {
    /// A plain map of labels, as Services have it. An empty one selects nothing.
    pub(super) fn plain(labels: &'a Node) -> Option<Self> {
        let requirements = equal_to(labels);
        (!requirements.is_empty()).then_some(Self(requirements))
    }

    /// `matchLabels` and `matchExpressions`. An empty one selects everything.
    pub(super) fn full(selector: &'a Node) -> Self {
        let mut requirements = selector.get("matchLabels").map(equal_to).unwrap_or_default();
        requirements.extend(selector.list_at(&["matchExpressions"]).iter().map(expression));
        Self(requirements)
    }

    pub(super) fn matches(&self, labels: &[(Key, Node)]) -> bool {
        self.0.iter().all(|requirement| requirement.is_met(labels))
    }

    /// The labels that everything selected has, with their values; ways to look matches up.
    pub(super) fn certain(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(|requirement| match requirement {
            Requirement::In(key, values) => match values.as_slice() {
                [value] => Some((*key, *value)),
                _ => None,
            },
            Requirement::NotIn(..)
            | Requirement::Exists(_)
            | Requirement::Missing(_)
            | Requirement::Unknown => None,
        })
    }
}

fn equal_to(labels: &Node) -> Vec<Requirement<'_>> {
    let labels = labels.entries().iter();
    labels.map(|(key, value)| Requirement::In(&key.text, vec![value.text().unwrap_or_default()])).collect()
}

fn expression(expression: &Node) -> Requirement<'_> {
    let values = || expression.list_at(&["values"]).iter().filter_map(Node::text).collect();
    match (expression.text_at(&["key"]), expression.text_at(&["operator"])) {
        (Some(key), Some("In")) => Requirement::In(key, values()),
        (Some(key), Some("NotIn")) => Requirement::NotIn(key, values()),
        (Some(key), Some("Exists")) => Requirement::Exists(key),
        (Some(key), Some("DoesNotExist")) => Requirement::Missing(key),
        (Some(_) | None, Some(_) | None) => Requirement::Unknown,
    }
}

impl Requirement<'_> {
    fn is_met(&self, labels: &[(Key, Node)]) -> bool {
        let label =
            |name: &str| labels.iter().find(|(key, _)| key.text == name).and_then(|(_, value)| value.text());
        match self {
            Self::In(key, values) => label(key).is_some_and(|value| values.contains(&value)),
            Self::NotIn(key, values) => label(key).is_none_or(|value| !values.contains(&value)),
            Self::Exists(key) => label(key).is_some(),
            Self::Missing(key) => label(key).is_none(),
            Self::Unknown => false,
        }
    }
}
