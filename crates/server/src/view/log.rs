//! Entries of the whole log, whatever stream they belong to.
//!
//! An entry that this version cannot read is shown all the same: by its type, as it was recorded.

use api::audit::{LogEntry, TrailEntry};
use domain::actor::{ActorEvent, AgentEvent, Budget, Delegation, DirectoryEvent};
use domain::board::BoardEvent;
use domain::calendar::{CalendarEvent, StartEvent};
use domain::change::{ChangeEvent, trail};
use domain::cmdb::{CiEvent, CmdbEvent};
use domain::ecab::RosterEvent;
use domain::governance::{PolicyEvent, PutInForceBy};
use domain::history::HistoryEvent;
use domain::id::{ActorId, CiName};
use domain::incident::IncidentEvent;
use domain::problem::{Link, ProblemEvent};
use domain::security::SecurityEvent;
use domain::stop::{StopEvent, StopScope};
use serde_json::Value;
use store::StoredEvent;

use super::trail::typed;
use super::{actor_name, texts, time, with_names};
use crate::known::Known;
use crate::record::{Recordable, Told, decode};

/// Most items that a sentence names on which another one leans.
const NEEDS_TOLD_MAX: usize = 8;

/// An entry of the log; `leaf_hash` is its hash in the tree.
pub(crate) fn log_entry(known: &Known, stored: StoredEvent, leaf_hash: Option<String>) -> LogEntry {
    let details = with_names(known, &sentence(&stored));
    let StoredEvent { index, stream, version, recorded_at, body } = stored;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let actor = |key: &str| text(key).and_then(|id| ActorId::new(id).ok());
    let policies = body.get("policies").and_then(Value::as_array).into_iter().flatten();
    let policies = texts(policies.filter_map(Value::as_str));
    let policy_set = body.get("policy_set").and_then(Value::as_u64);
    let timestamp = text("at").map_or_else(|| time(recorded_at), ToOwned::to_owned);
    let (by, on_behalf_of) = (actor("actor"), actor("on_behalf_of"));
    let Told { event_type, data } = typed(&body);
    let action = event_type.rsplit('.').next().unwrap_or_default().to_owned();
    let entry = TrailEntry {
        timestamp,
        actor: by.map_or_else(|| "unknown".to_owned(), |by| actor_name(known, &by, &action)),
        on_behalf_of: on_behalf_of.map(|other| known.directory.name_of(&other)),
        details,
        version,
        log_index: index,
        policies,
        policy_set,
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
        Some("agent") => read(stored, agent),
        Some("directory") => read(stored, directory),
        Some("ci") => read(stored, item),
        Some("cmdb") => read(stored, cmdb),
        Some("history") => read(stored, history),
        Some("security") => read(stored, security),
        Some("policies") => read(stored, policies),
        Some("problem") => read(stored, problem),
        Some("stop") => read(stored, stop),
        Some("calendar") => read(stored, calendar),
        Some("starts") => {
            read(stored, |StartEvent::ChangeStarted { change }| format!("{change} was started"))
        }
        Some("cab") => read(stored, cab),
        Some("ecab") => read(stored, ecab),
        Some(_) | None => None,
    };
    sentence.unwrap_or_else(|| event_type.replace(['.', '_'], " "))
}

fn read<E: Recordable>(stored: &StoredEvent, describe: impl FnOnce(&E) -> String) -> Option<String> {
    decode(stored.clone()).ok().map(|recorded| describe(&recorded.event))
}

fn incident(event: &IncidentEvent) -> String {
    match event {
        IncidentEvent::Opened { change: Some(change), severity, text, .. } => {
            format!("Incident opened after {change}, {severity}: {text}")
        }
        IncidentEvent::Opened { change: None, affected, severity, text, .. } => {
            let affected: Vec<_> = affected.iter().map(CiName::as_str).collect();
            format!("Incident of {} opened, {severity}: {text}", affected.join(", "))
        }
        IncidentEvent::Linked { change } => format!("{change} led to it"),
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
        ActorEvent::BudgetSet { budget: Some(budget), reason } => {
            format!("Budget set to {}: {reason}", limits(*budget))
        }
        ActorEvent::BudgetSet { budget: None, reason } => format!("Budget left to its record: {reason}"),
        ActorEvent::TokenIssued { token_id, token } => {
            let (scopes, until) = (listed(&token.scopes), time(token.expires_at));
            format!("Token {token_id} issued until {until}, scopes: {scopes}")
        }
        ActorEvent::AuthorityDelegated { delegation_id, delegation } => {
            let Delegation { to, from, until, scope, reason, .. } = delegation.as_ref();
            let only = match (scope.services.is_empty(), scope.levels.is_empty()) {
                (true, true) => String::new(),
                (false, true) => format!(", only for {}", listed(&scope.services)),
                (true, false) => format!(", only for risk {}", listed(&scope.levels)),
                (false, false) => {
                    format!(", only for {} of risk {}", listed(&scope.services), listed(&scope.levels))
                }
            };
            let (from, until) = (time(*from), time(*until));
            format!("Authority delegated to {to} from {from} until {until} ({delegation_id}){only}: {reason}")
        }
        ActorEvent::DelegationEnded { delegation_id, reason } => {
            format!("Delegation {delegation_id} ended: {reason}")
        }
        ActorEvent::TokenRevoked { token_id } => format!("Token {token_id} revoked"),
    }
}

fn limits(budget: Budget) -> String {
    let Budget { changes_per_hour, open_changes, items_reached, most_critical_tier } = budget;
    format!(
        "{changes_per_hour} changes an hour, {open_changes} at once, {items_reached} items reached, from {most_critical_tier} on"
    )
}

fn agent(event: &AgentEvent) -> String {
    match event {
        AgentEvent::ChangeCreated { change, trust, budget, changes_this_hour, open_changes } => format!(
            "{change} is change {changes_this_hour} of {} this hour and {open_changes} of {} at once; {trust}",
            budget.changes_per_hour, budget.open_changes
        ),
    }
}

fn directory(event: &DirectoryEvent) -> String {
    match event {
        DirectoryEvent::ActorAdded { actor } => format!("{actor} joined the actors"),
    }
}

fn listed<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let words = texts(values);
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn item(event: &CiEvent) -> String {
    match event {
        CiEvent::Described { description } => {
            let tier = description.tier.map_or_else(String::new, |tier| format!(", {tier}"));
            let needs =
                listed(description.relations.iter().take(NEEDS_TOLD_MAX).map(|relation| &relation.to));
            let more = description.relations.len().saturating_sub(NEEDS_TOLD_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (source, ci_type) = (&description.source, description.ci_type);
            format!("Described by {source} as {ci_type}{tier}, leans on: {needs}{more}")
        }
        CiEvent::Withdrawn { source } => format!("No longer described by {source}"),
    }
}

fn policies(event: &PolicyEvent) -> String {
    let PolicyEvent::InForce { set, by } = event;
    let why = match by {
        PutInForceBy::Start => "at a start",
        PutInForceBy::FolderChange => "because their folder changed",
    };
    let added = listed(set.added.iter().map(|file| &file.name));
    format!("Policies {} came into force {why}; added files: {added}", set.digest)
}

fn history(event: &HistoryEvent) -> String {
    match event {
        HistoryEvent::SourceAdded { source, .. } => format!("Changes of {source} are imported"),
        HistoryEvent::Imported { source, external_id, change, .. } => {
            format!("Imported {external_id} of {source}, not ours: {}", change.outcome)
        }
    }
}

fn cmdb(event: &CmdbEvent) -> String {
    match event {
        CmdbEvent::Edited { source, described, withdrawn } => {
            format!("{source} described {described} items and withdrew {withdrawn}")
        }
    }
}

fn calendar(event: &CalendarEvent) -> String {
    match event {
        CalendarEvent::EntryAdded { name, entry } => format!("Added {} {name}: {}", entry.kind, entry.title),
        CalendarEvent::EntryRemoved { name, reason } => format!("Removed {name}: {reason}"),
        CalendarEvent::FreezeOverridden { freeze, change, reason, until } => {
            format!("Excepted {change} from {freeze} until {}: {reason}", time(*until))
        }
    }
}

fn problem(event: &ProblemEvent) -> String {
    match event {
        ProblemEvent::Opened { incident, title, text } => {
            format!("Problem behind {incident} opened: {title}: {text}")
        }
        ProblemEvent::Noted { problem, text } => format!("{problem}: {text}"),
        ProblemEvent::Linked { problem, link: Link::Incident(id) } => format!("{problem} linked to {id}"),
        ProblemEvent::Linked { problem, link: Link::Change(id) } => format!("{problem} linked to {id}"),
        ProblemEvent::KnownErrorRecorded { problem, cause, workaround } => {
            format!("{problem} is a known error: {cause}; workaround: {workaround}")
        }
        ProblemEvent::StateChanged { problem, state, remedy: Some(remedy) } => {
            format!("{problem} is now {state}: {remedy}")
        }
        ProblemEvent::StateChanged { problem, state, remedy: None } => format!("{problem} is now {state}"),
    }
}

fn stop(event: &StopEvent) -> String {
    match event {
        StopEvent::Set { scope, reason, except_emergency } => {
            let what = match scope {
                StopScope::Everything => "everything".to_owned(),
                StopScope::Agents => "all agents".to_owned(),
                StopScope::Actor { actor } => actor.to_string(),
                StopScope::Service { service } => service.to_string(),
                StopScope::Tier { tier } => tier.to_string(),
            };
            let except = if *except_emergency { ", but for emergencies" } else { "" };
            format!("Stopped {what}{except}: {reason}")
        }
        StopEvent::Lifted { stop, reason } => format!("{stop} lifted: {reason}"),
    }
}

fn cab(event: &BoardEvent) -> String {
    match event {
        BoardEvent::Set { constitution } => format!(
            "The CAB is settled: it meets from {} in {}, {} must have voted",
            constitution.meets.starts,
            constitution.meets.zone,
            constitution.quorum.get()
        ),
        BoardEvent::MeetingOpened { scheduled, agenda, .. } => {
            let kind = if scheduled.is_some() { "Meeting" } else { "Extraordinary meeting" };
            format!("{kind} of the CAB opened with {} items", agenda.len())
        }
        BoardEvent::Voted { change, ballot, rationale, .. } => {
            format!("Voted on {change}: {}: {rationale}", ballot.as_str().replace('_', " "))
        }
        BoardEvent::ItemDecided { change, verdict, hindrance } => {
            let verdict = verdict.as_str().replace('_', " ");
            let hindrance = hindrance.as_ref().map(|text| format!(", but the change is as it was: {text}"));
            format!("The votes on {change} come to: {verdict}{}", hindrance.unwrap_or_default())
        }
        BoardEvent::MeetingClosed { minutes } => {
            format!("Meeting closed, its minutes have the digest {minutes}")
        }
        BoardEvent::StandingProposed { terms, .. } => {
            format!("Standing decision proposed until {}: {}", time(terms.expires_at), terms.title)
        }
        BoardEvent::StandingSupported { decision } => format!("{decision} supported"),
        BoardEvent::StandingRevoked { decision, reason } => format!("{decision} revoked: {reason}"),
    }
}

fn ecab(event: &RosterEvent) -> String {
    match event {
        RosterEvent::RotationSet { name, rotation } => {
            format!(
                "Rotation {name} settled: {}, handed over by {}",
                listed(&rotation.members),
                rotation.rule
            )
        }
        RosterEvent::RotationRemoved { name, reason } => format!("Rotation {name} removed: {reason}"),
        RosterEvent::ShiftSet { shift } => {
            let instead = shift.instead_of.as_ref().map(|name| format!(" instead of {name}"));
            format!(
                "{} on call from {} to {}{}: {}",
                shift.actor,
                time(shift.from),
                time(shift.to),
                instead.unwrap_or_default(),
                shift.reason
            )
        }
        RosterEvent::ShiftRemoved { shift, reason } => format!("{shift} taken back: {reason}"),
    }
}

fn security(event: &SecurityEvent) -> String {
    match event {
        SecurityEvent::Refused { action, resource, rules } => {
            format!("Attempt to {action} {resource} refused by {}", listed(rules))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use store::StreamName;

    use super::*;
    use crate::record::read_back;
    use crate::view::fixture::{self, NOW, Story, at};

    fn stored(stream: &str, body: Value) -> StoredEvent {
        StoredEvent { index: 7, stream: StreamName::new(stream).unwrap(), version: 3, recorded_at: NOW, body }
    }

    fn entry(stream: &str, body: Value) -> LogEntry {
        log_entry(&fixture::known(), stored(stream, body), Some("ab".to_owned()))
    }

    #[test]
    fn a_changes_entry_is_the_one_of_its_trail() {
        let story = Story::started();
        for recorded in &story.trail {
            let body = read_back(&recorded.envelope, &recorded.event);
            let told = entry("change/CHG-2025-001234", body).entry;
            let expected = crate::view::trail_entry(&fixture::known(), recorded);
            assert_eq!(TrailEntry { version: 3, log_index: 7, ..expected }, told);
        }
    }

    #[test]
    fn entries_of_other_streams_read_as_sentences() {
        let check = |stream: &str, event: Value, expected: &str| {
            let mut body = json!({ "at": at(5), "actor": "act_lead", "policies": ["p"], "v": 1 });
            body.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
            let told = entry(stream, body);
            assert_eq!(told.entry.details, expected, "{told:?}");
            assert_eq!(told.entry.actor, "tech-lead@cortex.ai");
            assert_eq!((told.entry.policies.len(), told.stream.as_str()), (1, stream));
        };
        check(
            "ci/shop",
            json!({ "type": "ci.withdrawn", "data": { "source": "manual" } }),
            "No longer described by manual",
        );
        let described = json!({
            "source": "catalog", "type": "service", "tier": 1, "lifecycle": "active",
            "relations": [{ "type": "depends_on", "to": "cart", "strength": "hard" }],
        });
        check(
            "ci/shop",
            json!({ "type": "ci.described", "data": { "description": described } }),
            "Described by catalog as service, Tier 1, leans on: cart",
        );
        check(
            "cmdb",
            json!({ "type": "cmdb.edited", "data": { "source": "catalog", "described": 2, "withdrawn": 1 } }),
            "catalog described 2 items and withdrew 1",
        );
        check(
            "directory",
            json!({ "type": "directory.actor_added", "data": { "actor": "act_maya" } }),
            "maya.okafor joined the actors",
        );
        check(
            "actor/act_maya",
            json!({ "type": "actor.deactivated", "data": { "reason": { "$text": "left" } } }),
            "Deactivated: left",
        );
        check(
            "incident/INC-2025-000001",
            json!({ "type": "incident.noted", "data": { "text": { "$text": "act_maya looks at it" } } }),
            "maya.okafor looks at it",
        );
        check(
            "security/act_lead",
            json!({ "type": "security.refused", "data": { "action": "approve", "resource": "CHG-2025-001234", "rules": ["segregation-of-duties"] } }),
            "Attempt to approve CHG-2025-001234 refused by segregation-of-duties",
        );
        check(
            "change/CHG-2025-001234",
            json!({ "type": "change.put_to_sleep", "data": {} }),
            "change put to sleep",
        );
    }

    #[test]
    fn an_entry_without_anything_known_is_shown_all_the_same() {
        let told = entry("other", json!({}));
        assert_eq!(told.entry.timestamp, "2025-12-30T18:00:00Z");
        assert_eq!((told.entry.actor.as_str(), told.entry.details.as_str()), ("unknown", ""));
    }
}
