//! The file of services that people keep, as descriptions by the source `catalog`: a service is an item like any
//! other, and its dependencies are relations. Because people write the file, a name in it that nothing bears is refused
//! as a slip, where an importer's would be kept as an unknown item.

use std::collections::BTreeSet;

use super::description::{CiType, Description, SourceName};
use super::graph::{Ci, Cmdb};
use super::import::{Deletion, ImportPlan, withdrawal};
use super::relation::{Relation, RelationType};
use crate::catalog::{CatalogError, DEPENDENCIES_MAX, Dependency, SERVICES_MAX, Service};
use crate::id::{CiName, ServiceName};

impl Cmdb {
    /// The events that make the source `catalog` say `services` and withdraw `retire`; none when it says the same
    /// already. Services that are in neither stay as they are. A dependency may lead to a service of the file, or to an
    /// item that is described and stays.
    ///
    /// # Errors
    /// When the file contradicts itself, leads to an unknown item, retires what is unknown or still needed, or exceeds a
    /// limit.
    pub fn plan_services(
        &self,
        services: &[Service],
        retire: &BTreeSet<ServiceName>,
    ) -> Result<ImportPlan, CatalogError> {
        let mut declared = BTreeSet::new();
        for service in services {
            if !declared.insert(&service.name) {
                return Err(CatalogError::Duplicate { service: service.name.clone() });
            }
            if retire.contains(&service.name) {
                return Err(CatalogError::DeclaredAndRetired { service: service.name.clone() });
            }
            check_own_dependencies(service)?;
        }
        let catalog = SourceName::catalog();
        for service in retire {
            self.check_retired(service, &catalog)?;
            self.check_needed(service, services, &declared, retire)?;
        }
        self.check_dependencies(services, &declared)?;
        let kept = self.described_by(&catalog).filter(|ci| !names(&declared, ci)).count();
        let count = (declared.len() + kept).saturating_sub(retire.len());
        if count > SERVICES_MAX {
            return Err(CatalogError::TooManyServices { count });
        }
        let descriptions = services.iter().map(|service| {
            let name = CiName::from(&service.name);
            (name, Description::of_service(service))
        });
        let descriptions: Vec<_> = descriptions.collect();
        let mut plan = self.plan_import(&catalog, &descriptions, Deletion::Keep)?;
        plan.changes.extend(retire.iter().map(|service| withdrawal(CiName::from(service), &catalog)));
        Ok(plan)
    }

    fn check_retired(&self, service: &ServiceName, catalog: &SourceName) -> Result<(), CatalogError> {
        if self.get(service.as_str()).is_some_and(|ci| ci.sources().any(|(source, _)| source == catalog)) {
            return Ok(());
        }
        let suggestions = self.owned_suggestions(service.as_str());
        Err(CatalogError::Unknown { service: service.clone(), suggestions })
    }

    /// Refuses to retire the last description of an item on which something depends that stays. What another source
    /// still describes is not gone.
    fn check_needed(
        &self,
        service: &ServiceName,
        services: &[Service],
        declared: &BTreeSet<&ServiceName>,
        retire: &BTreeSet<ServiceName>,
    ) -> Result<(), CatalogError> {
        let Some(ci) = self.get(service.as_str()).filter(|ci| ci.sources().count() == 1) else {
            return Ok(());
        };
        let retired: BTreeSet<_> = retire.iter().collect();
        let redeclared =
            services.iter().find(|other| other.depends_on.iter().any(|to| to.service == *service));
        let mut staying = ci.dependents().map(|link| link.ci);
        let dependent = match redeclared {
            Some(other) => Some(CiName::from(&other.name)),
            None => staying.find(|ci| !names(&retired, ci) && !names(declared, ci)).map(|ci| ci.to_name()),
        };
        match dependent {
            Some(dependent) => Err(CatalogError::StillNeeded { service: service.clone(), dependent }),
            None => Ok(()),
        }
    }

    fn check_dependencies(
        &self,
        services: &[Service],
        declared: &BTreeSet<&ServiceName>,
    ) -> Result<(), CatalogError> {
        let edges =
            services.iter().flat_map(|service| service.depends_on.iter().map(move |to| (service, to)));
        for (service, Dependency { service: dependency, .. }) in edges {
            if !declared.contains(dependency) && self.described(dependency.as_str()).is_none() {
                return Err(CatalogError::UnknownDependency {
                    service: service.name.clone(),
                    dependency: dependency.clone(),
                    suggestions: self.owned_suggestions(dependency.as_str()),
                });
            }
        }
        Ok(())
    }

    fn owned_suggestions(&self, name: &str) -> Vec<CiName> {
        self.suggest(name).into_iter().filter_map(|name| CiName::new(name).ok()).collect()
    }
}

impl Description {
    /// What the source `catalog` says of a service.
    pub fn of_service(service: &Service) -> Self {
        let relations = service.depends_on.iter().map(|dependency| Relation {
            relation_type: RelationType::DependsOn,
            to: CiName::from(&dependency.service),
            strength: dependency.strength,
            because: None,
        });
        let description = Self {
            tier: Some(service.tier),
            owner: service.owner.clone(),
            relations: relations.collect(),
            ..Self::new(SourceName::catalog(), CiType::Service)
        };
        description.normalised()
    }
}

fn names(services: &BTreeSet<&ServiceName>, ci: &Ci<'_>) -> bool {
    ServiceName::new(ci.name()).is_ok_and(|name| services.contains(&name))
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
