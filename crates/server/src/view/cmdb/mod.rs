//! Configuration items: every fact with the source that states it.

mod difference;
mod graph;
mod history;
mod impact;

use std::cmp::Reverse;

use api::cmdb as wire;
use domain::cmdb::{Ci, Item, KnownRelation, Link, SourceName, Statement, View};
use domain::id::CiName;
use store::{ChangeRow, CiRow};

use super::{summary, texts, time};
use crate::known::Known;
use crate::load::StoredItem;

pub(crate) use difference::edited;
pub(crate) use graph::{Direction, graph};
pub(crate) use history::History;
pub(crate) use impact::impact;

/// Most relations of an item that an answer lists in each direction.
const LINKS_SHOWN_MAX: usize = 200;

/// An item in a list.
pub(crate) fn item_summary(row: &CiRow) -> wire::CiSummary {
    let facts = row.facts.as_ref();
    wire::CiSummary {
        id: row.id.to_string(),
        described: facts.is_some(),
        ci_type: facts.map(|facts| facts.ci_type.to_string()),
        tier: facts.and_then(|facts| facts.tier).map(|tier| tier.number()),
        owner: facts.and_then(|facts| facts.owner.clone()),
        environment: facts.and_then(|facts| facts.environment.as_ref()).map(ToString::to_string),
        lifecycle: facts.map(|facts| facts.lifecycle.to_string()),
        sources: texts(&row.sources),
        version: row.version,
        updated_at: Some(time(row.updated_at)),
    }
}

/// An item of a list that is known by name only.
pub(crate) fn only_named(name: &str) -> wire::CiSummary {
    wire::CiSummary {
        id: name.to_owned(),
        described: false,
        ci_type: None,
        tier: None,
        owner: None,
        environment: None,
        lifecycle: None,
        sources: Vec::new(),
        version: 0,
        updated_at: None,
    }
}

/// An item in full.
pub(crate) fn item(known: &Known, name: &CiName, stored: &StoredItem, changes: &[ChangeRow]) -> wire::Ci {
    let StoredItem { item, version, updated_at } = stored;
    let view = item.view();
    let view = view.as_ref();
    let attributes = view.into_iter().flat_map(|view| &view.attributes);
    wire::Ci {
        id: name.to_string(),
        described: view.is_some(),
        version: *version,
        updated_at: updated_at.map(time),
        ci_type: view.map(|view| fact(view.ci_type, |ci_type| ci_type.to_string())),
        tier: view.and_then(|view| view.tier).map(|tier| fact(tier, |tier| tier.number())),
        owner: view.and_then(|view| view.owner).map(|owner| fact(owner, ToString::to_string)),
        environment: view.and_then(|view| view.environment).map(|place| fact(place, ToString::to_string)),
        lifecycle: view.map(|view| fact(view.lifecycle, |lifecycle| lifecycle.to_string())),
        compliance: view.map(compliance).unwrap_or_default(),
        attributes: attributes
            .map(|(name, value)| (name.to_string(), fact(*value, ToString::to_string)))
            .collect(),
        sources: statements(name, item),
        relations: view.map(|view| relations(known, view)).unwrap_or_default(),
        dependents: known.cmdb.get(name.as_str()).map(dependents).unwrap_or_default(),
        changes: changes.iter().map(|row| summary(known, row)).collect(),
    }
}

fn fact<T: Copy, U>(stated: domain::cmdb::Known<'_, T>, value: impl FnOnce(T) -> U) -> wire::Fact<U> {
    wire::Fact { value: value(stated.value), source: stated.source.to_string(), stated_at: time(stated.at) }
}

fn compliance(view: &View<'_>) -> Vec<wire::Fact<String>> {
    let stated = view.compliance.iter().flat_map(|(scope, by)| by.iter().map(move |stated| (scope, stated)));
    stated.map(|(scope, stated)| fact(*stated, |()| scope.to_string())).collect()
}

/// What each source says, people first, then whoever spoke last.
fn statements(name: &CiName, item: &Item) -> Vec<wire::CiStatement> {
    let mut statements: Vec<(&SourceName, &Statement)> = item.statements().iter().collect();
    statements.sort_by_key(|(source, statement)| (!source.is_person(), Reverse(statement.at)));
    let statement = |(source, statement): (&SourceName, &Statement)| wire::CiStatement {
        source: source.to_string(),
        stated_at: time(statement.at),
        description: wire::CiDescription::of(name, &statement.description),
    };
    statements.into_iter().map(statement).collect()
}

fn relations(known: &Known, view: &View<'_>) -> wire::CiLinks {
    let items = view.relations.iter().take(LINKS_SHOWN_MAX).map(|relation| {
        let KnownRelation { relation_type, to, strength, stated } = relation;
        let other = known.cmdb.described(to.as_str());
        let stated = stated.iter().map(|stated| wire::StatedRelation {
            source: stated.source.to_string(),
            stated_at: time(stated.at),
            strength: stated.value.0.to_string(),
            because: stated.value.1.map(ToString::to_string),
        });
        wire::CiLink {
            id: to.to_string(),
            described: other.is_some(),
            ci_type: other.and_then(|ci| type_of(&ci)),
            tier: other.and_then(|ci| tier_of(&ci)),
            relation: relation_type.to_string(),
            strength: strength.to_string(),
            stated: stated.collect(),
        }
    });
    wire::CiLinks { total: count(view.relations.len()), items: items.collect() }
}

fn dependents(ci: Ci<'_>) -> wire::CiLinks {
    let (links, total) = first(ci.dependents(), LINKS_SHOWN_MAX);
    let link = |link: &Link<'_>| wire::CiLink {
        id: link.ci.name().to_owned(),
        described: link.ci.is_described(),
        ci_type: type_of(&link.ci),
        tier: tier_of(&link.ci),
        relation: link.relation_type.to_string(),
        strength: link.strength.to_string(),
        stated: Vec::new(),
    };
    wire::CiLinks { total: count(total), items: links.iter().map(link).collect() }
}

/// The first links by name, at most so many, and how many there are: half the world may lean on one item.
fn first<'a>(links: impl Iterator<Item = Link<'a>>, most: usize) -> (Vec<Link<'a>>, usize) {
    let mut links: Vec<_> = links.collect();
    let total = links.len();
    let by_name = |link: &Link<'a>| (link.ci.name(), link.relation_type);
    if total > most {
        links.select_nth_unstable_by_key(most, by_name);
        links.truncate(most);
    }
    links.sort_unstable_by_key(by_name);
    (links, total)
}

fn type_of(ci: &Ci<'_>) -> Option<String> {
    ci.ci_type().map(|ci_type| ci_type.to_string())
}

fn tier_of(ci: &Ci<'_>) -> Option<u8> {
    ci.tier().map(|stated| stated.tier.number())
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
