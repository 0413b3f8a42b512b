//! Problems.

use api::Page;
use api::known_problem::{KnownProblem, OpenProblem, ProblemSummary, UpdateProblem};

use crate::call::Client;
use crate::error::ClientError;

/// Which problems to list, and which page of them. Everything may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProblemFilter {
    /// open, investigating, known_error, resolved or closed.
    pub state: Option<String>,
    /// Where the page begins: `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Most items of the page.
    pub limit: Option<u32>,
}

impl Client {
    /// Lists problems, the newest first.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_problems(&self, filter: &ProblemFilter) -> Result<Page<ProblemSummary>, ClientError> {
        self.get(&["problems"])
            .query("state", filter.state.as_deref())
            .query("cursor", filter.cursor.as_deref())
            .query("limit", filter.limit.map(|limit| limit.to_string()))
            .answer()
            .await
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
