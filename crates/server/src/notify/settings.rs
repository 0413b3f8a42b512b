//! Who is told of what, and how, as the settings say it.

use std::path::PathBuf;

use domain::actor::Role;
use domain::change::Notice;
use domain::risk::Level;
use serde::{Deserialize, Serialize};

/// Who is told of what, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Address to which each notification is posted as JSON, unsigned: the channel `webhook` with a subscription to
    /// everything. None when absent.
    pub webhook: Option<String>,
    /// Whether channels may lie in a private network.
    pub allow_private_network: bool,
    /// The ways to tell somebody something.
    pub channels: Vec<Channel>,
    /// Which channel is told of what.
    pub subscriptions: Vec<Subscription>,
}

/// A way to tell somebody something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Channel {
    /// A webhook by the Standard Webhooks specification.
    Webhook(WebhookChannel),
}

/// A webhook by the Standard Webhooks specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookChannel {
    /// What subscriptions call it.
    pub name: String,
    /// Address to which is posted.
    pub url: String,
    /// Secrets to sign with, `whsec_…`; several while one is replaced.
    pub secrets: Vec<SecretFrom>,
}

/// Where a secret is read from when the server starts. It never stands in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretFrom {
    /// A file that holds nothing else.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
}

/// Which channel is told of what. A condition that is left out is met by everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The name of the channel.
    pub channel: String,
    /// Only these kinds of notifications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Notice>,
    /// Only what concerns one of these roles: asked to decide, or to be informed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// Only changes of one of these services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Only changes of one of these levels of risk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Level>,
    /// When nothing is sent; it waits for the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Collects what happens within so many minutes, 5 to 1440, and sends it together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_minutes: Option<u16>,
}

/// Hours of the day in which nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// When they begin, for example `22:00`.
    pub from: String,
    /// When they end, for example `07:00`, the next day when that is not later.
    pub to: String,
    /// The time zone, for example `Europe/Berlin`.
    pub zone: String,
}

impl Channel {
    /// What subscriptions call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Webhook(channel) => &channel.name,
        }
    }
}
