//! The service catalogue.

use api::catalog::{Applied, CatalogFile};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// The whole catalogue.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn catalog(&self) -> Result<CatalogFile, ClientError> {
        self.get(&["catalog"]).answer().await
    }

    /// Applies a file, or only says what applying it would do.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn apply_catalog(&self, file: &CatalogFile, dry_run: bool) -> Result<Applied, ClientError> {
        self.post(&["catalog"]).query("dry_run", Some(dry_run.to_string())).json(file).answer().await
    }
}
