//! Telling people: which channels there are, who is told of what, and what is told.
//!
//! What is told is written with what it tells of, one message per event and channel; the outbox loop delivers it.

mod channels;
mod settings;
mod subscription;
mod telling;

use std::collections::{BTreeMap, BTreeSet};

use adapters::notify::{Message, Parcel};
use domain::Timestamp;
use domain::canonical::Digest;
use serde::{Deserialize, Serialize};
use store::{MessageId, OutboxEntry, OutboxMessage};

pub use settings::{
    Channel, EmailChannel, MailProtection, Notify, PagerDutyChannel, QuietHours, SecretFrom,
    SlackAppSettings, SlackChannel, SlackUser, Subscription, WebhookChannel,
};
pub(crate) use telling::{about_change, about_incident, incident_notices};

use crate::failure::Failure;
use crate::use_cases::slack::SlackApp;
use channels::Sender;

/// Hex digits of a message's id: enough that no two are the same.
const ID_HEX_DIGITS: usize = 32;

/// The channels, and who is told of what.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    channels: BTreeMap<String, Sender>,
    subscriptions: Vec<subscription::Subscription>,
    slack: Option<SlackApp>,
}

/// A message as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// The name of the channel.
    pub channel: String,
    /// The time of the digest that it is a part of; none when it is sent alone.
    pub digest: Option<Timestamp>,
    /// What is told.
    pub message: Message,
}

/// Messages that were claimed and are sent together.
#[derive(Debug)]
pub(crate) struct Claimed {
    /// The name of the channel.
    channel: String,
    /// The messages, the oldest first.
    messages: Vec<Message>,
    /// What the outbox knows of each.
    pub entries: Vec<OutboxEntry>,
}

impl Notifier {
    /// Sets the configured channels up.
    ///
    /// # Errors
    /// With the setting and what it should be.
    pub(crate) fn new(settings: &Notify) -> Result<Self, String> {
        let channels = channels::all(settings)?;
        let mut subscriptions = Vec::new();
        for (at, given) in channels::subscriptions(settings).iter().enumerate() {
            let field = |problem: String| format!("notify.subscriptions[{at}].{problem}");
            let Some(sender) = channels.get(&given.channel) else {
                let known: Vec<_> = channels.keys().map(|name| format!("`{name}`")).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let problem = format!(
                    "channel: there is no channel `{}`: name one of `notify.channels` ({known})",
                    given.channel
                );
                return Err(field(problem));
            };
            if sender.pages() && given.digest_minutes.is_some() {
                let problem = "digest_minutes: nobody is paged later than at once: leave it out";
                return Err(field(problem.to_owned()));
            }
            subscriptions.push(subscription::Subscription::of(given).map_err(field)?);
        }
        Ok(Self { channels, subscriptions, slack: channels::slack_app(settings)? })
    }

    /// The app of Slack whose buttons are believed.
    pub(crate) fn slack(&self) -> Option<&SlackApp> {
        self.slack.as_ref()
    }

    /// The name and kind of each channel.
    pub(crate) fn channels(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.channels.iter().map(|(name, sender)| (name.as_str(), sender.kind()))
    }

    /// Whether there is anybody to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// The messages by which subscribers are told, one per channel. `event` names what is told of: the same event makes
    /// the same ids.
    ///
    /// # Errors
    /// Never, as long as ids are visible ASCII.
    pub(crate) fn messages(&self, event: &str, message: &Message) -> Result<Vec<OutboxMessage>, Failure> {
        let mut messages = Vec::new();
        let takers = self.channels.iter().filter(|(_, sender)| sender.takes(message));
        for name in takers.map(|(name, _)| name) {
            let subscribed = self.subscriptions.iter().filter(|subscription| subscription.channel == *name);
            let Some(due) = subscribed.filter_map(|subscription| subscription.due(message)).min() else {
                continue;
            };
            let digest = due.in_digest.then_some(due.at);
            let kept = Kept { channel: name.clone(), digest, message: message.clone() };
            messages.push(OutboxMessage {
                id: id(&format!("{event}/{}/{name}", message.kind))?,
                topic: message.kind.to_string(),
                payload: serde_json::to_value(&kept).map_err(|error| Failure::Internal(error.to_string()))?,
                not_before: due.at,
            });
        }
        Ok(messages)
    }

    /// Sends what was claimed.
    ///
    /// # Errors
    /// With what went wrong; it may be sent again.
    pub(crate) async fn deliver(&self, claimed: &Claimed, now: Timestamp) -> Result<(), String> {
        let id = match claimed.entries.as_slice() {
            [one] => one.id.clone(),
            several => {
                let ids: Vec<_> = several.iter().map(|entry| entry.id.as_str()).collect();
                id(&ids.join("/")).map_err(|failure| failure.to_string())?
            }
        };
        self.send(&claimed.channel, Parcel { id: id.as_str(), messages: &claimed.messages, at: now }).await
    }

    /// Sends a parcel to a channel.
    ///
    /// # Errors
    /// With what went wrong; it may be sent again.
    pub(crate) async fn send(&self, channel: &str, parcel: Parcel<'_>) -> Result<(), String> {
        let sender = self.channels.get(channel);
        let sender = sender.ok_or_else(|| {
            format!("there is no channel `{channel}` any more: put it back into the settings")
        })?;
        if parcel.messages.is_empty() {
            return Err("the message cannot be read: another version of the server wrote it".to_owned());
        }
        sender.send(parcel).await
    }
}

/// The channels through which these messages go out by `now`.
pub(crate) fn channels_by(messages: &[OutboxMessage], now: Timestamp) -> BTreeSet<String> {
    let due = messages.iter().filter(|message| message.not_before <= now);
    let kept = due.filter_map(|message| serde_json::from_value(message.payload.clone()).ok());
    kept.map(|kept: Kept| kept.channel).collect()
}

/// What is sent together: the parts of one digest, and everything else alone.
pub(crate) fn claimed(entries: Vec<OutboxEntry>) -> Vec<Claimed> {
    let mut alone = Vec::new();
    let mut digests: BTreeMap<(String, Timestamp), Claimed> = BTreeMap::new();
    for entry in entries {
        let kept = Kept::of(&entry);
        let key = kept.as_ref().and_then(|kept| Some((kept.channel.clone(), kept.digest?)));
        let channel = kept.as_ref().map(|kept| kept.channel.clone()).unwrap_or_default();
        let parcel = Claimed {
            channel,
            messages: kept.map(|kept| kept.message).into_iter().collect(),
            entries: vec![entry],
        };
        match key {
            None => alone.push(parcel),
            Some(key) => match digests.get_mut(&key) {
                None => drop(digests.insert(key, parcel)),
                Some(digest) => {
                    digest.messages.extend(parcel.messages);
                    digest.entries.extend(parcel.entries);
                }
            },
        }
    }
    alone.extend(digests.into_values());
    alone
}

impl Kept {
    /// What the outbox keeps; nothing where another version wrote it in a way that cannot be read.
    pub(crate) fn of(entry: &OutboxEntry) -> Option<Self> {
        serde_json::from_value(entry.payload.clone()).ok()
    }
}

/// The id of a message: stable, and without characters that mean something in addresses or signatures.
fn id(of: &str) -> Result<MessageId, Failure> {
    let digest: String = Digest::of_bytes(of.as_bytes()).to_string().chars().take(ID_HEX_DIGITS).collect();
    MessageId::new(format!("msg_{digest}")).map_err(|error| Failure::Internal(error.to_string()))
}
