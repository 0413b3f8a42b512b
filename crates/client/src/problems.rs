//! Problems.

use api::Page;
use api::known_problem::{KnownProblem, OpenProblem, UpdateProblem};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Lists problems, the newest first: those in one state, or all.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_problems(&self, state: Option<&str>) -> Result<Page<KnownProblem>, ClientError> {
        self.get(&["problems"]).query("state", state).answer().await
    }

    /// Reads a problem.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn problem(&self, id: &str) -> Result<KnownProblem, ClientError> {
        self.get(&["problems", id]).answer().await
    }

    /// Opens a problem. Repeating it with the same key opens no second one.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn open_problem(
        &self,
        request: &OpenProblem,
        idempotency_key: &str,
    ) -> Result<KnownProblem, ClientError> {
        let call = self.post(&["problems"]).json(request).repeatable();
        call.header("idempotency-key", "idempotency key", idempotency_key)?.answer().await
    }

    /// Adds to a problem or moves it on.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn update_problem(
        &self,
        id: &str,
        update: &UpdateProblem,
    ) -> Result<KnownProblem, ClientError> {
        self.patch(&["problems", id]).json(update).answer().await
    }
}
