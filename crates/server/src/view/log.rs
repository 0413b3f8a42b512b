//! Entries of the whole log, whatever stream they belong to.
//!
//! An entry that this version cannot read is shown all the same: by its type, as it was recorded.

use api::audit::{LogEntry, TrailEntry};
use domain::actor::ActorEvent;
use domain::catalog::CatalogEvent;
use domain::change::{ChangeEvent, trail};
use domain::id::ActorId;
use domain::incident::IncidentEvent;
use domain::security::SecurityEvent;
use serde_json::Value;
use store::StoredEvent;

use super::trail::typed;
use super::{actor_name, texts, time, with_names};
use crate::known::Known;
use crate::record::{Recordable, decode};

/// An entry of the log; `leaf_hash` is its hash in the tree.
pub(crate) fn log_entry(known: &Known, stored: StoredEvent, leaf_hash: String) -> LogEntry {
    let details = with_names(known, &sentence(&stored));
    let StoredEvent { index, stream, version, recorded_at, body } = stored;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let actor = |key: &str| text(key).and_then(|id| ActorId::new(id).ok());
    let policies = body.get("policies").and_then(Value::as_array).into_iter().flatten();
    let policies = texts(policies.filter_map(Value::as_str));
    let timestamp = text("at").map_or_else(|| time(recorded_at), ToOwned::to_owned);
    let (by, on_behalf_of) = (actor("actor"), actor("on_behalf_of"));
    let (event_type, data) = typed(body);
    let action = event_type.rsplit('.').next().unwrap_or_default().to_owned();
    let entry = TrailEntry {
        timestamp,
        actor: by.map_or_else(|| "unknown".to_owned(), |by| actor_name(known, &by, &action)),
        on_behalf_of: on_behalf_of.map(|other| known.directory.name_of(&other)),
        details,
        version,
        log_index: index,
        policies,
        action,
        event_type,
        data,
    };
    LogEntry { stream: stream.to_string(), leaf_hash, entry }
}

/// What an entry says, in a sentence.
fn sentence(stored: &StoredEvent) -> String {
    let event_type = stored.body.get("type").and_then(Value::as_str).unwrap_or_default();
    let sentence = match event_type.split('.').next() {
        Some("change") => read(stored, |event: &ChangeEvent| trail::entry(event).details),
        Some("incident") => read(stored, incident),
        Some("actor") => read(stored, actor),
        Some("catalog") => read(stored, catalog),
        Some("security") => read(stored, security),
        Some(_) | None => None,
    };
    sentence.unwrap_or_else(|| event_type.replace(['.', '_'], " "))
}

fn read<E: Recordable>(stored: &StoredEvent, describe: impl FnOnce(&E) -> String) -> Option<String> {
    decode(stored.clone()).ok().map(|recorded| describe(&recorded.event))
}

fn incident(event: &IncidentEvent) -> String {
    match event {
        IncidentEvent::Opened { change, severity, text, .. } => {
            format!("Incident opened after {change}, {severity}: {text}")
        }
        IncidentEvent::Noted { text } => text.to_string(),
        IncidentEvent::SeverityChanged { severity } => format!("Severity is now {severity}"),
        IncidentEvent::StateChanged { state } => format!("State is now {state}"),
        IncidentEvent::RootCauseRecorded { cause, remedy } => {
            format!("Root cause: {cause}; remedy: {remedy}")
        }
    }
}

fn actor(event: &ActorEvent) -> String {
    match event {
        ActorEvent::Registered { name, kind, roles, .. } => {
            format!("{name} registered as {kind}, roles: {}", listed(roles))
        }
        ActorEvent::RightsChanged { roles, teams, may_act_for } => format!(
            "Rights replaced, roles: {}; teams: {}; may act for: {}",
            listed(roles),
            listed(teams),
            listed(may_act_for)
        ),
        ActorEvent::Deactivated { reason } => format!("Deactivated: {reason}"),
        ActorEvent::Reactivated => "Reactivated".to_owned(),
        ActorEvent::TokenIssued { token_id, token } => {
            let (scopes, until) = (listed(&token.scopes), time(token.expires_at));
            format!("Token {token_id} issued until {until}, scopes: {scopes}")
        }
        ActorEvent::TokenRevoked { token_id } => format!("Token {token_id} revoked"),
    }
}

fn listed<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let words = texts(values);
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn catalog(event: &CatalogEvent) -> String {
    match event {
        CatalogEvent::ServiceDeclared { service } => {
            let needs = listed(service.depends_on.iter().map(|dependency| &dependency.service));
            format!("Service {} declared at {}, needs: {needs}", service.name, service.tier)
        }
        CatalogEvent::ServiceRetired { name } => format!("Service {name} retired"),
    }
}

fn security(event: &SecurityEvent) -> String {
    match event {
        SecurityEvent::Refused { action, resource, rules } => {
            format!("Attempt to {action} {resource} refused by {}", listed(rules))
        }
    }
}
