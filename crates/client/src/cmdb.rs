//! The CMDB: configuration items, what they lean on, and what a failure of one reaches.

use api::Page;
use api::cmdb::{Ci, CiHistoryEntry, CiSummary, CmdbEdit, CmdbEdited, Graph, Impact};

use crate::call::Client;
use crate::error::ClientError;

/// Which items to list, in which order, and which page of them. Everything may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CiFilter {
    /// What kind of thing.
    pub ci_type: Option<String>,
    /// How critical, 0 to 3.
    pub tier: Option<u8>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it runs.
    pub environment: Option<String>,
    /// planned, active or deprecated.
    pub lifecycle: Option<String>,
    /// A source that describes it.
    pub source: Option<String>,
    /// A part of its id.
    pub text: Option<String>,
    /// `false` for items that are only named by relations of others.
    pub described: Option<bool>,
    /// The order.
    pub sort: Option<String>,
    /// Where the page begins: `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Most items of the page.
    pub limit: Option<u32>,
}

impl Client {
    /// Lists items.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_cis(&self, filter: &CiFilter) -> Result<Page<CiSummary>, ClientError> {
        self.get(&["cmdb", "items"])
            .query("type", filter.ci_type.as_deref())
            .query("tier", filter.tier.map(|tier| tier.to_string()))
            .query("owner", filter.owner.as_deref())
            .query("environment", filter.environment.as_deref())
            .query("lifecycle", filter.lifecycle.as_deref())
            .query("source", filter.source.as_deref())
            .query("q", filter.text.as_deref())
            .query("described", filter.described.map(|described| described.to_string()))
            .query("sort", filter.sort.as_deref())
            .query("cursor", filter.cursor.as_deref())
            .query("limit", filter.limit.map(|limit| limit.to_string()))
            .answer()
            .await
    }

    /// Reads an item in full.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn ci(&self, id: &str) -> Result<Ci, ClientError> {
        self.get(&["cmdb", "items", id]).answer().await
    }

    /// Reads what happened to an item, the last event first.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn ci_history(
        &self,
        id: &str,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<CiHistoryEntry>, ClientError> {
        self.get(&["cmdb", "items", id, "history"])
            .query("cursor", cursor)
            .query("limit", limit.map(|limit| limit.to_string()))
            .answer()
            .await
    }

    /// Reads what a failure of an item reaches, over at most `depth` relations, along soft ones too if asked for.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn ci_impact(&self, id: &str, depth: Option<u32>, soft: bool) -> Result<Impact, ClientError> {
        self.get(&["cmdb", "items", id, "impact"])
            .query("depth", depth.map(|depth| depth.to_string()))
            .query("soft", soft.then_some("true"))
            .answer()
            .await
    }

    /// Reads the surroundings of an item. `direction` is dependencies, dependents or both.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn ci_graph(
        &self,
        id: &str,
        depth: Option<u32>,
        direction: Option<&str>,
    ) -> Result<Graph, ClientError> {
        self.get(&["cmdb", "items", id, "graph"])
            .query("depth", depth.map(|depth| depth.to_string()))
            .query("direction", direction)
            .answer()
            .await
    }

    /// Writes what a source says of items, or only asks what that would change. Doing it twice is the same as doing it
    /// once.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn edit_cmdb(&self, edit: &CmdbEdit, dry_run: bool) -> Result<CmdbEdited, ClientError> {
        let call = self.post(&["cmdb", "edit"]).query("dry_run", dry_run.then_some("true"));
        call.json(edit).repeatable().answer().await
    }
}
