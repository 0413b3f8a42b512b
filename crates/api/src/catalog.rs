//! The service catalogue as users write and read it.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::field::text_or_object;

/// A file of services: `services:` and the list.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogFile {
    /// The services.
    pub services: Vec<Service>,
    /// Names of services to retire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retire: Vec<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Unique.
    pub name: String,
    /// 0 (critical) to 3 (low).
    pub tier: u8,
    /// The person or team that answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Services it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependency>,
}

/// A service that is needed: its name alone is a hard dependency.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Dependency {
    /// A hard dependency.
    Name(String),
    /// In full.
    Full(FullDependency),
}

impl<'de> Deserialize<'de> for Dependency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a service name, or an object with `service` and `strength`";
        text_or_object(deserializer, expecting, Self::Name, Self::Full)
    }
}

/// A service that is needed, and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FullDependency {
    /// Its name.
    pub service: String,
    /// `hard`: fails without it; `soft`: works, slower or poorer.
    pub strength: String,
}

/// What applying a file did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// Services declared anew or changed.
    pub declared: Vec<String>,
    /// Services retired.
    pub retired: Vec<String>,
    /// Services that were already as written.
    pub unchanged: u64,
}
