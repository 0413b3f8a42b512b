//! Why a declaration of services is refused.

use super::{DEPENDENCIES_MAX, SERVICES_MAX};
use crate::cmdb::CmdbError;
use crate::id::{CiName, ServiceName};

/// Why a declaration of services is refused. Nothing of it takes effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// One name twice.
    #[error("service `{service}` is declared twice: keep one of the two entries")]
    Duplicate {
        /// The name.
        service: ServiceName,
    },
    /// One name to be kept and to go.
    #[error("service `{service}` is both declared and retired: keep one of the two")]
    DeclaredAndRetired {
        /// The name.
        service: ServiceName,
    },
    /// A service needs itself.
    #[error("service `{service}` depends on itself: remove the entry from its `depends_on`")]
    SelfDependency {
        /// The service.
        service: ServiceName,
    },
    /// A service needs another twice.
    #[error("service `{service}` names `{dependency}` twice in `depends_on`: keep one entry, hard or soft")]
    DuplicateDependency {
        /// The dependent.
        service: ServiceName,
        /// What it names twice.
        dependency: ServiceName,
    },
    /// A service needs one that does not exist.
    #[error(
        "service `{service}` depends on `{dependency}`, which is not in the catalogue: declare it in the same file{}",
        did_you_mean(.suggestions)
    )]
    UnknownDependency {
        /// The dependent.
        service: ServiceName,
        /// What it names.
        dependency: ServiceName,
        /// Names that are spelt almost like it.
        suggestions: Vec<CiName>,
    },
    /// A service to be retired does not exist.
    #[error("service `{service}` is not in the catalogue: list its names{}", did_you_mean(.suggestions))]
    Unknown {
        /// The name.
        service: ServiceName,
        /// Names that are spelt almost like it.
        suggestions: Vec<CiName>,
    },
    /// A service to be retired is still needed.
    #[error(
        "service `{service}` cannot be retired while `{dependent}` depends on it: retire or redeclare `{dependent}` too"
    )]
    StillNeeded {
        /// The service to be retired.
        service: ServiceName,
        /// One that stays and needs it.
        dependent: CiName,
    },
    /// Too many dependencies.
    #[error("service `{service}` has {count} dependencies: at most {DEPENDENCIES_MAX} are accepted")]
    TooManyDependencies {
        /// The service.
        service: ServiceName,
        /// How many it has.
        count: usize,
    },
    /// Too many services.
    #[error("the catalogue would have {count} services: at most {SERVICES_MAX} are accepted; retire some")]
    TooManyServices {
        /// How many there would be.
        count: usize,
    },
    /// What holds for every description of items.
    #[error(transparent)]
    Cmdb(#[from] CmdbError),
}

fn did_you_mean(suggestions: &[CiName]) -> String {
    if suggestions.is_empty() {
        return String::new();
    }
    let names: Vec<_> = suggestions.iter().map(|name| format!("`{name}`")).collect();
    format!(", or did you mean {}?", names.join(" or "))
}
