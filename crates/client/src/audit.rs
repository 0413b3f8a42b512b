//! The audit log.

use api::Page;
use api::audit::{Checkpoint, LogEntry, Verification};

use crate::call::{Client, VERIFY_TIMEOUT};
use crate::error::ClientError;

impl Client {
    /// Entries of the log in order: those after index `after`, or from the first one on.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn log(&self, after: Option<u64>, limit: Option<u32>) -> Result<Page<LogEntry>, ClientError> {
        self.get(&["audit"])
            .query("after", after.map(|index| index.to_string()))
            .query("limit", limit.map(|limit| limit.to_string()))
            .answer()
            .await
    }

    /// The newest signed state of the log.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn checkpoint(&self) -> Result<Checkpoint, ClientError> {
        self.get(&["audit", "checkpoint"]).answer().await
    }

    /// Has the server verify its whole log, which may take minutes.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn verify_log(&self) -> Result<Verification, ClientError> {
        self.post(&["audit", "verify"]).within(VERIFY_TIMEOUT).answer().await
    }
}
