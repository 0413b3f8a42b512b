//! How one configuration item leans on another.

use serde::{Deserialize, Serialize};

use super::description::bounded_line;
use crate::catalog::Strength;
use crate::change::kind::words;
use crate::id::CiName;

words!(
    /// How an item leans on another. In each case a failure of the other one reaches the item that states the relation.
    RelationType, "relation type", {
        /// It needs the other one; nothing more is said.
        DependsOn = "depends_on",
        /// The other one carries it: a host, a cluster, a namespace.
        RunsOn = "runs_on",
        /// It calls the other one over a network.
        ConnectsTo = "connects_to",
        /// It reads the other one: configuration, a secret, an image, a volume.
        Uses = "uses",
        /// The other one is a part of it.
        Contains = "contains",
    }
);

bounded_line!(
    /// From what an importer concluded a relation, for example `env DATABASE_URL of container api`.
    Because, "reason of a relation", 256
);

/// One item leans on another, as one source says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// In which way.
    #[serde(rename = "type")]
    pub relation_type: RelationType,
    /// The other item, which need not be described anywhere.
    pub to: CiName,
    /// Whether it fails with the other one. Where a source does not say, it counts as hard.
    pub strength: Strength,
    /// From what the source concludes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
}
