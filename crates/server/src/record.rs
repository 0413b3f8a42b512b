//! Events as they are recorded: an envelope of time, actor and deciding policies around the domain's event.

use api::audit::Payload;
use domain::Timestamp;
use domain::actor::{ActorEvent, AgentEvent, DirectoryEvent};
use domain::board::BoardEvent;
use domain::calendar::{CalendarEvent, StartEvent};
use domain::canary::CalibrationEvent;
use domain::change::ChangeEvent;
use domain::cmdb::{CiEvent, CmdbEvent};
use domain::ecab::RosterEvent;
use domain::governance::PolicyEvent;
use domain::history::HistoryEvent;
use domain::id::{ActorId, PolicyId};
use domain::incident::IncidentEvent;
use domain::learning::ModelEvent;
use domain::notification::NotificationEvent;
use domain::problem::ProblemEvent;
use domain::security::SecurityEvent;
use domain::stop::StopEvent;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{NewEvent, StoredEvent};

/// Version of the envelope and its events. A later one is upcast where it is read.
const ENVELOPE_VERSION: u64 = 1;

/// An event that can be recorded. Its serialised form is an object with `type` and, where it has fields, `data`.
pub(crate) trait Recordable: Serialize + DeserializeOwned + Clone {}

impl Recordable for ChangeEvent {}
impl Recordable for IncidentEvent {}
impl Recordable for ActorEvent {}
impl Recordable for DirectoryEvent {}
impl Recordable for AgentEvent {}
impl Recordable for CiEvent {}
impl Recordable for CmdbEvent {}
impl Recordable for ModelEvent {}
impl Recordable for HistoryEvent {}
impl Recordable for NotificationEvent {}
impl Recordable for PolicyEvent {}
impl Recordable for SecurityEvent {}
impl Recordable for StopEvent {}
impl Recordable for ProblemEvent {}
impl Recordable for CalendarEvent {}
impl Recordable for StartEvent {}
impl Recordable for BoardEvent {}
impl Recordable for RosterEvent {}
impl Recordable for CalibrationEvent {}

/// When, by whom and on what grounds an event was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ReadEnvelope")]
pub(crate) struct Envelope {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: ActorId,
    /// For whom, when not for the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<ActorId>,
    /// What decided.
    #[serde(flatten)]
    pub decided_by: DecidedBy,
}

/// What decided that something may be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DecidedBy {
    /// The policies that permitted it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyId>,
    /// The set of policies that was asked: the version of the entry in the stream `policies` that names its digest. A
    /// number, because a digest would be the longest part of most events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_set: Option<u64>,
}

/// An envelope as it is read. Reading what decided as a part of it would copy everything else.
#[derive(Deserialize)]
struct ReadEnvelope {
    at: Timestamp,
    actor: ActorId,
    #[serde(default)]
    on_behalf_of: Option<ActorId>,
    #[serde(default)]
    policies: Vec<PolicyId>,
    #[serde(default)]
    policy_set: Option<u64>,
}

impl From<ReadEnvelope> for Envelope {
    fn from(read: ReadEnvelope) -> Self {
        let ReadEnvelope { at, actor, on_behalf_of, policies, policy_set } = read;
        Self { at, actor, on_behalf_of, decided_by: DecidedBy { policies, policy_set } }
    }
}

/// An event with its envelope and its place in the log.
#[derive(Debug, Clone)]
pub(crate) struct Recorded<E> {
    /// When, by whom, on what grounds.
    pub envelope: Envelope,
    /// What happened.
    pub event: E,
    /// Position in its stream, from 1.
    pub version: u64,
    /// Position in the log, from 0.
    pub index: u64,
    /// How it is told, where it has just been written: everybody else reads that off the event.
    pub told: Option<Told>,
}

/// An event's type and its payload as callers read it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The type.
    pub event_type: String,
    /// The payload.
    pub data: Payload,
}

/// A recorded event that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("entry {index} of the log cannot be read as what it should be")]
pub struct UnreadableEvent {
    index: u64,
    #[source]
    source: serde_json::Error,
}

/// An event as it is stored.
#[derive(Serialize)]
struct Enveloped<'a, E> {
    #[serde(flatten)]
    event: &'a E,
    #[serde(flatten)]
    envelope: &'a Envelope,
    v: u64,
}

/// Wraps an event for the store.
pub(crate) fn encode<E: Recordable>(envelope: &Envelope, event: &E) -> NewEvent {
    NewEvent::of(&Enveloped { event, envelope, v: ENVELOPE_VERSION })
}

/// What callers read of an event that is about to be stored; nothing when the log will not accept it.
pub(crate) fn told(new: &NewEvent) -> Option<Told> {
    let event_type = serde_json::from_str(&new.plain("type")?).ok()?;
    let data = Payload::from_json(new.plain("data").unwrap_or_else(|| "null".to_owned())).ok()?;
    Some(Told { event_type, data })
}

/// Reads a stored event back.
///
/// # Errors
/// When the entry does not have the form of such an event.
pub(crate) fn decode<E: Recordable>(stored: StoredEvent) -> Result<Recorded<E>, UnreadableEvent> {
    let StoredEvent { index, version, body, .. } = stored;
    let unreadable = |source| UnreadableEvent { index, source };
    let mut body = object(body).map_err(unreadable)?;
    let mut event = Map::new();
    for key in ["type", "data"] {
        if let Some(value) = body.remove(key) {
            event.insert(key.to_owned(), value);
        }
    }
    let envelope = serde_json::from_value(Value::Object(body)).map_err(unreadable)?;
    let event = serde_json::from_value(Value::Object(event)).map_err(unreadable)?;
    Ok(Recorded { envelope, event, version, index, told: None })
}

/// What is read back of an event once it is stored.
#[cfg(test)]
pub(crate) fn read_back<E: Recordable>(envelope: &Envelope, event: &E) -> Value {
    serde_json::to_value(Enveloped { event, envelope, v: ENVELOPE_VERSION }).unwrap()
}

fn object(value: Value) -> Result<Map<String, Value>, serde_json::Error> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(serde::de::Error::custom("expected an object")),
    }
}
