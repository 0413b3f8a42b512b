//! Models that predict failures.

use api::learning::{ChooseModel, Models};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Reads all models, and whether one is being trained.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn models(&self) -> Result<Models, ClientError> {
        self.get(&["risk", "models"]).answer().await
    }

    /// Begins to train a model.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn train_model(&self) -> Result<Models, ClientError> {
        self.post(&["risk", "models"]).answer().await
    }

    /// Chooses the model that is asked from now on; none until one wins a comparison when no version is given.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn choose_model(&self, version: Option<u32>) -> Result<Models, ClientError> {
        self.put(&["risk", "models", "asked"]).json(&ChooseModel { version }).answer().await
    }
}
