//! The service catalogue.

use api::catalog::{Applied, CatalogFile, Dependency};

use super::{Table, cell};
use crate::shell::{Paint, plain};

/// Every service.
pub(crate) fn list(catalog: &CatalogFile, paint: Paint) -> String {
    const DEPENDS_ON: usize = 3;
    let mut table = Table::new(paint, &["SERVICE", "TIER", "OWNER", "DEPENDS ON"], DEPENDS_ON);
    for service in &catalog.services {
        let depends_on: Vec<_> = service.depends_on.iter().map(dependency).collect();
        table.row([
            cell(&service.name),
            service.tier.to_string(),
            service.owner.as_deref().map_or_else(|| "-".to_owned(), cell),
            if depends_on.is_empty() { "-".to_owned() } else { cell(&depends_on.join(", ")) },
        ]);
    }
    table.into_text()
}

/// What applying a file did or would do, in a sentence.
pub(crate) fn applied(applied: &Applied) -> String {
    let named = |what: &str, names: &[String]| match names {
        [] => format!("nothing {what}"),
        names => format!("{what} {}", plain(&names.join(", "))),
    };
    let Applied { declared, retired, unchanged } = applied;
    format!("{}; {}; {unchanged} unchanged", named("declared", declared), named("retired", retired))
}

fn dependency(dependency: &Dependency) -> String {
    match dependency {
        Dependency::Name(name) => name.clone(),
        Dependency::Full(full) if full.strength == "hard" => full.service.clone(),
        Dependency::Full(full) => format!("{} ({})", full.service, full.strength),
    }
}
