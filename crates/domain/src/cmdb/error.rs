//! Why descriptions of items are refused.

use super::description::{ComplianceScope, SourceName};
use super::relation::RelationType;
use super::{
    ATTRIBUTES_MAX, COMPLIANCE_OF_ONE_MAX, COMPLIANCE_SCOPES_MAX, ITEMS_MAX, RELATIONS_MAX,
    RELATIONS_OF_ONE_MAX, SOURCES_MAX, SOURCES_OF_ONE_MAX,
};
use crate::id::CiName;

/// Why descriptions of items are refused. Nothing of them takes effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmdbError {
    /// One item twice.
    #[error("`{item}` is described twice: keep one of the two descriptions")]
    Duplicate {
        /// The item.
        item: CiName,
    },
    /// Another source's description.
    #[error("`{item}` is described by the source `{given}`, but the descriptions are those of `{expected}`")]
    OtherSource {
        /// The item.
        item: CiName,
        /// The source that the description names.
        given: SourceName,
        /// Whose descriptions they are.
        expected: SourceName,
    },
    /// An item leans on itself.
    #[error("`{item}` has the relation {relation_type} to itself: remove it")]
    SelfRelation {
        /// The item.
        item: CiName,
        /// In which way.
        relation_type: RelationType,
    },
    /// An item leans on another one twice in one way.
    #[error("`{item}` has the relation {relation_type} to `{to}` twice: keep one, hard or soft")]
    DuplicateRelation {
        /// The item.
        item: CiName,
        /// In which way.
        relation_type: RelationType,
        /// The other item.
        to: CiName,
    },
    /// Too many relations of one item.
    #[error(
        "`{item}` has {count} relations: a source may state {RELATIONS_OF_ONE_MAX} of one item; describe its parts \
         as items of their own"
    )]
    TooManyRelationsOfOne {
        /// The item.
        item: CiName,
        /// How many it has.
        count: usize,
    },
    /// Too many attributes.
    #[error("`{item}` has {count} attributes: a source may state {ATTRIBUTES_MAX} of one item")]
    TooManyAttributes {
        /// The item.
        item: CiName,
        /// How many it has.
        count: usize,
    },
    /// Too many rule books of one item.
    #[error(
        "`{item}` falls under {count} rule books: a source may state {COMPLIANCE_OF_ONE_MAX} of one item"
    )]
    TooManyComplianceScopes {
        /// The item.
        item: CiName,
        /// How many it falls under.
        count: usize,
    },
    /// Too many different rule books.
    #[error(
        "`{item}` falls under `{scope}`, which would be a new rule book after {COMPLIANCE_SCOPES_MAX} others: use a \
         name that is in use already"
    )]
    TooManyRuleBooks {
        /// The item.
        item: CiName,
        /// The rule book that is one too many.
        scope: ComplianceScope,
    },
    /// Too many sources of one item.
    #[error(
        "`{item}` is described by {SOURCES_OF_ONE_MAX} other sources already: withdraw it from one of them"
    )]
    TooManySourcesOfOne {
        /// The item.
        item: CiName,
    },
    /// Too many sources.
    #[error(
        "`{source_name}` would be a new source after {SOURCES_MAX} others: repeat imports under the same name"
    )]
    TooManySources {
        /// The source that is one too many.
        source_name: SourceName,
    },
    /// Too many items.
    #[error("the CMDB would have {count} items: at most {ITEMS_MAX} are accepted; withdraw some")]
    TooManyItems {
        /// How many there would be.
        count: usize,
    },
    /// Too many relations.
    #[error("the CMDB would have {count} relations: at most {RELATIONS_MAX} are accepted; withdraw some")]
    TooManyRelations {
        /// How many there would be.
        count: usize,
    },
}
