//! Notifications: channels, what waits, what could not be delivered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The channels, and what waits to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notifications {
    /// Every channel of the settings.
    pub channels: Vec<NotificationChannel>,
    /// What waits, what is due first before; at most 500.
    pub waiting: Vec<Notification>,
}

/// A channel of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationChannel {
    /// What subscriptions call it.
    pub name: String,
    /// webhook, slack, email or pagerduty.
    pub kind: String,
}

/// Notifications that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadNotifications {
    /// The oldest first; at most 500.
    pub items: Vec<Notification>,
}

/// A notification that was not delivered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    /// Its stable id.
    pub id: String,
    /// The channel that it goes to.
    pub channel: String,
    /// What it tells of, for example `change.approved`.
    pub event: String,
    /// The change or incident that it is about; none for a test.
    pub subject: Option<String>,
    /// When it was written.
    pub created_at: String,
    /// How often delivery was tried.
    pub attempts: u64,
    /// When it is tried next; of a dead letter, when it was tried last or would have been next.
    pub due_at: String,
    /// What went wrong the last time.
    pub last_error: Option<String>,
}

/// What came of the use of a button in Slack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlackAnswer {
    /// Whether it was done.
    pub accepted: bool,
    /// What the person is told.
    pub text: String,
}

/// A channel to try out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestChannel {
    /// Its name.
    pub channel: String,
}

/// What came of trying a channel out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelTested {
    /// Its name.
    pub channel: String,
    /// Whether the receiver took the message.
    pub delivered: bool,
    /// What went wrong, where it did not.
    pub error: Option<String>,
}
