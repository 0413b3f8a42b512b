//! The policies in force.

use api::policy::Policies;

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
}
