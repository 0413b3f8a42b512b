//! Runners that look for work.

use std::time::Duration;

use api::Page;
use api::runner::{AnnounceRunner, Runner};

use crate::call::Client;
use crate::error::ClientError;

/// How long an announcement may take: the next one follows soon.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(5);

impl Client {
    /// Lists the runners that were seen in the last day, all of them or those that have all of these labels, which are separated by
    /// commas.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_runners(&self, labels: Option<&str>) -> Result<Page<Runner>, ClientError> {
        self.get(&["runners"]).query("label", labels).answer().await
    }

    /// Says that a runner is there, and what it works on.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn announce_runner(&self, name: &str, seen: &AnnounceRunner) -> Result<Runner, ClientError> {
        self.put(&["runners", name]).json(seen).within(ANNOUNCE_TIMEOUT).answer().await
    }
}
