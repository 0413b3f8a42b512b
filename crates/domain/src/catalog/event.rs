//! What happens to the catalogue.

use serde::{Deserialize, Serialize};

use super::service::Service;
use crate::id::ServiceName;

/// One fact in the stream `catalog`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum CatalogEvent {
    /// A service is new, or described anew.
    ServiceDeclared {
        /// All that is known of it.
        service: Service,
    },
    /// A service is gone.
    ServiceRetired {
        /// Which one.
        name: ServiceName,
    },
}
