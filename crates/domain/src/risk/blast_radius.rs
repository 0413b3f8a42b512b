//! How far a failure of the change would reach.
//!
//! While nothing describes the parts of a service, a change counts as one to *a part* of a service when it names
//! exactly one service and fewer than [`PART_LINES_LIMIT`] lines are known to change. Unknown names, an unknown size
//! and hard dependents all rule that out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::scope::Scope;
use super::{counted, in_range};
use crate::catalog::{Catalog, Reach, Service, Tier};
use crate::change::Churn;
use crate::change::kind::words;
use crate::id::ServiceName;
use crate::number::Share;

/// Most dependents that an assessment lists: the most critical ones, and of equally critical ones the nearest.
pub const REACHED_LISTED_MAX: usize = 100;
/// Most services of a listed path, counted from the changed one; `hops` tells the whole length.
pub const PATH_LISTED_MAX: usize = 12;

/// A change of so many lines is no longer one to a part of a service. Unknown churn counts as so many.
pub(super) const PART_LINES_LIMIT: u64 = 500;
/// A change that reaches this share of all services is system-wide, …
const SYSTEM_WIDE_SHARE_BASIS_POINTS: usize = 2_500;
/// … provided it reaches so many: in a small catalogue a service and its only dependent are soon a quarter.
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

/// A service that fails with the changed ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// The service.
    pub service: ServiceName,
    /// How critical it is.
    pub tier: Tier,
    /// How many dependencies lie between a changed service and this one.
    pub hops: u32,
    /// A shortest path: a changed service, what depends on it, and so on; the first [`PATH_LISTED_MAX`] services.
    pub path: Vec<ServiceName>,
}

/// How far a failure would reach, and what it would reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlastRadius {
    /// In the matrix's words.
    pub class: BlastClass,
    /// Why.
    pub sentence: String,
    /// How many services are changed.
    pub changed_count: u32,
    /// How many further services depend hard on them.
    pub dependents_count: u32,
    /// Catalogued services that are changed or depend on changed ones, as a share of the catalogue.
    pub share: Share,
    /// The most critical tier among changed services and dependents.
    pub highest_tier: Tier,
    /// The dependents, and why each is reached; the first [`REACHED_LISTED_MAX`].
    pub reached: Vec<Reached>,
}

impl BlastRadius {
    pub(super) fn of(scope: &Scope<'_>, churn: Option<Churn>, catalog: &Catalog) -> Self {
        let reach = catalog.hard_dependents(scope.known.keys().copied());
        let mut dependents: Vec<_> = reach.dependents().iter().filter_map(|name| catalog.get(name)).collect();
        dependents.sort_by_key(|service| service.tier);
        let tiers: BTreeSet<Tier> =
            scope.tiers().chain(dependents.iter().map(|service| service.tier)).collect();
        let reached_count = scope.known.len().saturating_add(dependents.len());
        let share = basis_points(reached_count, catalog.len());
        let is_wide = share >= SYSTEM_WIDE_SHARE_BASIS_POINTS && reached_count >= SYSTEM_WIDE_SERVICES_MIN;
        let (class, sentence) = if tiers.contains(&Tier::Zero) && tiers.len() > 1 {
            (BlastClass::SystemWide, "it reaches Tier 0 together with another tier".to_owned())
        } else if is_wide {
            (
                BlastClass::SystemWide,
                format!("it reaches {reached_count} of {}", counted(catalog.len(), "service")),
            )
        } else {
            classify_narrow(scope, dependents.len(), churn)
        };
        Self {
            class,
            sentence,
            changed_count: bounded_count(scope.services()),
            dependents_count: bounded_count(dependents.len()),
            share: in_range(Share::new(i64::try_from(share).unwrap_or(i64::MAX))),
            highest_tier: tiers.first().copied().unwrap_or(Tier::Zero),
            reached: dependents
                .iter()
                .take(REACHED_LISTED_MAX)
                .map(|service| explain(&reach, service))
                .collect(),
        }
    }
}

/// The class of a change that is not system-wide.
fn classify_narrow(scope: &Scope<'_>, dependents: usize, churn: Option<Churn>) -> (BlastClass, String) {
    if dependents > 0 {
        return (
            BlastClass::MultiService,
            format!("{} would fail with it", counted(dependents, "other service")),
        );
    }
    if scope.services() > 1 {
        return (BlastClass::MultiService, format!("it changes {}", counted(scope.services(), "service")));
    }
    if !scope.is_known() {
        return (BlastClass::SingleService, "what depends on it is not known".to_owned());
    }
    if scope.tiers().all(|tier| tier == Tier::Three) {
        return (BlastClass::Component, "it changes one Tier 3 service that nothing depends on".to_owned());
    }
    if churn.is_some_and(|churn| churn.lines < PART_LINES_LIMIT) {
        let sentence = "it changes a part of one service that nothing depends on";
        return (BlastClass::Component, sentence.to_owned());
    }
    let sentence = format!("it changes one service, {PART_LINES_LIMIT} lines or more");
    (BlastClass::SingleService, sentence)
}

fn explain<'a>(reach: &Reach<'a>, service: &'a Service) -> Reached {
    let path = reach.path(&service.name);
    Reached {
        service: service.name.clone(),
        tier: service.tier,
        hops: bounded_count(path.len().saturating_sub(1)),
        path: path.into_iter().take(PATH_LISTED_MAX).cloned().collect(),
    }
}

/// `part` of `whole` in basis points, rounded down; nothing of nothing.
fn basis_points(part: usize, whole: usize) -> usize {
    part.min(whole).saturating_mul(10_000).checked_div(whole).unwrap_or(0)
}

fn bounded_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
