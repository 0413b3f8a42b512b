//! The audit trail of a change, in the specification's shape.

use api::audit::TrailEntry;
use domain::change::ChangeEvent;
use domain::change::trail::{Entry, entry};
use domain::id::ActorId;
use serde_json::{Map, Value};

use super::{texts, time};
use crate::known::Known;
use crate::record::{Recordable, Recorded};

/// The name under which assessments appear in a trail. The product makes them; the specification names the part.
const RISK_ENGINE: &str = "ai-risk-engine";
/// Keys that mark free text, and text that was erased, in a stored event.
const TEXT_KEY: &str = "$text";
const ERASED_KEY: &str = "$erased";
/// What stands where a text was erased.
const ERASED: &str = "[erased]";
/// How every actor's identifier begins.
const ACTOR_PREFIX: &str = "act_";

/// One entry of the audit trail.
pub(crate) fn trail_entry(known: &Known, recorded: &Recorded<ChangeEvent>) -> TrailEntry {
    let Recorded { envelope, event, version, index } = recorded;
    let Entry { action, details } = entry(event);
    let (event_type, data) = payload(event);
    TrailEntry {
        timestamp: time(envelope.at),
        action: action.to_owned(),
        actor: actor_name(known, &envelope.actor, action),
        on_behalf_of: envelope.on_behalf_of.as_ref().map(|other| known.directory.name_of(other)),
        details: with_names(known, &details),
        version: *version,
        log_index: *index,
        policies: texts(&envelope.policies),
        event_type,
        data,
    }
}

/// The readable name of who did something.
pub(crate) fn actor_name(known: &Known, actor: &ActorId, action: &str) -> String {
    if *actor == ActorId::system() && action == "risk_assessed" {
        RISK_ENGINE.to_owned()
    } else {
        known.directory.name_of(actor)
    }
}

/// An event's type and its payload as callers read it.
fn payload<E: Recordable>(event: &E) -> (String, Value) {
    let body = serde_json::to_value(event)
        .unwrap_or_else(|error| unreachable!("an event that was read from JSON has a JSON form: {error}"));
    typed(body)
}

/// Takes type and payload out of a body.
pub(super) fn typed(mut body: Value) -> (String, Value) {
    let event_type = body.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let data = body.get_mut("data").map(Value::take).unwrap_or_default();
    (event_type, plain(data))
}

/// A stored value with its marked texts as plain strings.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => marked_text(&map).unwrap_or_else(|| {
            Value::Object(map.into_iter().map(|(key, value)| (key, plain(value))).collect())
        }),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}

fn marked_text(map: &Map<String, Value>) -> Option<Value> {
    if map.len() != 1 {
        return None;
    }
    let text = map.get(TEXT_KEY).filter(|text| text.is_string()).cloned();
    text.or_else(|| map.contains_key(ERASED_KEY).then(|| Value::from(ERASED)))
}

/// `text` with identifiers of known actors replaced by their readable names.
pub(crate) fn with_names(known: &Known, text: &str) -> String {
    let mut named = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ACTOR_PREFIX) {
        let (before, found) = rest.split_at(at);
        let is_part = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        let (id, after) = found.split_at(found.bytes().take_while(is_part).count());
        named.push_str(before);
        match ActorId::new(id) {
            Ok(actor) => named.push_str(&known.directory.name_of(&actor)),
            Err(_) => named.push_str(id),
        }
        rest = after;
    }
    named.push_str(rest);
    named
}
