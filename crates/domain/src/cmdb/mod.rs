//! The CMDB: what is running, how critical each item is, who answers for it, and what fails with what.
//!
//! One stream `ci/<id>` for each configuration item. Every source (a file of a person, an importer) describes the item
//! by itself; [`Item`] is the fold of those descriptions, and an import replaces what its own source said before and
//! nothing else. [`Cmdb`] is all items and relations at once, without their texts: it answers what a failure reaches,
//! which name was meant, and what an import would change.
//!
//! Invariant: nothing known of an item is without the source that said it and the time at which it did. A relation may
//! lead to an item that nobody has described; that one is then known by name only, and visibly so.

mod description;
mod error;
mod event;
mod fact;
mod graph;
mod import;
mod index;
mod item;
mod names;
mod reach;
mod relation;
mod rows;
mod services;
mod suggest;

pub use description::{
    AttributeName, AttributeValue, CiType, ComplianceScope, Description, DescriptionDigest, InvalidLine,
    Lifecycle, Location, SourceName,
};
pub use error::CmdbError;
pub use event::{CiEvent, CmdbEvent};
pub use graph::{Ci, Cmdb, Link, StatedTier};
pub use import::{Deletion, Difference, ImportPlan, ItemChange};
pub use item::{Item, Known, KnownRelation, Statement, View};
pub use reach::{Cut, Follow, Path, REACH_ITEMS_MAX, Reach, ReachLimits, ReachedCi};
pub use relation::{Because, Relation, RelationType};

/// Most configuration items.
pub const ITEMS_MAX: usize = 1_000_000;
/// Most relations of all items together.
pub const RELATIONS_MAX: usize = 5_000_000;
/// Most relations that one source states of one item.
pub const RELATIONS_OF_ONE_MAX: usize = 1_000;
/// Most attributes that one source states of one item.
pub const ATTRIBUTES_MAX: usize = 64;
/// Most sources that describe one item.
pub const SOURCES_OF_ONE_MAX: usize = 16;
/// Most rule books that one source states of one item.
pub const COMPLIANCE_OF_ONE_MAX: usize = 16;
/// Most different rule books.
pub const COMPLIANCE_SCOPES_MAX: usize = 64;
/// Most sources.
pub const SOURCES_MAX: usize = 1_000;
