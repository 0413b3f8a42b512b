//! Questions about risk that write nothing.

use api::risk::{WhatIf, WhatIfRequest};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Asks what would be if facts of a change were different.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn what_if(&self, id: &str, request: &WhatIfRequest) -> Result<WhatIf, ClientError> {
        self.post(&["changes", id, "risk", "what-if"]).json(request).repeatable().answer().await
    }
}
