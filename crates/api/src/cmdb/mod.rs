//! The CMDB as users write and read it: configuration items, what they lean on, and what a failure of one reaches.

mod edit;
mod view;

pub use edit::{
    CiDescription, CiRelation, CmdbEdit, CmdbEdited, DomainEdit, FieldDifference, ItemDifference,
};
pub use view::{
    Ci, CiHistoryEntry, CiLink, CiLinks, CiStatement, CiSummary, DepthCount, Fact, Graph, GraphEdge,
    GraphNode, Impact, PathHop, ReachedCi, StatedRelation, TierCount,
};

/// Most items that one edit describes and withdraws.
pub const EDIT_ITEMS_MAX: usize = 500;
/// Most bytes that a description may have as JSON so that it can certainly be recorded.
pub const DESCRIPTION_BYTES_MAX: usize = 60_000;
