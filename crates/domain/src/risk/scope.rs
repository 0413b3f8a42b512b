//! What a change touches, as far as the catalogue knows it.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, Service, Tier};
use crate::change::Content;
use crate::id::{CiName, ServiceName};

/// The tier of a service that the catalogue does not know.
pub(super) const UNKNOWN_TIER: Tier = Tier::One;

/// Most unknown services for which the catalogue is searched for a similar name.
const NEAR_MISSES_MAX: usize = 3;

/// The services and configuration items that a request names, sorted into known and unknown ones.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// Catalogued services that are changed. A configuration item that bears a service's name is that service.
    pub(super) known: BTreeMap<&'a ServiceName, Tier>,
    /// Services that are not in the catalogue.
    pub(super) unknown_services: Vec<&'a ServiceName>,
    /// Configuration items that nobody has described.
    pub(super) unknown_cis: Vec<&'a CiName>,
    /// Catalogued services that the first few unknown ones may have meant.
    pub(super) near_misses: Vec<&'a ServiceName>,
}

impl<'a> Scope<'a> {
    pub(super) fn of(content: &'a Content, catalog: &'a Catalog) -> Self {
        let mut scope = Self {
            known: BTreeMap::new(),
            unknown_services: Vec::new(),
            unknown_cis: Vec::new(),
            near_misses: Vec::new(),
        };
        for name in &content.affected_services {
            match catalog.get(name) {
                Some(service) => scope.insert(service),
                None => scope.unknown_services.push(name),
            }
        }
        for name in &content.affected_cis {
            let service = ServiceName::new(name.as_str()).ok();
            match service.and_then(|service| catalog.get(&service)) {
                Some(service) => scope.insert(service),
                None => scope.unknown_cis.push(name),
            }
        }
        let searched = scope.unknown_services.iter().take(NEAR_MISSES_MAX);
        scope.near_misses =
            searched.flat_map(|name| catalog.suggest(name.as_str()).into_iter().take(1)).collect();
        scope
    }

    fn insert(&mut self, service: &'a Service) {
        self.known.insert(&service.name, service.tier);
    }

    /// How many services are changed. A request that names none still changes one.
    pub(super) fn services(&self) -> usize {
        self.known.len().saturating_add(self.unknown_services.len()).max(1)
    }

    /// How many services and other configuration items are changed, at least one.
    pub(super) fn things(&self) -> usize {
        self.known
            .len()
            .saturating_add(self.unknown_services.len())
            .saturating_add(self.unknown_cis.len())
            .max(1)
    }

    /// The tiers of what is changed, never empty: what is unknown has [`UNKNOWN_TIER`].
    pub(super) fn tiers(&self) -> impl Iterator<Item = Tier> {
        let has_unknown = self.names_no_service() || !self.unknown_services.is_empty();
        self.known.values().copied().chain(has_unknown.then_some(UNKNOWN_TIER))
    }

    /// Whether the request names neither a service nor a configuration item that is one.
    pub(super) fn names_no_service(&self) -> bool {
        self.known.is_empty() && self.unknown_services.is_empty()
    }

    /// Whether every named service and configuration item is catalogued, and at least one is named.
    pub(super) fn is_known(&self) -> bool {
        !self.known.is_empty() && self.unknown_services.is_empty() && self.unknown_cis.is_empty()
    }
}
