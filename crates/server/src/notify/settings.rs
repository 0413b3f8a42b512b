//! Who is told of what, and how, as the settings say it.

use std::path::PathBuf;

use adapters::outgoing::OutgoingPolicy;
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
    /// The app of Slack whose buttons decide.
    pub slack: SlackAppSettings,
}

/// The app of Slack whose buttons decide. Without a secret no button is believed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlackAppSettings {
    /// The app's signing secret; several while one is replaced.
    pub signing_secrets: Vec<SecretFrom>,
    /// Which actors its users are.
    pub users: Vec<SlackUser>,
}

/// Which actor a user of Slack is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackUser {
    /// The user's member ID in Slack, for example `U2CERLKJA`.
    pub user: String,
    /// The name or id of the actor.
    pub actor: String,
}

/// A way to tell somebody something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Channel {
    /// A webhook by the Standard Webhooks specification.
    Webhook(WebhookChannel),
    /// A channel of Slack.
    Slack(SlackChannel),
    /// Mail over an SMTP relay.
    Email(EmailChannel),
    /// A service of `PagerDuty`: emergencies and major incidents.
    PagerDuty(PagerDutyChannel),
}

/// A channel of Slack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackChannel {
    /// What subscriptions call it.
    pub name: String,
    /// The address of an incoming webhook of the channel, which is a secret.
    pub url: SecretFrom,
}

/// Mail over an SMTP relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailChannel {
    /// What subscriptions call it.
    pub name: String,
    /// Name of the relay.
    pub host: String,
    /// Its port: 465, 587 or 25 by its security when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is protected: `tls`, `starttls`, or `plain` for a relay on the same machine.
    #[serde(default)]
    pub security: MailProtection,
    /// The name to log in with, where the relay asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password to log in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretFrom>,
    /// Who writes, for example `Changes <changes@example.com>`.
    pub from: String,
    /// Who is written to.
    pub to: Vec<String>,
}

/// How the connection to a relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailProtection {
    /// By TLS from the beginning.
    #[default]
    Tls,
    /// By TLS, begun with STARTTLS.
    StartTls,
    /// Not at all.
    Plain,
}

/// A service of `PagerDuty`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyChannel {
    /// What subscriptions call it.
    pub name: String,
    /// The integration's key.
    pub routing_key: SecretFrom,
    /// Where events go, when not to `PagerDuty`'s own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
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

impl Notify {
    /// Which addresses channels may lie at.
    pub(crate) fn outgoing_policy(&self) -> OutgoingPolicy {
        if self.allow_private_network {
            OutgoingPolicy::with_private_networks()
        } else {
            OutgoingPolicy::strict()
        }
    }
}

impl Channel {
    /// What subscriptions call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Webhook(channel) => &channel.name,
            Self::Slack(channel) => &channel.name,
            Self::Email(channel) => &channel.name,
            Self::PagerDuty(channel) => &channel.name,
        }
    }
}
