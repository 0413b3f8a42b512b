//! An incident: opened by a rollback, with a timeline and a root-cause record to be completed.

pub mod suspects;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::kind::words;
use crate::id::{ActorId, ChangeId, IncidentId};
use crate::text::FreeText;

words!(
    /// How bad an incident is.
    Severity, "severity", {
        /// Noticed, contained.
        Minor = "minor",
        /// A change had to be taken back.
        Moderate = "moderate",
        /// A change could not be taken back: a major incident.
        Major = "major",
    }
);

words!(
    /// Where an incident is in its life.
    IncidentState, "incident state", {
        /// Nobody has taken it yet.
        Open = "open",
        /// Somebody is looking for the cause.
        Investigating = "investigating",
        /// The effect is gone.
        Resolved = "resolved",
        /// The cause is recorded and the incident is ended.
        Closed = "closed",
    }
);

/// One incident, as its events up to `version` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its identifier.
    pub id: IncidentId,
    /// Number of events folded.
    pub version: u64,
    /// The change that led to it.
    pub change: ChangeId,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub title: FreeText,
    /// Where it is in its life.
    pub state: IncidentState,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
    /// What happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// The cause, as far as it is known.
    pub root_cause: RootCause,
}

/// One entry of an incident's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// Who wrote it.
    pub by: ActorId,
    /// What happened.
    pub text: FreeText,
}

/// The root-cause record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCause {
    /// To be completed.
    Pending,
    /// Completed.
    Recorded {
        /// The cause.
        cause: FreeText,
        /// What was or will be done so that it does not happen again.
        remedy: FreeText,
        /// By whom.
        by: ActorId,
        /// When.
        at: Timestamp,
    },
}

/// Something that happened to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum IncidentEvent {
    /// It was opened.
    #[serde(rename = "incident.opened")]
    Opened {
        /// The change that led to it.
        change: ChangeId,
        /// How bad.
        severity: Severity,
        /// One line.
        title: FreeText,
        /// What is known so far.
        text: FreeText,
    },
    /// An entry was added to the timeline.
    #[serde(rename = "incident.noted")]
    Noted {
        /// What happened.
        text: FreeText,
    },
    /// It became worse or less bad.
    #[serde(rename = "incident.severity_changed")]
    SeverityChanged {
        /// The new severity.
        severity: Severity,
    },
    /// It moved on.
    #[serde(rename = "incident.state_changed")]
    StateChanged {
        /// The new state.
        state: IncidentState,
    },
    /// The root cause was recorded.
    #[serde(rename = "incident.root_cause_recorded")]
    RootCauseRecorded {
        /// The cause.
        cause: FreeText,
        /// What was or will be done.
        remedy: FreeText,
    },
}

/// Something that is asked of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentCommand {
    /// Add an entry to the timeline.
    Note {
        /// What happened.
        text: FreeText,
    },
    /// Move on.
    MoveTo {
        /// The wanted state.
        state: IncidentState,
    },
    /// Record the root cause.
    RecordRootCause {
        /// The cause.
        cause: FreeText,
        /// What was or will be done.
        remedy: FreeText,
    },
}

/// Why an incident refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncidentRefusal {
    /// The incident cannot move from its state to the wanted one.
    #[error("an incident that is {from} cannot become {to}: {expected}")]
    IllegalMove {
        /// Where it is.
        from: IncidentState,
        /// Where it should go.
        to: IncidentState,
        /// Which moves are accepted.
        expected: &'static str,
    },
    /// Closing needs the root cause.
    #[error("the root cause is not recorded: record cause and remedy, then close the incident")]
    RootCauseMissing,
    /// A closed incident takes only notes.
    #[error("the incident is closed: add a note, or open a new incident")]
    Closed,
}

/// Decides what a command does to an incident.
///
/// # Errors
/// When the incident's state does not admit the command.
pub fn decide(incident: &Incident, command: &IncidentCommand) -> Result<Vec<IncidentEvent>, IncidentRefusal> {
    match command {
        IncidentCommand::Note { text } => Ok(vec![IncidentEvent::Noted { text: text.clone() }]),
        IncidentCommand::RecordRootCause { cause, remedy } => match incident.state {
            IncidentState::Closed => Err(IncidentRefusal::Closed),
            IncidentState::Open | IncidentState::Investigating | IncidentState::Resolved => {
                Ok(vec![IncidentEvent::RootCauseRecorded { cause: cause.clone(), remedy: remedy.clone() }])
            }
        },
        IncidentCommand::MoveTo { state } => move_to(incident, *state),
    }
}

fn move_to(incident: &Incident, to: IncidentState) -> Result<Vec<IncidentEvent>, IncidentRefusal> {
    use IncidentState::{Closed, Investigating, Open, Resolved};
    let from = incident.state;
    let illegal = |expected| Err(IncidentRefusal::IllegalMove { from, to, expected });
    match (from, to) {
        (Open, Investigating | Resolved) | (Investigating, Resolved) | (Resolved, Investigating) => {}
        (Resolved, Closed) => {
            if incident.root_cause == RootCause::Pending {
                return Err(IncidentRefusal::RootCauseMissing);
            }
        }
        (Open, Open | Closed) => return illegal("accepted are investigating and resolved"),
        (Investigating, Open | Investigating | Closed) => return illegal("accepted is resolved"),
        (Resolved, Open | Resolved) => return illegal("accepted are investigating and closed"),
        (Closed, Open | Investigating | Resolved | Closed) => return Err(IncidentRefusal::Closed),
    }
    Ok(vec![IncidentEvent::StateChanged { state: to }])
}

/// Folds one event into an incident. Total: an event that does not fit is a damaged log and is reported.
///
/// # Errors
/// When the first event does not open the incident, or a later one opens it again.
pub fn evolve(
    incident: Option<Incident>,
    id: IncidentId,
    at: Timestamp,
    by: &ActorId,
    event: &IncidentEvent,
) -> Result<Incident, CorruptIncident> {
    let Some(mut incident) = incident else {
        let IncidentEvent::Opened { change, severity, title, text } = event else {
            return Err(CorruptIncident { id, version: 1 });
        };
        let first = TimelineEntry { at, by: by.clone(), text: text.clone() };
        return Ok(Incident {
            id,
            version: 1,
            change: *change,
            severity: *severity,
            title: title.clone(),
            state: IncidentState::Open,
            opened_at: at,
            updated_at: at,
            timeline: vec![first],
            root_cause: RootCause::Pending,
        });
    };
    incident.version += 1;
    incident.updated_at = at;
    match event {
        IncidentEvent::Opened { .. } => return Err(CorruptIncident { id, version: incident.version }),
        IncidentEvent::Noted { text } => {
            incident.timeline.push(TimelineEntry { at, by: by.clone(), text: text.clone() });
        }
        IncidentEvent::SeverityChanged { severity } => incident.severity = *severity,
        IncidentEvent::StateChanged { state } => incident.state = *state,
        IncidentEvent::RootCauseRecorded { cause, remedy } => {
            incident.root_cause =
                RootCause::Recorded { cause: cause.clone(), remedy: remedy.clone(), by: by.clone(), at };
        }
    }
    Ok(incident)
}

/// The log holds an event that cannot follow the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "event {version} of {id} cannot follow the earlier ones: verify the log with `cortex-change audit verify`"
)]
pub struct CorruptIncident {
    id: IncidentId,
    version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Incident {
        let event = IncidentEvent::Opened {
            change: "CHG-2026-000001".parse().unwrap(),
            severity: Severity::Moderate,
            title: FreeText::new("rolled back").unwrap(),
            text: FreeText::new("error rate 12 %").unwrap(),
        };
        evolve(None, "INC-2026-000001".parse().unwrap(), Timestamp::UNIX_EPOCH, &ActorId::system(), &event)
            .unwrap()
    }

    fn apply(incident: Incident, command: IncidentCommand) -> Result<Incident, IncidentRefusal> {
        let events = decide(&incident, &command)?;
        let by = ActorId::new("act_1").unwrap();
        Ok(events.iter().fold(incident, |incident, event| {
            let (id, at) = (incident.id, incident.opened_at);
            evolve(Some(incident), id, at, &by, event).unwrap()
        }))
    }

    #[test]
    fn an_incident_closes_only_with_its_root_cause() {
        let resolved = apply(opened(), IncidentCommand::MoveTo { state: IncidentState::Resolved }).unwrap();
        let close = IncidentCommand::MoveTo { state: IncidentState::Closed };
        assert_eq!(apply(resolved.clone(), close.clone()), Err(IncidentRefusal::RootCauseMissing));
        let record = IncidentCommand::RecordRootCause {
            cause: FreeText::new("a limit was too low").unwrap(),
            remedy: FreeText::new("raised, and a test added").unwrap(),
        };
        let closed = apply(apply(resolved, record.clone()).unwrap(), close).unwrap();
        assert_eq!(closed.state, IncidentState::Closed);
        assert_eq!(apply(closed.clone(), record), Err(IncidentRefusal::Closed));
        let noted =
            apply(closed, IncidentCommand::Note { text: FreeText::new("late remark").unwrap() }).unwrap();
        assert_eq!(noted.timeline.len(), 2);
    }

    #[test]
    fn every_move_of_an_incident() {
        let mut table = String::new();
        for from in IncidentState::ALL {
            for to in IncidentState::ALL {
                let incident = Incident { state: *from, ..opened() };
                let verdict = match decide(&incident, &IncidentCommand::MoveTo { state: *to }) {
                    Ok(_) => "yes".to_owned(),
                    Err(refusal) => refusal.to_string(),
                };
                table.push_str(&format!("{from} -> {to}: {verdict}\n"));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_log_that_does_not_open_the_incident_is_reported() {
        let event = IncidentEvent::StateChanged { state: IncidentState::Closed };
        let id = "INC-2026-000001".parse().unwrap();
        assert!(evolve(None, id, Timestamp::UNIX_EPOCH, &ActorId::system(), &event).is_err());
    }
}
