//! What happens to configuration items.

use serde::{Deserialize, Serialize};

use super::description::{Description, SourceName};

/// One fact in the stream `ci/<id>` of a configuration item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum CiEvent {
    /// A source describes the item, for the first time or anew; what it said before no longer counts.
    #[serde(rename = "ci.described")]
    Described {
        /// All that this source says of it.
        description: Description,
    },
    /// A source no longer has the item. When no source has it any more, it is retired.
    #[serde(rename = "ci.withdrawn")]
    Withdrawn {
        /// Which source.
        source: SourceName,
    },
}

/// One fact in the stream `cmdb`, written with every edit of items, so that its version names a state of the CMDB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum CmdbEvent {
    /// Items were edited together.
    #[serde(rename = "cmdb.edited")]
    Edited {
        /// Who said it.
        source: SourceName,
        /// How many items were described.
        described: u32,
        /// How many items the source withdrew.
        withdrawn: u32,
    },
}
