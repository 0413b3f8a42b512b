//! The service catalogue as the file that would declare it.

use api::catalog as wire;
use domain::catalog::{Catalog, Dependency, Service, Strength};

/// The whole catalogue, by name.
pub(crate) fn catalog(catalog: &Catalog) -> wire::CatalogFile {
    wire::CatalogFile { services: catalog.services().map(service).collect(), retire: Vec::new() }
}

fn service(service: &Service) -> wire::Service {
    wire::Service {
        name: service.name.to_string(),
        tier: service.tier.number(),
        owner: service.owner.as_ref().map(ToString::to_string),
        depends_on: service.depends_on.iter().map(dependency).collect(),
    }
}

fn dependency(dependency: &Dependency) -> wire::Dependency {
    let service = dependency.service.to_string();
    match dependency.strength {
        Strength::Hard => wire::Dependency::Name(service),
        Strength::Soft => {
            let strength = dependency.strength.to_string();
            wire::Dependency::Full(wire::FullDependency { service, strength })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture;

    #[test]
    fn what_is_shown_can_be_applied_again() {
        let file = catalog(&fixture::known().catalog);
        let names: Vec<_> = file.services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["cortex-chat-backend", "development-master", "youtube-ingestion"]);
        let hard = wire::Dependency::Name("cortex-chat-backend".to_owned());
        assert_eq!(file.services[1].depends_on, [hard]);
        let soft = Dependency { service: "cache".parse().unwrap(), strength: Strength::Soft };
        let json = serde_json::to_value(dependency(&soft)).unwrap();
        assert_eq!(json, serde_json::json!({ "service": "cache", "strength": "soft" }));
    }
}
