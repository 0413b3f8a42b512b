//! Posts notifications as JSON to one address, by the Standard Webhooks specification: `webhook-id` names the message, so
//! that a receiver recognises a repetition, and `webhook-signature` shows that it is ours and whole.

use serde_json::{Map, Value, json};

use super::message::{Message, Parcel};
use super::post::{AddressError, DeliveryError, Post};
use super::signature::SigningSecret;
use crate::outgoing::OutgoingPolicy;

/// What several messages that are sent together are called.
const DIGEST: &str = "notification.digest";

/// A receiver of notifications.
#[derive(Debug, Clone)]
pub struct Webhook {
    post: Post,
    secrets: Vec<SigningSecret>,
}

impl Webhook {
    /// A receiver at `url`, which may lie in a private network only when `policy` allows it. Each message is signed with
    /// every secret, so that one can be replaced while receivers still know the other.
    ///
    /// # Errors
    /// When nothing can be posted there.
    pub fn new(url: &str, secrets: Vec<SigningSecret>, policy: OutgoingPolicy) -> Result<Self, AddressError> {
        Ok(Self { post: Post::new(url, policy)?, secrets })
    }

    /// Sends one parcel.
    ///
    /// # Errors
    /// When it did not arrive; it may be sent again under the same id.
    pub async fn send(&self, parcel: Parcel<'_>) -> Result<(), DeliveryError> {
        let body = body(parcel).to_string();
        let timestamp = parcel.at.as_second().to_string();
        let signatures: Vec<_> =
            self.secrets.iter().map(|secret| secret.sign(parcel.id, parcel.at, &body)).collect();
        let signature = signatures.join(" ");
        let mut headers = vec![("webhook-id", parcel.id), ("webhook-timestamp", timestamp.as_str())];
        if !signatures.is_empty() {
            headers.push(("webhook-signature", signature.as_str()));
        }
        self.post.send(&headers, body).await
    }
}

fn body(parcel: Parcel<'_>) -> Value {
    match parcel.messages {
        [one] => json!({ "type": one.kind, "timestamp": one.at, "data": data(one) }),
        several => {
            let each =
                several.iter().map(|one| json!({ "type": one.kind, "timestamp": one.at, "data": data(one) }));
            json!({ "type": DIGEST, "timestamp": parcel.at, "data": { "notifications": each.collect::<Vec<_>>() } })
        }
    }
}

/// What a message says: the facts of the change side by side, the incident as a part.
fn data(message: &Message) -> Value {
    let mut data = match json!(message.change) {
        Value::Object(facts) => facts,
        _ => Map::new(),
    };
    data.insert("timestamp".to_owned(), json!(message.at));
    data.insert("audience".to_owned(), json!(message.audience));
    data.insert("link".to_owned(), json!(message.link));
    data.insert("incident".to_owned(), json!(message.incident));
    Value::Object(data)
}
