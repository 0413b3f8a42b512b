//! What happens to the catalogue.

use serde::{Deserialize, Serialize};

use super::service::Service;
use crate::id::ServiceName;

/// One fact in the stream `catalog`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum CatalogEvent {
    /// A service is new, or described anew.
    #[serde(rename = "catalog.service_declared")]
    ServiceDeclared {
        /// All that is known of it.
        service: Service,
    },
    /// A service is gone.
    #[serde(rename = "catalog.service_retired")]
    ServiceRetired {
        /// Which one.
        name: ServiceName,
    },
}
