//! What is changed: each service and configuration item, with what the CMDB knows of it.

use std::collections::BTreeMap;

use domain::change::Change;
use domain::cmdb::{Follow, ReachLimits};
use domain::id::CiName;
use maud::{Markup, html};

use super::header;
use crate::known::Known;
use crate::load::StoredItem;
use crate::portal::format;

/// Services and items that are listed one by one.
const LISTED_MAX: usize = 20;

/// What is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Items {
    listed: Vec<Touched>,
    more: usize,
}

/// A service or an item that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Touched {
    name: String,
    /// None where no source describes it.
    facts: Option<Facts>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    ci_type: Option<String>,
    tier: Option<u8>,
    owner: Option<String>,
    environment: Option<String>,
    /// How many items fail with it.
    dependents: u64,
}

/// The names of what is listed: services first, each name once.
pub(super) fn names(change: &Change) -> Vec<CiName> {
    let mut names = all_names(change);
    names.truncate(LISTED_MAX);
    names
}

fn all_names(change: &Change) -> Vec<CiName> {
    let content = &change.content;
    let mut names: Vec<CiName> = content.affected_services.iter().map(CiName::from).collect();
    let items = content.affected_cis.iter().filter(|item| !names.contains(item));
    let items: Vec<_> = items.cloned().collect();
    names.extend(items);
    names
}

impl Items {
    pub(super) fn of(known: &Known, change: &Change, stored: &BTreeMap<CiName, StoredItem>) -> Self {
        let listed = names(change);
        Self {
            more: all_names(change).len().saturating_sub(listed.len()),
            listed: listed.iter().map(|name| Touched::of(known, name, stored.get(name))).collect(),
        }
    }
}

impl Touched {
    fn of(known: &Known, name: &CiName, stored: Option<&StoredItem>) -> Self {
        let facts = known.cmdb.described(name.as_str()).map(|item| {
            let view = stored.and_then(|stored| stored.item.view());
            let reach = known.cmdb.reach([item], Follow::Hard, ReachLimits::default());
            Facts {
                ci_type: item.ci_type().map(|ci_type| ci_type.to_string()),
                tier: item.tier().map(|stated| stated.tier.number()),
                owner: view.as_ref().and_then(|view| view.owner).map(|owner| owner.value.to_string()),
                environment: view.and_then(|view| view.environment).map(|place| place.value.to_string()),
                dependents: u64::try_from(reach.reached().len()).unwrap_or(u64::MAX),
            }
        });
        Self { name: name.to_string(), facts }
    }
}

/// The card; nothing where the request names nothing.
pub(super) fn card(items: &Items) -> Markup {
    html! {
        @if !items.listed.is_empty() {
            section.card aria-labelledby="items" {
                h2 #items { "What is changed" }
                ul.touched {
                    @for item in &items.listed { li { (touched(item)) } }
                    @if items.more > 0 { li.quiet { "and " (items.more) " more" } }
                }
            }
        }
    }
}

fn touched(Touched { name, facts }: &Touched) -> Markup {
    let Some(Facts { ci_type, tier, owner, environment, dependents }) = facts else {
        return html! {
            (header::service(name, None))
            p.unknown { "Not in the CMDB: counted as Tier 1" }
        };
    };
    let known = [ci_type, environment].into_iter().flatten();
    let known: Vec<_> = known.map(|word| format::words(word)).collect();
    html! {
        (header::service(name, *tier))
        p.quiet {
            (known.join(", "))
            " · "
            @match owner {
                Some(owner) => { "owner " (owner) },
                None => span.unknown { "owner unknown" },
            }
            @if tier.is_none() { " · " span.unknown { "tier unknown" } }
        }
        p.quiet {
            @if *dependents == 0 { "Nothing fails with it" }
            @else { (format::count(*dependents, "item fails", "items fail")) " with it" }
        }
    }
}
