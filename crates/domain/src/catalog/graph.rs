//! The catalogue as the fold of its events, with an index from each service to those that depend on it.

use std::collections::BTreeMap;

use super::event::CatalogEvent;
use super::reach::Reach;
use super::service::{Service, Strength, Tier};
use super::suggest;
use crate::id::ServiceName;

/// All services, as the events so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    services: BTreeMap<ServiceName, Service>,
    /// For each service, who names it in `depends_on`, and how strongly.
    dependents: BTreeMap<ServiceName, BTreeMap<ServiceName, Strength>>,
}

impl Catalog {
    /// The catalogue after `event`. Total: any recorded event can be folded.
    #[must_use]
    pub fn evolve(mut self, event: &CatalogEvent) -> Self {
        match event {
            CatalogEvent::ServiceDeclared { service } => self.insert(service.clone()),
            CatalogEvent::ServiceRetired { name } => self.remove(name),
        }
        self
    }

    /// The service of that name.
    pub fn get(&self, name: &ServiceName) -> Option<&Service> {
        self.services.get(name)
    }

    /// How critical the service of that name is.
    pub fn tier(&self, name: &ServiceName) -> Option<Tier> {
        self.get(name).map(|service| service.tier)
    }

    /// Every service, by name.
    pub fn services(&self) -> impl ExactSizeIterator<Item = &Service> {
        self.services.values()
    }

    /// How many services there are.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether nothing has been declared.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Services that name `name` in their `depends_on`, and how strongly.
    pub fn dependents(&self, name: &ServiceName) -> impl Iterator<Item = (&ServiceName, Strength)> {
        self.dependents.get(name).into_iter().flatten().map(|(dependent, strength)| (dependent, *strength))
    }

    /// Everything that fails when `changed` fail: the services that depend hard on one of them, directly or through
    /// others, each with the shortest path that explains it. Names outside the catalogue reach nothing.
    pub fn hard_dependents<'a>(&'a self, changed: impl IntoIterator<Item = &'a ServiceName>) -> Reach<'a> {
        Reach::new(self, changed)
    }

    /// Names in the catalogue that are spelt almost like `name`, the nearest first, at most three.
    pub fn suggest(&self, name: &str) -> Vec<&ServiceName> {
        suggest::nearest(name, self.services.keys())
    }

    fn insert(&mut self, service: Service) {
        self.remove(&service.name);
        for dependency in &service.depends_on {
            let dependents = self.dependents.entry(dependency.service.clone()).or_default();
            dependents.insert(service.name.clone(), dependency.strength);
        }
        self.services.insert(service.name.clone(), service);
    }

    fn remove(&mut self, name: &ServiceName) {
        let Some(service) = self.services.remove(name) else { return };
        for dependency in &service.depends_on {
            if let Some(dependents) = self.dependents.get_mut(&dependency.service) {
                dependents.remove(name);
                if dependents.is_empty() {
                    self.dependents.remove(&dependency.service);
                }
            }
        }
    }
}
