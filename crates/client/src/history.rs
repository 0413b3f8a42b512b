//! Changes that other systems carried out.

use api::history::{HistoryImport, HistoryImported, HistorySummary};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// What has been imported.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn history(&self) -> Result<HistorySummary, ClientError> {
        self.get(&["history"]).answer().await
    }

    /// Imports changes of another system, or only says what importing them would do.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn import_history(
        &self,
        import: &HistoryImport,
        dry_run: bool,
    ) -> Result<HistoryImported, ClientError> {
        self.post(&["history", "import"])
            .query("dry_run", Some(dry_run.to_string()))
            .json(import)
            .answer()
            .await
    }
}
