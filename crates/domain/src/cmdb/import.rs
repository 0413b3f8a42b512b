//! Comparing what a source says now with what it said before: which events make the difference, or why there is none
//! to make.

use std::collections::BTreeSet;

use super::description::{Description, SourceName};
use super::error::CmdbError;
use super::event::CiEvent;
use super::graph::{Ci, Cmdb};
use super::{
    ATTRIBUTES_MAX, COMPLIANCE_OF_ONE_MAX, COMPLIANCE_SCOPES_MAX, ITEMS_MAX, RELATIONS_MAX,
    RELATIONS_OF_ONE_MAX, SOURCES_MAX, SOURCES_OF_ONE_MAX,
};
use crate::change::kind::words;
use crate::id::CiName;

/// What becomes of items that the source described before and does not describe now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// They stay as they are.
    Keep,
    /// The source withdraws them.
    Withdraw,
}

words!(
    /// What an import does to an item.
    Difference, "difference", {
        /// The source describes it for the first time.
        New = "new",
        /// The source describes it otherwise than before.
        Changed = "changed",
        /// The source no longer describes it.
        Withdrawn = "withdrawn",
    }
);

/// One item that an import changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChange {
    /// The item.
    pub name: CiName,
    /// What is done to it.
    pub difference: Difference,
    /// The event that does it.
    pub event: CiEvent,
}

/// What an import would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportPlan {
    /// Items that are changed: the described ones in the order given, then the withdrawn ones by name.
    pub changes: Vec<ItemChange>,
    /// How many items are described as before.
    pub unchanged: usize,
}

impl ImportPlan {
    /// How many items it changes in one way.
    pub fn count(&self, difference: Difference) -> usize {
        self.changes.iter().filter(|change| change.difference == difference).count()
    }
}

impl Cmdb {
    /// The events that make `descriptions` what `source` says; none when it says the same already. What other sources
    /// say stays as it is. Relations may lead to items that nobody describes, and in circles.
    ///
    /// # Errors
    /// When a description contradicts itself or a limit would be exceeded; nothing is to be done then.
    pub fn plan_import(
        &self,
        source: &SourceName,
        descriptions: &[(CiName, Description)],
        deletion: Deletion,
    ) -> Result<ImportPlan, CmdbError> {
        check_all(source, descriptions)?;
        let mut plan = ImportPlan::default();
        for (name, description) in descriptions {
            match self.difference(name, description) {
                None => plan.unchanged += 1,
                Some(difference) => {
                    let event = CiEvent::Described { description: description.clone().normalised() };
                    plan.changes.push(ItemChange { name: name.clone(), difference, event });
                }
            }
        }
        if deletion == Deletion::Withdraw {
            let kept: BTreeSet<_> = descriptions.iter().map(|(name, _)| name.as_str()).collect();
            let gone = self.described_by(source).filter(|ci| !kept.contains(ci.name()));
            let mut gone: Vec<_> = gone.map(|ci| withdrawal(ci.to_name(), source)).collect();
            gone.sort_by(|a, b| a.name.cmp(&b.name));
            plan.changes.extend(gone);
        }
        self.check_limits(source, &plan)?;
        Ok(plan)
    }

    /// Every item that `source` describes, in no particular order.
    pub fn described_by(&self, source: &SourceName) -> impl Iterator<Item = Ci<'_>> {
        let found = self.facts.find_source(source);
        let items = found.into_iter().flat_map(|source| self.facts.items_of(source));
        items.map(|number| Ci { cmdb: self, number })
    }

    fn difference(&self, name: &CiName, description: &Description) -> Option<Difference> {
        let known = self.names.find(name.as_str()).and_then(|item| {
            let source = self.facts.find_source(&description.source)?;
            self.facts.of(item).find(|(_, fact)| fact.source == source)
        });
        match known {
            None => Some(Difference::New),
            Some((_, fact)) if fact.says_the_same(description) => None,
            Some(_) => Some(Difference::Changed),
        }
    }

    fn check_limits(&self, source: &SourceName, plan: &ImportPlan) -> Result<(), CmdbError> {
        let number = self.facts.find_source(source);
        let sources = self.sources().count();
        if number.is_none() && sources >= SOURCES_MAX && !plan.changes.is_empty() {
            return Err(CmdbError::TooManySources { source_name: source.clone() });
        }
        let (mut items, mut relations) = (self.len(), self.relations());
        let mut rule_books = BTreeSet::new();
        for change in &plan.changes {
            let known = self.names.find(change.name.as_str());
            let describing = known.map_or(0, |item| self.facts.of(item).count());
            if let (Some(item), Some(number)) = (known, number) {
                relations -= self.stated_by(item, number);
            }
            match &change.event {
                CiEvent::Withdrawn { .. } => items -= usize::from(describing == 1),
                CiEvent::Described { description } => {
                    items += usize::from(describing == 0);
                    relations += description.relations.len();
                    if change.difference == Difference::New && describing >= SOURCES_OF_ONE_MAX {
                        return Err(CmdbError::TooManySourcesOfOne { item: change.name.clone() });
                    }
                    let unknown =
                        description.compliance.iter().filter(|scope| !self.facts.knows_scope(scope));
                    for scope in unknown {
                        rule_books.insert(scope);
                        if self.facts.scopes_count() + rule_books.len() > COMPLIANCE_SCOPES_MAX {
                            let (item, scope) = (change.name.clone(), scope.clone());
                            return Err(CmdbError::TooManyRuleBooks { item, scope });
                        }
                    }
                }
            }
        }
        if items > ITEMS_MAX {
            return Err(CmdbError::TooManyItems { count: items });
        }
        if relations > RELATIONS_MAX {
            return Err(CmdbError::TooManyRelations { count: relations });
        }
        Ok(())
    }
}

pub(super) fn withdrawal(name: CiName, source: &SourceName) -> ItemChange {
    let event = CiEvent::Withdrawn { source: source.clone() };
    ItemChange { name, difference: Difference::Withdrawn, event }
}

/// Checks what each description says by itself, and that no item occurs twice.
fn check_all(source: &SourceName, descriptions: &[(CiName, Description)]) -> Result<(), CmdbError> {
    let mut names = BTreeSet::new();
    for (name, description) in descriptions {
        if !names.insert(name) {
            return Err(CmdbError::Duplicate { item: name.clone() });
        }
        if description.source != *source {
            let (given, expected) = (description.source.clone(), source.clone());
            return Err(CmdbError::OtherSource { item: name.clone(), given, expected });
        }
        check_one(name, description)?;
    }
    Ok(())
}

fn check_one(name: &CiName, description: &Description) -> Result<(), CmdbError> {
    let item = || name.clone();
    let count = description.relations.len();
    if count > RELATIONS_OF_ONE_MAX {
        return Err(CmdbError::TooManyRelationsOfOne { item: item(), count });
    }
    let count = description.attributes.len();
    if count > ATTRIBUTES_MAX {
        return Err(CmdbError::TooManyAttributes { item: item(), count });
    }
    let count = description.compliance.len();
    if count > COMPLIANCE_OF_ONE_MAX {
        return Err(CmdbError::TooManyComplianceScopes { item: item(), count });
    }
    let mut seen = BTreeSet::new();
    for relation in &description.relations {
        let relation_type = relation.relation_type;
        if relation.to == *name {
            return Err(CmdbError::SelfRelation { item: item(), relation_type });
        }
        if !seen.insert((&relation.to, relation_type)) {
            let to = relation.to.clone();
            return Err(CmdbError::DuplicateRelation { item: item(), relation_type, to });
        }
    }
    Ok(())
}
