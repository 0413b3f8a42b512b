//! The file of services that people keep: which services exist, how critical each is and what it needs.
//!
//! A service is an item of the CMDB; [`Cmdb::plan_services`](crate::cmdb::Cmdb::plan_services) turns such a file into
//! descriptions by the source `catalog`. Tiers and strengths are the same for every item.

mod error;
mod service;

pub use error::CatalogError;
pub use service::{Dependency, Service, Strength, Tier, UnknownTier};

/// Most services that people declare.
pub const SERVICES_MAX: usize = 100_000;
/// Most dependencies of one service.
pub const DEPENDENCIES_MAX: usize = 1_000;
