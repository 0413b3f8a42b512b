//! Notifications, for those who administer.

use api::notification::{ChannelTested, DeadNotifications, Notifications, TestChannel};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Reads which channels there are and what waits to be delivered.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn notifications(&self) -> Result<Notifications, ClientError> {
        self.get(&["notifications"]).answer().await
    }

    /// Reads what could not be delivered.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn dead_notifications(&self) -> Result<DeadNotifications, ClientError> {
        self.get(&["notifications", "dead"]).answer().await
    }

    /// Sends again what could not be delivered.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn redeliver_notification(&self, id: &str) -> Result<(), ClientError> {
        self.post(&["notifications", id, "redeliver"]).done().await
    }

    /// Tries a channel out.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn test_channel(&self, channel: &str) -> Result<ChannelTested, ClientError> {
        let request = TestChannel { channel: channel.to_owned() };
        self.post(&["notifications", "test"]).json(&request).answer().await
    }
}
