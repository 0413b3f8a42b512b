//! The policies in force.

use api::policy::{Policies, PolicyExplanation, Replay, ReplayRequest};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Reads the policies in force.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn policies(&self) -> Result<Policies, ClientError> {
        self.get(&["policies"]).answer().await
    }

    /// Reads which policies decided what happened to a change.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn explain_policies(&self, id: &str) -> Result<PolicyExplanation, ClientError> {
        self.get(&["changes", id, "policies"]).answer().await
    }

    /// Asks what other policies would have decided of some past changes.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn replay_policies(&self, request: &ReplayRequest) -> Result<Replay, ClientError> {
        self.post(&["policies", "replay"]).json(request).repeatable().answer().await
    }
}
