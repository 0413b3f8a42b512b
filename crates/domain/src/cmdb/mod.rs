//! The CMDB: what is running, how critical each item is, who answers for it, and what fails with what.
//!
//! One stream `ci/<id>` for each configuration item. Every source (a file of a person, an importer) describes the item
//! by itself; [`Item`] is the fold of those descriptions, and an import replaces what its own source said before and
//! nothing else.
//!
//! Invariant: nothing known of an item is without the source that said it and the time at which it did. A relation may
//! lead to an item that nobody has described; that one is then known by name only, and visibly so.

mod description;
mod event;
mod relation;

pub use description::{
    AttributeName, AttributeValue, CiType, ComplianceScope, Description, Lifecycle, Location, SourceName,
};
pub use event::{CiEvent, CmdbEvent};
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
