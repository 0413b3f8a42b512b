//! How far a failure of the change would reach.
//!
//! What counts is who *bears* a failure: each service that is changed or reached, and each other item that is changed or
//! reached and on which nothing further depends. So a configuration, the workload that reads it and the service that
//! contains both are one bearer, and thirty workloads on one database are thirty.
//!
//! A change counts as one to *a part* of a service when one bears it and fewer than [`PART_LINES_LIMIT`] lines are known
//! to change. Unknown names and an unknown size rule that out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::scope::{ASSESSED_ITEMS_MAX, Scope, UNKNOWN_TIER};
use super::source_fact::SourcedTier;
use super::{counted, in_range};
use crate::catalog::{Strength, Tier};
use crate::change::Churn;
use crate::change::kind::words;
use crate::cmdb::{Ci, CiType, Cmdb, Reach, ReachedCi, RelationType};
use crate::id::CiName;
use crate::number::Share;

/// Most dependents that an assessment lists: the most critical ones, and of equally critical ones the nearest.
pub const REACHED_LISTED_MAX: usize = 50;
/// Most relations of a listed path, counted from the changed item; `hops` tells the whole length.
pub const PATH_LISTED_MAX: usize = 8;

/// A change of so many lines is no longer one to a part of a service. Unknown churn counts as so many.
pub(super) const PART_LINES_LIMIT: u64 = 500;
/// A change that reaches this share of all services is system-wide, …
const SYSTEM_WIDE_SHARE_BASIS_POINTS: usize = 2_500;
/// … provided it reaches so many: in a small landscape a service and its only dependent are soon a quarter.
const SYSTEM_WIDE_SERVICES_MIN: usize = 3;

words!(
    /// How far a failure would reach, in the matrix's words.
    BlastClass, "blast radius", {
        /// A part of one service, or a Tier 3 service, that nothing depends on.
        Component = "component",
        /// One service.
        SingleService = "single_service",
        /// Several services changed, or hard dependents.
        MultiService = "multi_service",
        /// Tier 0 together with another tier, or a quarter of all services.
        SystemWide = "system_wide",
    }
);

/// An item that fails with the changed ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// The changed item from which it is reached.
    pub from: CiName,
    /// How many relations lie between a changed item and this one.
    pub hops: u32,
    /// The item.
    pub item: CiName,
    /// A shortest path from there: what fails with what, one after the other; the first [`PATH_LISTED_MAX`].
    pub path: Vec<Hop>,
    /// How critical it is, when a source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<SourcedTier>,
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub ci_type: CiType,
}

/// One step of a path: an item that fails with the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// The item.
    pub item: CiName,
    /// In which way it leans on the one before it.
    pub relation: RelationType,
    /// Whether it fails with it.
    pub strength: Strength,
}

/// How far a failure would reach, and what it would reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlastRadius {
    /// How many services and other configuration items are changed.
    pub changed_count: u32,
    /// In the matrix's words.
    pub class: BlastClass,
    /// How many of those are services.
    pub dependent_services_count: u32,
    /// How many further items fail with them.
    pub dependents_count: u32,
    /// The most critical tier among changed items and dependents.
    pub highest_tier: Tier,
    /// Whether these are all, or the search ended at its limit.
    pub is_complete: bool,
    /// The dependents, and why each is reached; the first [`REACHED_LISTED_MAX`].
    pub reached: Vec<Reached>,
    /// Why.
    pub sentence: String,
    /// Described services that are changed or fail with changed items, as a share of all services.
    pub share: Share,
}

impl BlastRadius {
    /// That of a change of unknown size to one item.
    pub fn of_item(item: &CiName, cmdb: &Cmdb) -> Self {
        let (services, items) = (BTreeSet::new(), BTreeSet::from([item.clone()]));
        Self::of(&Scope::naming(&services, &items, cmdb), None, cmdb)
    }

    pub(super) fn of(scope: &Scope<'_>, churn: Option<Churn>, cmdb: &Cmdb) -> Self {
        let dependents = Dependents::of(&scope.reach);
        let bearers = Bearers::of(scope, &dependents);
        let changed_services = scope.known.values().filter(|ci| ci.is_service()).count();
        let services = changed_services + bearers.others.services;
        let share = basis_points(services, cmdb.services());
        let is_complete = scope.reach.cut().is_none();
        let is_wide = share >= SYSTEM_WIDE_SHARE_BASIS_POINTS && services >= SYSTEM_WIDE_SERVICES_MIN;
        let (class, sentence) = if bearers.tiers.contains(&Tier::Zero) && bearers.tiers.len() > 1 {
            (BlastClass::SystemWide, "it reaches Tier 0 together with another tier".to_owned())
        } else if is_wide {
            (
                BlastClass::SystemWide,
                format!("it reaches {services} of {}", counted(cmdb.services(), "service")),
            )
        } else if !is_complete {
            let sentence = format!("it reaches more than {}", counted(ASSESSED_ITEMS_MAX, ITEM));
            (BlastClass::SystemWide, sentence)
        } else {
            bearers.classify_narrow(scope, churn)
        };
        let changed_tier = scope.changed_tier().map(|(_, stated)| stated.tier);
        let unknown_tier = scope.has_unknown_tier().then_some(UNKNOWN_TIER);
        let tiers = [changed_tier, unknown_tier, dependents.highest_tier];
        Self {
            class,
            sentence,
            changed_count: bounded_count(scope.things()),
            dependents_count: bounded_count(scope.reach.reached().len()),
            dependent_services_count: bounded_count(bearers.others.services),
            is_complete,
            share: in_range(Share::new(i64::try_from(share).unwrap_or(i64::MAX))),
            highest_tier: tiers.into_iter().flatten().min().unwrap_or(Tier::Zero),
            reached: dependents.listed.iter().map(|reached| explain(scope, reached)).collect(),
        }
    }
}

const ITEM: &str = "configuration item";

/// What is reached: a wide change reaches ten thousand items, so each is looked at once.
struct Dependents<'a> {
    /// Services, and other items on which nothing further depends.
    bearers: Count,
    /// Tiers of those, as far as they are stated.
    bearers_tiers: BTreeSet<Tier>,
    /// The most critical stated tier of all.
    highest_tier: Option<Tier>,
    /// The first [`REACHED_LISTED_MAX`], the most critical ones first and of equally critical ones the nearest.
    listed: Vec<ReachedCi<'a>>,
}

impl<'a> Dependents<'a> {
    fn of(reach: &Reach<'a>) -> Self {
        let mut bearers = Count { services: 0, items: 0 };
        let mut bearers_tiers = BTreeSet::new();
        // Those without a stated tier come last.
        let mut by_tier: BTreeMap<(bool, Option<Tier>), Vec<ReachedCi<'a>>> = BTreeMap::new();
        for reached in reach.reached() {
            let tier = reached.ci.tier().map(|stated| stated.tier);
            let listed = by_tier.entry((tier.is_none(), tier)).or_default();
            if listed.len() < REACHED_LISTED_MAX {
                listed.push(reached);
            }
            if reached.ci.is_service() {
                bearers.services += 1;
            } else if reached.is_last() {
                bearers.items += 1;
            } else {
                continue;
            }
            bearers_tiers.extend(tier);
        }
        let highest_tier = by_tier.keys().next().and_then(|(_, tier)| *tier);
        let listed = by_tier.into_values().flatten().take(REACHED_LISTED_MAX).collect();
        Self { bearers, bearers_tiers, highest_tier, listed }
    }
}

/// Who bears a failure.
struct Bearers {
    /// Services that are changed, and other changed items on which nothing further depends.
    changed: Count,
    /// Reached services, and other reached items on which nothing further depends.
    others: Count,
    /// Their tiers, as far as they are stated, and what unknown ones count as.
    tiers: BTreeSet<Tier>,
}

/// Services and other items.
#[derive(Debug, Clone, Copy)]
struct Count {
    services: usize,
    items: usize,
}

impl Count {
    fn all(self) -> usize {
        self.services + self.items
    }

    /// `2 other services and 1 other configuration item`.
    fn told(self, other: &str) -> String {
        let services = counted(self.services, &format!("{other}service"));
        let items = counted(self.items, &format!("{other}{ITEM}"));
        match (self.services, self.items) {
            (_, 0) => services,
            (0, _) => items,
            _ => format!("{services} and {items}"),
        }
    }
}

impl Bearers {
    fn of(scope: &Scope<'_>, dependents: &Dependents<'_>) -> Self {
        let known = scope.known.values();
        let (services, items): (Vec<Ci<'_>>, Vec<_>) = known.partition(|ci| scope.is_service(ci.name()));
        let items: Vec<_> = items.into_iter().filter(Ci::is_last).collect();
        let changed = || services.iter().chain(&items);
        let is_unknown = scope.names_no_service()
            || !scope.unknown_services.is_empty()
            || changed().any(|ci| scope.untiered.binary_search(&ci.name()).is_ok());
        let changed_tiers = changed().filter_map(Ci::tier).map(|stated| stated.tier);
        let other_tiers = dependents.bearers_tiers.iter().copied();
        Self {
            tiers: changed_tiers.chain(other_tiers).chain(is_unknown.then_some(UNKNOWN_TIER)).collect(),
            changed: Count { services: services.len() + scope.unknown_services.len(), items: items.len() },
            others: dependents.bearers,
        }
    }

    /// The class of a change that is not system-wide.
    fn classify_narrow(&self, scope: &Scope<'_>, churn: Option<Churn>) -> (BlastClass, String) {
        let (changed, others) = (self.changed.all(), self.others.all());
        if changed + others > 1 {
            let sentence = match (changed, others) {
                (_, 0) => format!("it changes {}", self.changed.told("")),
                (0, _) => format!("it changes parts of {}", self.others.told("")),
                _ => format!("{} would fail with it", self.others.told("other ")),
            };
            return (BlastClass::MultiService, sentence);
        }
        if !scope.is_known() {
            return (BlastClass::SingleService, "what depends on it is not known".to_owned());
        }
        if others == 0 && scope.reach.reached().len() > 0 {
            return (BlastClass::SingleService, "only its own parts would fail with it".to_owned());
        }
        if self.tiers.iter().eq(&[Tier::Three]) {
            let part = if changed == 0 { "a part of " } else { "" };
            let sentence = format!("it changes {part}one Tier 3 service that nothing depends on");
            return (BlastClass::Component, sentence);
        }
        if churn.is_some_and(|churn| churn.lines < PART_LINES_LIMIT) {
            let sentence = "it changes a part of one service that nothing depends on";
            return (BlastClass::Component, sentence.to_owned());
        }
        let sentence = match churn {
            Some(_) => format!("it changes one service, {PART_LINES_LIMIT} lines or more"),
            None => "it changes one service, and how much of it is not known".to_owned(),
        };
        (BlastClass::SingleService, sentence)
    }
}

fn explain<'a>(scope: &Scope<'a>, reached: &ReachedCi<'a>) -> Reached {
    let path = scope.reach.path(reached);
    let hops = path.hops.iter().take(PATH_LISTED_MAX).map(|link| Hop {
        item: link.ci.to_name(),
        relation: link.relation_type,
        strength: link.strength,
    });
    Reached {
        item: reached.ci.to_name(),
        ci_type: reached.ci.ci_type().unwrap_or(CiType::Other),
        tier: reached.ci.tier().as_ref().map(SourcedTier::of),
        hops: reached.depth,
        from: path.start.to_name(),
        path: hops.collect(),
    }
}

/// `part` of `whole` in basis points, rounded down; nothing of nothing.
fn basis_points(part: usize, whole: usize) -> usize {
    part.min(whole).saturating_mul(10_000).checked_div(whole).unwrap_or(0)
}

fn bounded_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
