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
    /// The events that make `services` what the source `catalog` says; none when it says the same already. Services that
    /// the file does not name stay, or are retired. A dependency may lead to a service of the file, or to an item that
    /// is described and stays.
    ///
    /// # Errors
    /// When the file contradicts itself, leads to an unknown item or exceeds a limit.
    pub fn plan_services(&self, services: &[Service], absent: Deletion) -> Result<ImportPlan, CatalogError> {
        let mut declared = BTreeSet::new();
        for service in services {
            if !declared.insert(&service.name) {
                return Err(CatalogError::Duplicate { service: service.name.clone() });
            }
            check_own_dependencies(service)?;
        }
        self.check_dependencies(services, &declared, absent)?;
        let catalog = SourceName::catalog();
        let kept = match absent {
            Deletion::Keep => self.described_by(&catalog).filter(|ci| !names(&declared, ci)).count(),
            Deletion::Withdraw => 0,
        };
        let count = declared.len() + kept;
        if count > SERVICES_MAX {
            return Err(CatalogError::TooManyServices { count });
        }
        let descriptions: Vec<_> =
            services.iter().map(|service| (CiName::from(&service.name), describe(service))).collect();
        Ok(self.plan_import(&catalog, &descriptions, absent)?)
    }

    /// The events by which the source `catalog` withdraws services.
    ///
    /// # Errors
    /// When it does not have one of them, or something that stays depends on one of which nothing else would be known.
    pub fn plan_retirement(&self, services: &BTreeSet<ServiceName>) -> Result<ImportPlan, CatalogError> {
        let catalog = SourceName::catalog();
        let retired: BTreeSet<_> = services.iter().collect();
        let mut plan = ImportPlan::default();
        for service in services {
            let Some(ci) = self.get(service.as_str()).filter(|ci| is_stated_by(ci, &catalog)) else {
                return Err(CatalogError::Unknown {
                    service: service.clone(),
                    suggestions: self.owned_suggestions(service.as_str()),
                });
            };
            let is_gone = ci.sources().all(|(source, _)| *source == catalog);
            let mut staying = ci.dependents().filter(|link| !names(&retired, &link.ci));
            if is_gone && let Some(link) = staying.next() {
                let (service, dependent) = (service.clone(), link.ci.to_name());
                return Err(CatalogError::StillNeeded { service, dependent });
            }
            plan.changes.push(withdrawal(CiName::from(service), &catalog));
        }
        Ok(plan)
    }

    fn check_dependencies(
        &self,
        services: &[Service],
        declared: &BTreeSet<&ServiceName>,
        absent: Deletion,
    ) -> Result<(), CatalogError> {
        let catalog = SourceName::catalog();
        let stays = |ci: &Ci<'_>| match absent {
            Deletion::Keep => true,
            Deletion::Withdraw => ci.sources().any(|(source, _)| *source != catalog),
        };
        let edges =
            services.iter().flat_map(|service| service.depends_on.iter().map(move |to| (service, to)));
        for (service, Dependency { service: dependency, .. }) in edges {
            let is_known = || self.described(dependency.as_str()).is_some_and(|ci| stays(&ci));
            if !declared.contains(dependency) && !is_known() {
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

/// What the source `catalog` says of a service.
fn describe(service: &Service) -> Description {
    let relations = service.depends_on.iter().map(|dependency| Relation {
        relation_type: RelationType::DependsOn,
        to: CiName::from(&dependency.service),
        strength: dependency.strength,
        because: None,
    });
    Description {
        tier: Some(service.tier),
        owner: service.owner.clone(),
        relations: relations.collect(),
        ..Description::new(SourceName::catalog(), CiType::Service)
    }
}

fn names(services: &BTreeSet<&ServiceName>, ci: &Ci<'_>) -> bool {
    ServiceName::new(ci.name()).is_ok_and(|name| services.contains(&name))
}

fn is_stated_by(ci: &Ci<'_>, source: &SourceName) -> bool {
    ci.sources().any(|(stating, _)| stating == source)
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
