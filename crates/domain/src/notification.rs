//! What administrators did to notifications. The notifications themselves are not recorded: they tell of what is.

use serde::{Deserialize, Serialize};

/// Something that an administrator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum NotificationEvent {
    /// A dead letter is sent again.
    #[serde(rename = "notification.redelivered")]
    Redelivered {
        /// Its id.
        message: String,
    },
    /// A channel was tried out.
    #[serde(rename = "notification.channel_tested")]
    ChannelTested {
        /// Its name.
        channel: String,
        /// Whether the message arrived.
        delivered: bool,
    },
}
