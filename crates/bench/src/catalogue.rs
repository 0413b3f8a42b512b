//! The services that assessments look up.

use api::catalog::{CatalogFile, Dependency, Service};

/// Number of services besides those that requests name.
const OTHERS: u8 = 60;

/// A catalogue as of a small company: what the requests name, and a chain of services on top of `identity`.
pub fn catalogue() -> CatalogFile {
    let service = |name: &str, tier, needs: &[&str]| Service {
        name: name.to_owned(),
        tier,
        owner: None,
        depends_on: needs.iter().map(|name| Dependency::Name((*name).to_owned())).collect(),
    };
    let mut services = vec![
        service("identity", 0, &[]),
        service("checkout", 1, &["identity"]),
        service("greeter", 2, &["identity"]),
    ];
    for number in 0..OTHERS {
        let needs = if number % 4 == 0 { "identity".to_owned() } else { format!("service-{}", number - 1) };
        services.push(service(&format!("service-{number}"), 1 + number % 3, &[&needs]));
    }
    CatalogFile { services, retire: Vec::new() }
}
