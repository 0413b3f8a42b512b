//! Views: changes, incidents and configuration items.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::change::StateName;
use domain::id::{ActorId, ChangeId, CiName, IncidentId};

use super::Store;
use crate::error::StoreError;
use crate::projection::{ChangeRow, CiRow, ClosedChange, IncidentRow};
use crate::query::{
    self, ChangePage, ChangeQuery, CiPage, CiQuery, IncidentPage, IncidentQuery, RequesterLoad,
};

impl Store {
    /// Reads a page of changes.
    ///
    /// # Errors
    /// When limit or cursor do not fit the list, or the database fails.
    pub async fn list_changes(&self, query: ChangeQuery) -> Result<ChangePage, StoreError> {
        self.read(move |db| query::changes(db, &query)).await
    }

    /// Reads one change's row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change(&self, id: ChangeId) -> Result<Option<ChangeRow>, StoreError> {
        self.read(move |db| query::change(db, id)).await
    }

    /// Reads every closed change, in the order of their ids: what assessments of later ones look back on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn closed_changes(&self) -> Result<Vec<ClosedChange>, StoreError> {
        self.read(query::closed_changes).await
    }

    /// Counts all changes, by state.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_changes_by_state(&self) -> Result<BTreeMap<StateName, u64>, StoreError> {
        self.read(query::count_changes_by_state).await
    }

    /// Counts the changes that somebody created: those from `since` on, and those that are open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn requester_load(
        &self,
        requester: &ActorId,
        since: Timestamp,
    ) -> Result<RequesterLoad, StoreError> {
        let requester = requester.clone();
        self.read(move |db| query::requester_load(db, &requester, since)).await
    }

    /// Reads the highest number that a change of the year has; 0 when it has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn max_change_number(&self, year: u16) -> Result<u32, StoreError> {
        self.read(move |db| query::max_change_number(db, year)).await
    }

    /// Reads a page of incidents, the last opened first.
    ///
    /// # Errors
    /// When limit or cursor do not fit the list, or the database fails.
    pub async fn list_incidents(&self, query: IncidentQuery) -> Result<IncidentPage, StoreError> {
        self.read(move |db| query::incidents(db, &query)).await
    }

    /// Reads one incident's row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn incident(&self, id: IncidentId) -> Result<Option<IncidentRow>, StoreError> {
        self.read(move |db| query::incident(db, id)).await
    }

    /// Reads a page of the configuration items that a source describes.
    ///
    /// # Errors
    /// When limit or cursor do not fit the list, or the database fails.
    pub async fn list_cis(&self, query: CiQuery) -> Result<CiPage, StoreError> {
        self.read(move |db| query::cis(db, &query)).await
    }

    /// Reads one configuration item's row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ci(&self, id: &CiName) -> Result<Option<CiRow>, StoreError> {
        let id = id.clone();
        self.read(move |db| query::ci(db, &id)).await
    }

    /// Reads the highest number that an incident of the year has; 0 when it has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn max_incident_number(&self, year: u16) -> Result<u32, StoreError> {
        self.read(move |db| query::max_incident_number(db, year)).await
    }
}
