//! Reading: an item with the source of every fact, and what a failure of it reaches.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::edit::{CiDescription, FieldDifference};
use crate::change::ChangeSummary;

/// An item in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CiSummary {
    /// The item.
    pub id: String,
    /// Whether a source describes it; otherwise it is only named by a relation of another item.
    pub described: bool,
    /// service, workload, database, …
    #[serde(rename = "type")]
    pub ci_type: Option<String>,
    /// 0 (critical) to 3 (low); absent where no source says.
    pub tier: Option<u8>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it runs.
    pub environment: Option<String>,
    /// planned, active or deprecated.
    pub lifecycle: Option<String>,
    /// The sources that describe it.
    pub sources: Vec<String>,
    /// Number of its events.
    pub version: u64,
    /// When its last event happened.
    pub updated_at: Option<String>,
}

/// A fact, and who states it since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fact<T> {
    /// What is stated.
    pub value: T,
    /// Who states it.
    pub source: String,
    /// When it was stated.
    pub stated_at: String,
}

/// An item in full: what is known when all sources are put together, what each says, and what it is related to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ci {
    /// The item.
    pub id: String,
    /// Whether a source describes it; otherwise it is only named by a relation of another item, or was withdrawn.
    pub described: bool,
    /// Number of its events.
    pub version: u64,
    /// When its last event happened.
    pub updated_at: Option<String>,
    /// service, workload, database, …
    #[serde(rename = "type")]
    pub ci_type: Option<Fact<String>>,
    /// 0 (critical) to 3 (low).
    pub tier: Option<Fact<u8>>,
    /// Who answers for it.
    pub owner: Option<Fact<String>>,
    /// Where it runs.
    pub environment: Option<Fact<String>>,
    /// planned, active or deprecated.
    pub lifecycle: Option<Fact<String>>,
    /// Rule books that it falls under, once for each source that says so.
    pub compliance: Vec<Fact<String>>,
    /// What else is known, by name.
    pub attributes: std::collections::BTreeMap<String, Fact<String>>,
    /// What each source says, the most trusted first.
    pub sources: Vec<CiStatement>,
    /// What it leans on.
    pub relations: CiLinks,
    /// What leans on it.
    pub dependents: CiLinks,
    /// The last changes that named it.
    pub changes: Vec<ChangeSummary>,
}

/// What one source says of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CiStatement {
    /// Who says it.
    pub source: String,
    /// Since when.
    pub stated_at: String,
    /// All that it says.
    pub description: CiDescription,
}

/// Items on the other side of relations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct CiLinks {
    /// How many there are; more than `items` when the list is cut.
    pub total: u64,
    /// The first of them, by id.
    pub items: Vec<CiLink>,
}

/// An item on the other side of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CiLink {
    /// The other item.
    pub id: String,
    /// Whether a source describes it.
    pub described: bool,
    /// service, workload, database, …
    #[serde(rename = "type")]
    pub ci_type: Option<String>,
    /// 0 (critical) to 3 (low).
    pub tier: Option<u8>,
    /// depends_on, runs_on, connects_to, uses or contains.
    pub relation: String,
    /// `hard`: fails with it; `soft`: works, slower or poorer.
    pub strength: String,
    /// The sources that state the relation; empty in the list of dependents, whose own page tells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stated: Vec<StatedRelation>,
}

/// One source's word on a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatedRelation {
    /// Who states it.
    pub source: String,
    /// Since when.
    pub stated_at: String,
    /// How strong it says the relation is.
    pub strength: String,
    /// From what it concludes it.
    pub because: Option<String>,
}

/// One entry of an item's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CiHistoryEntry {
    /// Position among the item's events, from 1.
    pub version: u64,
    /// Position in the log, from 0.
    pub log_index: u64,
    /// When.
    pub timestamp: String,
    /// Who wrote it.
    pub actor: String,
    /// described or withdrawn.
    pub action: String,
    /// The source that says so from then on.
    pub source: String,
    /// What the source says otherwise than before.
    pub fields: Vec<FieldDifference>,
}

/// What a failure of an item reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Impact {
    /// The item.
    pub id: String,
    /// Whether a source describes it.
    pub described: bool,
    /// Whether soft relations were followed too.
    pub soft: bool,
    /// component, single_service, multi_service or system_wide: how an assessment classifies a change to the item whose
    /// size is not known. It follows hard relations, whatever was asked for here.
    pub class: String,
    /// Why.
    pub class_reason: String,
    /// How many items are reached.
    pub reached: u64,
    /// How many at each distance.
    pub by_depth: Vec<DepthCount>,
    /// How many of each stated tier.
    pub by_tier: Vec<TierCount>,
    /// Rule books that the item or what it reaches falls under.
    pub compliance: Vec<String>,
    /// How many services are reached.
    pub services_total: u64,
    /// The nearest of them.
    pub services: Vec<ReachedCi>,
    /// What is reached, the nearest first; services included. Fewer than `reached` when the list is cut.
    pub items: Vec<ReachedCi>,
    /// Which limit ended the search, when one did: `items` or `depth`. There may be more then.
    pub cut: Option<String>,
}

/// How many items are reached at one distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DepthCount {
    /// Relations in between, from 1.
    pub depth: u32,
    /// How many items.
    pub items: u64,
}

/// How many items of one tier are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierCount {
    /// 0 (critical) to 3 (low).
    pub tier: u8,
    /// How many items.
    pub items: u64,
}

/// An item that a failure reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReachedCi {
    /// The item.
    pub id: String,
    /// service, workload, database, …
    #[serde(rename = "type")]
    pub ci_type: Option<String>,
    /// 0 (critical) to 3 (low).
    pub tier: Option<u8>,
    /// Relations in between, from 1.
    pub depth: u32,
    /// A shortest way from the failed item to this one: each leans on the one before it.
    pub path: Vec<PathHop>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PathHop {
    /// The item that is reached by this step.
    pub id: String,
    /// In which way it leans on the one before: depends_on, runs_on, connects_to, uses or contains.
    pub relation: String,
    /// hard or soft.
    pub strength: String,
}

/// The surroundings of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// The item in the middle.
    pub id: String,
    /// dependencies, dependents or both.
    pub direction: String,
    /// How far the surroundings reach.
    pub depth: u32,
    /// The items, the nearest first.
    pub nodes: Vec<GraphNode>,
    /// The relations between them.
    pub edges: Vec<GraphEdge>,
    /// Whether there is more within the depth than is shown.
    pub cut: bool,
}

/// An item of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// The item.
    pub id: String,
    /// Whether a source describes it.
    pub described: bool,
    /// service, workload, database, …
    #[serde(rename = "type")]
    pub ci_type: Option<String>,
    /// 0 (critical) to 3 (low).
    pub tier: Option<u8>,
    /// Relations between it and the item in the middle.
    pub depth: u32,
}

/// One item leans on another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphEdge {
    /// The item that fails with the other.
    pub from: String,
    /// What it leans on.
    pub to: String,
    /// depends_on, runs_on, connects_to, uses or contains.
    #[serde(rename = "type")]
    pub relation_type: String,
    /// hard or soft.
    pub strength: String,
}
