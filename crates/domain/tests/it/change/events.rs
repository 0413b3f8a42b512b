//! Stored events: one fixture for every kind of event and version. A fixture is never edited, only added to.
//!
//! After a new variant the compiler leads here: name its fixture below and write `fixtures/event/<type>.v1.json`.
//! `<type>.<case>.v1.json` shows another form of the same event.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use domain::actor::{ActorEvent, AgentEvent, DirectoryEvent};
use domain::board::BoardEvent;
use domain::calendar::{CalendarEvent, StartEvent};
use domain::canary::CalibrationEvent;
use domain::change::{ChangeEvent, Content, trail};
use domain::cmdb::{CiEvent, CmdbEvent};
use domain::ecab::RosterEvent;
use domain::governance::PolicyEvent;
use domain::history::HistoryEvent;
use domain::incident::IncidentEvent;
use domain::security::SecurityEvent;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Lists the kinds of an event: a name for each variant, in a `match` that the compiler holds complete.
macro_rules! kinds {
    ($event:ident, $all:ident, $kind_of:ident, { $($variant:ident = $kind:literal,)+ }) => {
        const $all: &[&str] = &[$($kind),+];

        fn $kind_of(event: &$event) -> &'static str {
            match event {
                $($event::$variant { .. } => $kind,)+
            }
        }
    };
}

kinds!(ChangeEvent, CHANGE_KINDS, kind_of_change_event, {
    Created = "change.created",
    Submitted = "change.submitted",
    Amended = "change.amended",
    Commented = "change.commented",
    RiskAssessed = "change.risk_assessed",
    ApprovalRequested = "change.approval_requested",
    Approved = "change.approved",
    StageOpened = "change.stage_opened",
    ApprovalEscalated = "change.approval_escalated",
    DecisionOverridden = "change.decision_overridden",
    Rejected = "change.rejected",
    ApprovalWithdrawn = "change.approval_withdrawn",
    ConditionSatisfied = "change.condition_satisfied",
    Cancelled = "change.cancelled",
    Rehearsed = "change.rehearsed",
    ImplementationStarted = "change.implementation_started",
    TakenOver = "change.taken_over",
    Progressed = "change.progressed",
    Interrupted = "change.interrupted",
    Implemented = "change.implemented",
    ResultAccepted = "change.result_accepted",
    Validated = "change.validated",
    ValidationFailed = "change.validation_failed",
    RollbackStarted = "change.rollback_started",
    RolledBack = "change.rolled_back",
    RollbackFailed = "change.rollback_failed",
    Closed = "change.closed",
    Reviewed = "change.reviewed",
    RetrospectiveOverdue = "change.retrospective_overdue",
    WindowMissed = "change.window_missed",
    AttentionNeeded = "change.attention_needed",
    IncidentLinked = "change.incident_linked",
});

kinds!(IncidentEvent, INCIDENT_KINDS, kind_of_incident_event, {
    Opened = "incident.opened",
    Linked = "incident.linked",
    Noted = "incident.noted",
    SeverityChanged = "incident.severity_changed",
    StateChanged = "incident.state_changed",
    RootCauseRecorded = "incident.root_cause_recorded",
});

kinds!(ActorEvent, ACTOR_KINDS, kind_of_actor_event, {
    Registered = "actor.registered",
    RightsChanged = "actor.rights_changed",
    Deactivated = "actor.deactivated",
    Reactivated = "actor.reactivated",
    BudgetSet = "actor.budget_set",
    AuthorityDelegated = "actor.authority_delegated",
    DelegationEnded = "actor.delegation_ended",
    TokenIssued = "actor.token_issued",
    TokenRevoked = "actor.token_revoked",
});

kinds!(AgentEvent, AGENT_KINDS, kind_of_agent_event, {
    ChangeCreated = "agent.change_created",
});

kinds!(DirectoryEvent, DIRECTORY_KINDS, kind_of_directory_event, {
    ActorAdded = "directory.actor_added",
});

kinds!(CiEvent, CI_KINDS, kind_of_ci_event, {
    Described = "ci.described",
    Withdrawn = "ci.withdrawn",
});

kinds!(CmdbEvent, CMDB_KINDS, kind_of_cmdb_event, {
    Edited = "cmdb.edited",
});

kinds!(HistoryEvent, HISTORY_KINDS, kind_of_history_event, {
    SourceAdded = "history.source_added",
    Imported = "history.imported",
});

kinds!(SecurityEvent, SECURITY_KINDS, kind_of_security_event, {
    Refused = "security.refused",
});

kinds!(BoardEvent, BOARD_KINDS, kind_of_board_event, {
    Set = "cab.set",
    MeetingOpened = "cab.meeting_opened",
    Voted = "cab.voted",
    ItemDecided = "cab.item_decided",
    MeetingClosed = "cab.meeting_closed",
    StandingProposed = "cab.standing_proposed",
    StandingSupported = "cab.standing_supported",
    StandingRevoked = "cab.standing_revoked",
});

kinds!(RosterEvent, ROSTER_KINDS, kind_of_roster_event, {
    RotationSet = "ecab.rotation_set",
    RotationRemoved = "ecab.rotation_removed",
    ShiftSet = "ecab.shift_set",
    ShiftRemoved = "ecab.shift_removed",
});

kinds!(PolicyEvent, POLICIES_KINDS, kind_of_policy_event, {
    InForce = "policies.in_force",
});

kinds!(CalendarEvent, CALENDAR_KINDS, kind_of_calendar_event, {
    EntryAdded = "calendar.entry_added",
    EntryRemoved = "calendar.entry_removed",
    FreezeOverridden = "calendar.freeze_overridden",
});

kinds!(CalibrationEvent, CALIBRATION_KINDS, kind_of_calibration_event, {
    Saved = "canary.calibrated",
});

kinds!(StartEvent, START_KINDS, kind_of_start_event, {
    ChangeStarted = "starts.change_started",
});

/// Every fixture by its file name without the ending.
fn fixtures() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/event");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), value)
        })
        .collect()
}

/// The fixtures of one kind of stream: each reads as an event, is written as it was, and every kind has one.
#[track_caller]
fn check<E: Serialize + DeserializeOwned + Debug>(
    stream: &str,
    kinds: &[&str],
    kind_of: fn(&E) -> &'static str,
) {
    let mut seen = BTreeSet::new();
    for (name, stored) in fixtures().into_iter().filter(|(name, _)| name.starts_with(&format!("{stream}."))) {
        let event: E =
            serde_json::from_value(stored.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let kind = kind_of(&event);
        assert_eq!(stored["type"], kind, "{name}");
        assert!(
            name.starts_with(&format!("{kind}.")) && name.ends_with(".v1"),
            "{name} is named after {kind}"
        );
        let canonical = |value: &Value| serde_json_canonicalizer::to_string(value).unwrap();
        assert_eq!(canonical(&serde_json::to_value(&event).unwrap()), canonical(&stored), "{name}");
        if let Some(data) = stored.get("data") {
            let mut extended = stored.clone();
            extended["data"]["unheard_of"] = Value::from(1);
            assert!(
                serde_json::from_value::<E>(extended).is_err(),
                "{name} reads with an unknown field: {data}"
            );
        }
        seen.insert(kind);
    }
    let missing: Vec<_> = kinds.iter().filter(|kind| !seen.contains(*kind)).collect();
    assert!(missing.is_empty(), "no fixture shows {missing:?}");
}

#[test]
fn stored_events_of_changes_read_back() {
    check("change", CHANGE_KINDS, kind_of_change_event);
    for stored in fixtures().into_values() {
        if let Ok(event) = serde_json::from_value::<ChangeEvent>(stored.clone()) {
            assert_eq!(stored["type"], format!("change.{}", trail::action(&event)));
        }
    }
}

#[test]
fn stored_events_of_incidents_read_back() {
    check("incident", INCIDENT_KINDS, kind_of_incident_event);
}

#[test]
fn stored_events_of_the_calendar_and_of_starts_read_back() {
    check("calendar", CALENDAR_KINDS, kind_of_calendar_event);
    check("starts", START_KINDS, kind_of_start_event);
}

#[test]
fn stored_events_of_calibrations_read_back() {
    check("canary", CALIBRATION_KINDS, kind_of_calibration_event);
}

#[test]
fn stored_events_of_actors_read_back() {
    check("actor", ACTOR_KINDS, kind_of_actor_event);
    check("agent", AGENT_KINDS, kind_of_agent_event);
    check("directory", DIRECTORY_KINDS, kind_of_directory_event);
}

#[test]
fn stored_events_of_configuration_items_read_back() {
    check("ci", CI_KINDS, kind_of_ci_event);
    check("cmdb", CMDB_KINDS, kind_of_cmdb_event);
}

#[test]
fn stored_events_of_imported_history_read_back() {
    check("history", HISTORY_KINDS, kind_of_history_event);
}

#[test]
fn stored_events_of_refused_attempts_read_back() {
    check("security", SECURITY_KINDS, kind_of_security_event);
}

#[test]
fn stored_events_of_policies_in_force_read_back() {
    check("policies", POLICIES_KINDS, kind_of_policy_event);
}

#[test]
fn stored_events_of_boards_read_back() {
    check("cab", BOARD_KINDS, kind_of_board_event);
    check("ecab", ROSTER_KINDS, kind_of_roster_event);
}

#[test]
fn every_fixture_belongs_to_a_stream() {
    let streams = [
        "change",
        "incident",
        "actor",
        "agent",
        "directory",
        "ci",
        "cmdb",
        "history",
        "security",
        "policies",
        "calendar",
        "canary",
        "starts",
        "cab",
        "ecab",
    ];
    for name in fixtures().keys() {
        assert!(streams.iter().any(|stream| name.starts_with(&format!("{stream}."))), "{name}");
    }
}

/// The event of a fixture.
pub(super) fn stored_change_event(name: &str) -> ChangeEvent {
    serde_json::from_value(fixtures().remove(name).unwrap()).unwrap()
}

/// The content of the fixture in which everything is said.
pub(super) fn stored_content() -> Content {
    let ChangeEvent::Created { content, .. } = stored_change_event("change.created.v1") else {
        panic!("not a creation")
    };
    *content
}

/// How the audit trail words every stored event.
#[test]
fn the_audit_trail_in_words() {
    let changes = fixtures().into_iter().filter(|(name, _)| name.starts_with("change."));
    let lines: Vec<_> = changes
        .map(|(_, stored)| {
            let trail::Entry { action, details } = trail::entry(&serde_json::from_value(stored).unwrap());
            format!("{action}: {details}")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
