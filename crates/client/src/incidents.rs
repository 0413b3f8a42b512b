//! Incidents.

use api::Page;
use api::incident::{Incident, IncidentSummary, OpenIncident, Suspects, UpdateIncident};

use crate::call::Client;
use crate::error::ClientError;

/// Which incidents to list, and which page of them. Everything may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentFilter {
    /// open, investigating, resolved or closed.
    pub state: Option<String>,
    /// Where the page begins: `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Most items of the page.
    pub limit: Option<u32>,
}

impl Client {
    /// Lists incidents.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_incidents(
        &self,
        filter: &IncidentFilter,
    ) -> Result<Page<IncidentSummary>, ClientError> {
        self.get(&["incidents"])
            .query("state", filter.state.as_deref())
            .query("cursor", filter.cursor.as_deref())
            .query("limit", filter.limit.map(|limit| limit.to_string()))
            .answer()
            .await
    }

    /// Reads an incident in full.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn incident(&self, id: &str) -> Result<Incident, ClientError> {
        self.get(&["incidents", id]).answer().await
    }

    /// Ranks the changes that may have led to an incident.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn suspects(&self, incident: &str) -> Result<Suspects, ClientError> {
        self.get(&["incidents", incident, "suspects"]).answer().await
    }

    /// Ranks the changes that may have led to the trouble of an item since `at`, RFC 3339; since now when absent.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn suspects_of_item(&self, ci: &str, at: Option<&str>) -> Result<Suspects, ClientError> {
        self.get(&["suspects"]).query("ci", Some(ci)).query("at", at).answer().await
    }

    /// Reports an incident. Repeating it with the same key opens no second one.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn open_incident(
        &self,
        request: &OpenIncident,
        idempotency_key: &str,
    ) -> Result<Incident, ClientError> {
        let call = self.post(&["incidents"]).json(request).repeatable();
        call.header("idempotency-key", "idempotency key", idempotency_key)?.answer().await
    }

    /// Moves an incident on.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn update_incident(&self, id: &str, update: &UpdateIncident) -> Result<Incident, ClientError> {
        self.patch(&["incidents", id]).json(update).answer().await
    }
}
