//! Pages whoever is on call, by `PagerDuty`'s Events API v2: for emergencies that wait for their authorisation, and for
//! major incidents. What ends one resolves its alert.

use domain::change::{ChangeType, Notice};
use domain::incident::Severity;
use serde_json::{Value, json};

use super::message::{Message, Parcel};
use super::post::{AddressError, DeliveryError, Post};
use crate::outgoing::OutgoingPolicy;

/// Where events go unless the settings say otherwise.
pub const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Longest summary that is accepted, in characters.
const SUMMARY_CHARS_MAX: usize = 1_024;
const SOURCE: &str = "cortex-change";

/// An integration of a service that is on call.
#[derive(Clone)]
pub struct PagerDuty {
    post: Post,
    routing_key: String,
}

/// What is done to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Trigger,
    Resolve,
}

impl PagerDuty {
    /// The integration with this key.
    ///
    /// # Errors
    /// When nothing can be posted to the address.
    pub fn new(url: &str, routing_key: String, policy: OutgoingPolicy) -> Result<Self, AddressError> {
        Ok(Self { post: Post::new(url, policy)?, routing_key })
    }

    /// Whether anybody is paged for a message, or need not be any more.
    pub fn takes(message: &Message) -> bool {
        event(message).is_some()
    }

    /// Sends the messages of a parcel one after the other. Repeating one changes nothing: they name the alert.
    ///
    /// # Errors
    /// When one did not arrive; all may be sent again.
    pub async fn send(&self, parcel: Parcel<'_>) -> Result<(), DeliveryError> {
        for message in parcel.messages {
            if let Some((act, key)) = event(message) {
                self.post.send(&[], self.body(message, act, &key).to_string()).await?;
            }
        }
        Ok(())
    }

    fn body(&self, message: &Message, act: Act, key: &str) -> Value {
        let routing_key = &self.routing_key;
        if act == Act::Resolve {
            return json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": key });
        }
        let details: serde_json::Map<String, Value> =
            message.facts().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let summary: String = message.headline().chars().take(SUMMARY_CHARS_MAX).collect();
        let link = |link| json!({ "href": link, "text": "Open in Cortex Change" });
        let links: Vec<_> = message.link.iter().map(link).collect();
        json!({
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": key,
            "client": "Cortex Change",
            "links": links,
            "payload": {
                "summary": summary,
                "source": SOURCE,
                "severity": "critical",
                "timestamp": message.at,
                "custom_details": details,
            },
        })
    }
}

impl std::fmt::Debug for PagerDuty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PagerDuty(***)")
    }
}

/// What a message does to which alert; nothing when it is neither about an emergency nor about a major incident.
fn event(message: &Message) -> Option<(Act, String)> {
    let of_incident = message.incident.as_ref().filter(|incident| incident.severity == Severity::Major);
    let emergency = message.change.as_ref().filter(|change| change.change_type == ChangeType::Emergency);
    let incident_key = || of_incident.map(|incident| format!("{SOURCE}/{}", incident.incident_id));
    let change_key = || emergency.map(|change| format!("{SOURCE}/{}", change.change_id));
    let (act, key) = match message.kind {
        Notice::IncidentOpened | Notice::IncidentWorsened => (Act::Trigger, incident_key()),
        Notice::IncidentResolved => (Act::Resolve, incident_key()),
        Notice::ApprovalRequested | Notice::ApprovalReminder | Notice::ApprovalEscalated => {
            (Act::Trigger, change_key())
        }
        Notice::Approved | Notice::Rejected | Notice::Cancelled => (Act::Resolve, change_key()),
        Notice::Test => (Act::Trigger, Some(format!("{SOURCE}/test"))),
        Notice::Started
        | Notice::Interrupted
        | Notice::RollbackStarted
        | Notice::RolledBack
        | Notice::RollbackFailed
        | Notice::Closed
        | Notice::AttentionNeeded => return None,
    };
    key.map(|key| (act, key))
}
