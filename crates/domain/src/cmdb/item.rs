//! One configuration item: what each source says of it, and what follows when they are put together.

use std::collections::{BTreeMap, BTreeSet};

use super::description::{
    AttributeName, AttributeValue, CiType, ComplianceScope, Description, Lifecycle, SourceName,
};
use super::event::CiEvent;
use super::relation::{Because, RelationType};
use crate::Timestamp;
use crate::catalog::{Strength, Tier};
use crate::id::{CiName, EnvironmentName};
use crate::text::FreeText;

/// What one source says of an item, and since when it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// All that it says.
    pub description: Description,
    /// When it said so.
    pub at: Timestamp,
}

/// A configuration item as the fold of its descriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    statements: BTreeMap<SourceName, Statement>,
}

/// A fact with the source that states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a, T> {
    /// What is stated.
    pub value: T,
    /// Who states it.
    pub source: &'a SourceName,
    /// When it was stated.
    pub at: Timestamp,
}

/// What is known of an item when all its sources are put together.
///
/// A fact is a person's, where a person states it, otherwise that of the source which spoke last. Rule books and
/// relations are everybody's together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View<'a> {
    /// What kind of thing it is.
    pub ci_type: Known<'a, CiType>,
    /// How critical it is.
    pub tier: Option<Known<'a, Tier>>,
    /// Who answers for it.
    pub owner: Option<Known<'a, &'a FreeText>>,
    /// Where it runs.
    pub environment: Option<Known<'a, &'a EnvironmentName>>,
    /// Where it stands between plan and end.
    pub lifecycle: Known<'a, Lifecycle>,
    /// Rule books, and who says that it falls under them.
    pub compliance: BTreeMap<&'a ComplianceScope, Vec<Known<'a, ()>>>,
    /// What else is known, by name.
    pub attributes: BTreeMap<&'a AttributeName, Known<'a, &'a AttributeValue>>,
    /// What it leans on, by item and type of relation.
    pub relations: Vec<KnownRelation<'a>>,
}

/// A relation, and all sources that state it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRelation<'a> {
    /// In which way it leans on the other item.
    pub relation_type: RelationType,
    /// The other item.
    pub to: &'a CiName,
    /// Whether it fails with the other one: as a person says; where none does, hard as soon as one source says so.
    pub strength: Strength,
    /// Who states it, how strong each says it is, and from what it concludes it; the most trusted first.
    pub stated: Vec<Known<'a, (Strength, Option<&'a Because>)>>,
}

impl Item {
    /// The item after `event`, which happened `at` that time. Total: any recorded event can be folded.
    #[must_use]
    pub fn evolve(mut self, event: &CiEvent, at: Timestamp) -> Self {
        match event {
            CiEvent::Described { description } => {
                let statement = Statement { description: description.clone(), at };
                self.statements.insert(description.source.clone(), statement);
            }
            CiEvent::Withdrawn { source } => {
                self.statements.remove(source);
            }
        }
        self
    }

    /// What each source says.
    pub fn statements(&self) -> &BTreeMap<SourceName, Statement> {
        &self.statements
    }

    /// What is known when all sources are put together; nothing when no source describes the item any more.
    pub fn view(&self) -> Option<View<'_>> {
        let mut statements: Vec<_> = self.statements.iter().collect();
        statements.sort_by_cached_key(|(source, statement)| precedence(source, statement.at));
        let known: Vec<_> = statements
            .iter()
            .map(|(source, statement)| Known { value: &statement.description, source, at: statement.at })
            .collect();
        let first = *known.first()?;
        Some(View {
            ci_type: first.map(|description| description.ci_type),
            tier: known.iter().find_map(|known| known.and_then(|description| description.tier)),
            owner: known.iter().find_map(|known| known.and_then(|description| description.owner.as_ref())),
            environment: known
                .iter()
                .find_map(|known| known.and_then(|description| description.environment.as_ref())),
            lifecycle: first.map(|description| description.lifecycle),
            compliance: compliance(&known),
            attributes: attributes(&known),
            relations: relations(&known),
        })
    }
}

impl<'a, T: Copy> Known<'a, T> {
    fn map<U>(self, value: impl FnOnce(T) -> U) -> Known<'a, U> {
        Known { value: value(self.value), source: self.source, at: self.at }
    }

    fn and_then<U>(self, value: impl FnOnce(T) -> Option<U>) -> Option<Known<'a, U>> {
        value(self.value).map(|value| Known { value, source: self.source, at: self.at })
    }
}

/// Sorts the most trusted statement first: a person's before an importer's, the latest before earlier ones.
pub(super) fn precedence(source: &SourceName, at: Timestamp) -> impl Ord + use<> {
    (!source.is_person(), std::cmp::Reverse(at), source.clone())
}

fn compliance<'a>(known: &[Known<'a, &'a Description>]) -> BTreeMap<&'a ComplianceScope, Vec<Known<'a, ()>>> {
    let mut compliance: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for statement in known {
        for scope in &statement.value.compliance {
            compliance.entry(scope).or_default().push(statement.map(|_| ()));
        }
    }
    compliance
}

fn attributes<'a>(
    known: &[Known<'a, &'a Description>],
) -> BTreeMap<&'a AttributeName, Known<'a, &'a AttributeValue>> {
    let mut attributes = BTreeMap::new();
    for statement in known {
        for (name, value) in &statement.value.attributes {
            attributes.entry(name).or_insert_with(|| statement.map(|_| value));
        }
    }
    attributes
}

fn relations<'a>(known: &[Known<'a, &'a Description>]) -> Vec<KnownRelation<'a>> {
    let mut relations: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for statement in known {
        for relation in &statement.value.relations {
            let stated = statement.map(|_| (relation.strength, relation.because.as_ref()));
            relations.entry((&relation.to, relation.relation_type)).or_default().push(stated);
        }
    }
    let merged = relations.into_iter().map(|((to, relation_type), stated)| KnownRelation {
        relation_type,
        to,
        strength: merged_strength(stated.iter().map(|known| (known.source.is_person(), known.value.0))),
        stated,
    });
    merged.collect()
}

/// How strong a relation is that several sources state, the most trusted of them first: as a person says; where none
/// does, hard as soon as one source says so. `stated` says of each whether it is a person, and its word.
pub(super) fn merged_strength(stated: impl IntoIterator<Item = (bool, Strength)>) -> Strength {
    let mut strongest = Strength::Soft;
    for (is_person, strength) in stated {
        if is_person {
            return strength;
        }
        strongest = strongest.min(strength);
    }
    strongest
}

impl<'a> View<'a> {
    /// The rule books that the item falls under.
    pub fn compliance_scopes(&self) -> BTreeSet<&'a ComplianceScope> {
        self.compliance.keys().copied().collect()
    }
}
