//! Comparing a file of services with the catalogue: which events make the difference, or why there is none to make.

use std::collections::{BTreeMap, BTreeSet};

use super::error::CatalogError;
use super::event::CatalogEvent;
use super::graph::Catalog;
use super::service::Service;
use super::{DEPENDENCIES_MAX, SERVICES_MAX};
use crate::id::{CiName, ServiceName};

impl Catalog {
    /// The events that bring `services` into the catalogue; none when it already says the same. Services that are not
    /// named stay as they are. A dependency may lead to a service of the catalogue or of the same file.
    ///
    /// # Errors
    /// When the file contradicts itself, leads to an unknown service or exceeds a limit.
    pub fn declare(&self, services: &[Service]) -> Result<Vec<CatalogEvent>, CatalogError> {
        let declared = check_each(services)?;
        self.check_dependencies(&declared, |name| self.get(name).is_some())?;
        let new = declared.keys().filter(|name| self.get(name).is_none()).count();
        check_size(self.len().saturating_add(new))?;
        Ok(self.differences(services))
    }

    /// The events that make `services` the whole catalogue: like [`Catalog::declare`], and every service that is not
    /// named is retired.
    ///
    /// # Errors
    /// When the file contradicts itself, leads to a service that it does not declare or exceeds a limit.
    pub fn replace(&self, services: &[Service]) -> Result<Vec<CatalogEvent>, CatalogError> {
        let declared = check_each(services)?;
        self.check_dependencies(&declared, |_| false)?;
        check_size(declared.len())?;
        let absent = self.services().filter(|service| !declared.contains_key(&service.name));
        let retired = absent.map(|service| CatalogEvent::ServiceRetired { name: service.name.clone() });
        let mut events = self.differences(services);
        events.extend(retired);
        Ok(events)
    }

    /// The events that retire `names`.
    ///
    /// # Errors
    /// When a name is not in the catalogue, or a service that stays depends on it.
    pub fn retire(&self, names: &BTreeSet<ServiceName>) -> Result<Vec<CatalogEvent>, CatalogError> {
        for name in names {
            if self.get(name).is_none() {
                let suggestions = self.owned_suggestions(name);
                return Err(CatalogError::Unknown { service: name.clone(), suggestions });
            }
            if let Some((dependent, _)) =
                self.dependents(name).find(|(dependent, _)| !names.contains(dependent))
            {
                return Err(CatalogError::StillNeeded { service: name.clone(), dependent: dependent.into() });
            }
        }
        Ok(names.iter().map(|name| CatalogEvent::ServiceRetired { name: name.clone() }).collect())
    }

    fn check_dependencies(
        &self,
        declared: &BTreeMap<&ServiceName, &Service>,
        is_known: impl Fn(&ServiceName) -> bool,
    ) -> Result<(), CatalogError> {
        let edges =
            declared.values().flat_map(|service| service.depends_on.iter().map(move |to| (service, to)));
        for (service, dependency) in edges {
            if !declared.contains_key(&dependency.service) && !is_known(&dependency.service) {
                return Err(CatalogError::UnknownDependency {
                    service: service.name.clone(),
                    dependency: dependency.service.clone(),
                    suggestions: self.owned_suggestions(&dependency.service),
                });
            }
        }
        Ok(())
    }

    /// One event for each service that the catalogue does not know, or knows otherwise, in the order given.
    fn differences(&self, services: &[Service]) -> Vec<CatalogEvent> {
        let normalised = services.iter().map(|service| {
            let mut service = service.clone();
            service.depends_on.sort();
            service
        });
        normalised
            .filter(|service| self.get(&service.name) != Some(service))
            .map(|service| CatalogEvent::ServiceDeclared { service })
            .collect()
    }

    fn owned_suggestions(&self, name: &ServiceName) -> Vec<CiName> {
        self.suggest(name.as_str()).into_iter().map(CiName::from).collect()
    }
}

/// Checks what each entry says by itself, and that no name occurs twice.
fn check_each(services: &[Service]) -> Result<BTreeMap<&ServiceName, &Service>, CatalogError> {
    let mut declared = BTreeMap::new();
    for service in services {
        if declared.insert(&service.name, service).is_some() {
            return Err(CatalogError::Duplicate { service: service.name.clone() });
        }
        check_own_dependencies(service)?;
    }
    Ok(declared)
}

fn check_own_dependencies(service: &Service) -> Result<(), CatalogError> {
    let count = service.depends_on.len();
    if count > DEPENDENCIES_MAX {
        return Err(CatalogError::TooManyDependencies { service: service.name.clone(), count });
    }
    let mut seen = BTreeSet::new();
    for dependency in &service.depends_on {
        if dependency.service == service.name {
            return Err(CatalogError::SelfDependency { service: service.name.clone() });
        }
        if !seen.insert(&dependency.service) {
            let dependency = dependency.service.clone();
            return Err(CatalogError::DuplicateDependency { service: service.name.clone(), dependency });
        }
    }
    Ok(())
}

fn check_size(count: usize) -> Result<(), CatalogError> {
    if count > SERVICES_MAX { Err(CatalogError::TooManyServices { count }) } else { Ok(()) }
}
