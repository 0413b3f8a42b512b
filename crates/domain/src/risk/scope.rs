//! What a change touches, as far as the CMDB knows it.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Tier;
use crate::change::Content;
use crate::cmdb::{Ci, Cmdb, Follow, Reach, ReachLimits, StatedTier};
use crate::id::{CiName, ServiceName};

/// The tier of what the CMDB does not know, or not the tier of.
pub(super) const UNKNOWN_TIER: Tier = Tier::One;
/// Most items that an assessment looks at besides the changed ones. A change that reaches more is system-wide.
pub(super) const ASSESSED_ITEMS_MAX: usize = 10_000;

/// Most unknown names of a kind for which the CMDB is searched for a similar one.
const NEAR_MISSES_MAX: usize = 3;

/// The services and configuration items that a request names, sorted into known and unknown ones, and what they reach.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// Described items that are changed, by name. A configuration item that bears a service's name is that service.
    pub(super) known: BTreeMap<&'a str, Ci<'a>>,
    /// Those of them that are services, or that the request names as such.
    services: BTreeSet<&'a str>,
    /// Services that nobody has described.
    pub(super) unknown_services: Vec<&'a ServiceName>,
    /// Configuration items that nobody has described.
    pub(super) unknown_cis: Vec<&'a CiName>,
    /// Described items that have no tier, and neither has anything that would fail with them.
    pub(super) untiered: Vec<&'a str>,
    /// Described items that the first few unknown services may have meant.
    pub(super) near_services: Vec<&'a str>,
    /// Described items that the first few unknown configuration items may have meant.
    pub(super) near_cis: Vec<&'a str>,
    /// What fails with all of them.
    pub(super) reach: Reach<'a>,
}

impl<'a> Scope<'a> {
    pub(super) fn of(content: &'a Content, cmdb: &'a Cmdb) -> Self {
        Self::naming(&content.affected_services, &content.affected_cis, cmdb)
    }

    pub(super) fn naming(
        affected_services: &'a BTreeSet<ServiceName>,
        affected_cis: &'a BTreeSet<CiName>,
        cmdb: &'a Cmdb,
    ) -> Self {
        let (mut known, mut services) = (BTreeMap::new(), BTreeSet::new());
        let (mut unknown_services, mut unknown_cis) = (Vec::new(), Vec::new());
        for name in affected_services {
            match cmdb.described(name.as_str()) {
                Some(ci) => {
                    known.insert(ci.name(), ci);
                    services.insert(ci.name());
                }
                None => unknown_services.push(name),
            }
        }
        for name in affected_cis {
            match cmdb.described(name.as_str()) {
                Some(ci) => {
                    known.insert(ci.name(), ci);
                    services.extend(ci.is_service().then_some(ci.name()));
                }
                None => unknown_cis.push(name),
            }
        }
        // What is described nowhere may still be named by relations, so that what depends on it is known.
        let service_names = unknown_services.iter().map(|name| name.as_str());
        let named = service_names.chain(unknown_cis.iter().map(|name| name.as_str()));
        let changed: Vec<_> =
            known.values().copied().chain(named.filter_map(|name| cmdb.get(name))).collect();
        let limits = ReachLimits { items_max: ASSESSED_ITEMS_MAX, ..ReachLimits::default() };
        let reach = cmdb.reach(changed, Follow::Hard, limits);
        let untiered = untiered(&reach, &known);
        let near = |names: &mut dyn Iterator<Item = &str>| -> Vec<&'a str> {
            let searched = names.take(NEAR_MISSES_MAX);
            searched.filter_map(|name| cmdb.suggest(name).into_iter().next()).collect()
        };
        Self {
            near_services: near(&mut unknown_services.iter().map(|name| name.as_str())),
            near_cis: near(&mut unknown_cis.iter().map(|name| name.as_str())),
            known,
            services,
            unknown_services,
            unknown_cis,
            untiered,
            reach,
        }
    }

    /// Whether a changed item is a service.
    pub(super) fn is_service(&self, name: &str) -> bool {
        self.services.contains(name)
    }

    /// How many services and other configuration items are changed, at least one.
    pub(super) fn things(&self) -> usize {
        (self.known.len() + self.unknown_services.len() + self.unknown_cis.len()).max(1)
    }

    /// The most critical stated tier of what is changed.
    pub(super) fn changed_tier(&self) -> Option<(Ci<'a>, StatedTier<'a>)> {
        let tiers = self.known.values().filter_map(|ci| ci.tier().map(|stated| (*ci, stated)));
        tiers.min_by_key(|(_, stated)| stated.tier)
    }

    /// Whether something that is changed counts as [`UNKNOWN_TIER`].
    pub(super) fn has_unknown_tier(&self) -> bool {
        self.names_nothing_known()
            || !self.untiered.is_empty()
            || !self.unknown_cis.is_empty()
            || !self.unknown_services.is_empty()
    }

    /// Whether the request names neither a service nor a described configuration item.
    pub(super) fn names_no_service(&self) -> bool {
        self.names_nothing_known() && self.unknown_services.is_empty()
    }

    /// Whether everything that is named is described, and at least one thing is named.
    pub(super) fn is_known(&self) -> bool {
        !self.names_nothing_known() && self.unknown_services.is_empty() && self.unknown_cis.is_empty()
    }

    fn names_nothing_known(&self) -> bool {
        self.known.is_empty()
    }
}

/// Described changed items of which no tier is known: a part counts with the tier of what contains it or depends on it.
fn untiered<'a>(reach: &Reach<'a>, known: &BTreeMap<&'a str, Ci<'a>>) -> Vec<&'a str> {
    if known.values().all(|ci| ci.tier().is_some()) {
        return Vec::new();
    }
    let without = reach.changed_without(|ci| ci.tier().is_some());
    let mut names: Vec<_> = without.into_iter().filter(Ci::is_described).map(|ci| ci.name()).collect();
    names.sort_unstable();
    names
}
