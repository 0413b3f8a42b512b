//! The emergency change advisory board.

use api::Page;
use api::ecab::{Debt, OnCallAt, RemoveFromRoster, Roster, SetRotation, SetShift};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Shows the e-CAB: who is on call, and by which roster.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn ecab(&self) -> Result<Roster, ClientError> {
        self.get(&["ecab"]).answer().await
    }

    /// Shows who is on call at an instant.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn on_call(&self, at: Option<&str>) -> Result<OnCallAt, ClientError> {
        self.get(&["ecab", "oncall"]).query("at", at).answer().await
    }

    /// Lists the emergency changes that are to be reviewed.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn emergency_debt(&self) -> Result<Page<Debt>, ClientError> {
        self.get(&["ecab", "debt"]).answer().await
    }

    /// Settles a rotation.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn set_rotation(&self, request: &SetRotation) -> Result<Roster, ClientError> {
        self.post(&["ecab", "rotations"]).json(request).answer().await
    }

    /// Removes a rotation.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn remove_rotation(
        &self,
        name: &str,
        request: &RemoveFromRoster,
    ) -> Result<Roster, ClientError> {
        self.post(&["ecab", "rotations", name, "remove"]).json(request).answer().await
    }

    /// Sets a shift.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn set_shift(&self, request: &SetShift) -> Result<Roster, ClientError> {
        self.post(&["ecab", "shifts"]).json(request).answer().await
    }

    /// Takes a shift back.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn remove_shift(&self, id: &str, request: &RemoveFromRoster) -> Result<Roster, ClientError> {
        self.post(&["ecab", "shifts", id, "remove"]).json(request).answer().await
    }
}
