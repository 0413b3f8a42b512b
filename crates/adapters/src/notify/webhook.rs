//! Posts each notification as JSON to one address, in the shape of Standard Webhooks: `webhook-id` names the message,
//! so that a receiver recognises a repetition.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::plan::HttpRequest;
use serde_json::{Value, json};

use crate::outgoing::{Outgoing, OutgoingError, OutgoingPolicy};

/// Longest wait for the receiver's answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Statuses with which a receiver says that it has the message.
const ACCEPTED: (u16, u16) = (200, 299);

/// A receiver of notifications.
#[derive(Debug, Clone)]
pub struct Webhook {
    outgoing: Outgoing,
    url: String,
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The request was refused by our guard or failed on its way.
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    /// The receiver answered that it does not have the message.
    #[error("receiver answered with status {status}: expected {first} to {last}", first = ACCEPTED.0, last = ACCEPTED.1)]
    Status {
        /// The status.
        status: u16,
    },
}

impl Webhook {
    /// A receiver at `url`, which may lie in a private network only when `policy` allows it.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(url: &str, policy: OutgoingPolicy) -> Result<Self, WebhookError> {
        Ok(Self { outgoing: Outgoing::new(policy)?, url: url.to_owned() })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When the message did not arrive; it may be sent again under the same id.
    pub async fn send(&self, id: &str, topic: &str, payload: &Value) -> Result<(), WebhookError> {
        let headers = [("content-type", "application/json"), ("webhook-id", id)];
        let request = HttpRequest {
            method: "POST".to_owned(),
            url: self.url.clone(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            body: Some(json!({ "type": topic, "data": payload }).to_string()),
            expected_status: ACCEPTED,
        };
        let answer = self.outgoing.send(&request, TIMEOUT, 0).await?;
        if answer.is_expected(&request) {
            Ok(())
        } else {
            Err(WebhookError::Status { status: answer.status })
        }
    }
}
