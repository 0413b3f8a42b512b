//! An incident: opened by a rollback or reported by somebody, with a timeline and a root-cause record to be completed.

pub mod suspects;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::kind::words;
use crate::id::{ActorId, ChangeId, CiName, IncidentId};
use crate::text::FreeText;

/// Most items that a report names as being in trouble.
pub const AFFECTED_MAX: usize = 100;
/// Most incidents that one actor has reported and that are not resolved.
pub const REPORTS_OPEN_MAX: usize = 100;

words!(
    /// How bad an incident is.
    Severity, "severity", {
        /// Noticed, contained.
        Minor = "minor",
        /// A change had to be taken back.
        Moderate = "moderate",
        /// A change could not be taken back, or whoever reports it says so: a major incident.
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
    /// The change that led to it, once that is known.
    pub change: Option<ChangeId>,
    /// What is in trouble, as whoever reported it says; nothing where it is what the change changed.
    pub affected: BTreeSet<CiName>,
    /// When the trouble began, as far as is known.
    pub began_at: Timestamp,
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
        /// The change that led to it, where one is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        change: Option<ChangeId>,
        /// What is in trouble, where that is not what the change changed.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        affected: BTreeSet<CiName>,
        /// When the trouble began, where that was earlier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        began_at: Option<Timestamp>,
        /// How bad.
        severity: Severity,
        /// One line.
        title: FreeText,
        /// What is known so far.
        text: FreeText,
    },
    /// It became known which change led to it.
    #[serde(rename = "incident.linked")]
    Linked {
        /// The change.
        change: ChangeId,
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
    /// Say which change led to it.
    Link(Suspected),
}

/// A change that is said to have led to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspected {
    /// The change.
    pub change: ChangeId,
    /// When it was started; nothing for one that was not.
    pub started_at: Option<Timestamp>,
}

/// What somebody reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The change that led to it, where one is known.
    pub suspected: Option<Suspected>,
    /// What is in trouble; nothing where it is what the change changed.
    pub affected: BTreeSet<CiName>,
    /// When the trouble began; now where nothing is said.
    pub began_at: Option<Timestamp>,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub title: FreeText,
    /// What is known so far.
    pub text: FreeText,
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
    /// A report says of what it is.
    #[error("nothing is named that is in trouble: name services or items, or the change that led to it")]
    NothingAffected,
    /// A report is of what has begun.
    #[error(
        "the trouble is said to begin at {began_at}, which is later than now: leave it out, or correct it"
    )]
    NotBegun {
        /// When it is said to begin.
        began_at: Timestamp,
    },
    /// What begins later has led to nothing.
    #[error(
        "{change} was not started when the trouble began at {began_at}: name one that was, as `cortex-change incident suspects` lists them"
    )]
    NotStarted {
        /// The change.
        change: ChangeId,
        /// When the trouble began.
        began_at: Timestamp,
    },
    /// One change is named as what led to an incident, and stays so.
    #[error(
        "{change} is named as what led to it: open another incident for what another change led to, and a problem for what lies behind both"
    )]
    AlreadyLinked {
        /// That change.
        change: ChangeId,
    },
    /// An actor reports so many.
    #[error(
        "{REPORTS_OPEN_MAX} incidents that you have reported are not resolved: resolve those that are over, then report this one"
    )]
    TooManyReports,
}

/// Decides what somebody's report leads to, of whom so many earlier ones are not resolved.
///
/// # Errors
/// When nothing is affected, the trouble has not begun, the change cannot have led to it, or too many are unresolved.
pub fn open(report: Report, unresolved: usize, now: Timestamp) -> Result<IncidentEvent, IncidentRefusal> {
    let Report { suspected, affected, began_at, severity, title, text } = report;
    if unresolved >= REPORTS_OPEN_MAX {
        return Err(IncidentRefusal::TooManyReports);
    }
    if affected.is_empty() && suspected.is_none() {
        return Err(IncidentRefusal::NothingAffected);
    }
    if let Some(began_at) = began_at.filter(|began_at| *began_at > now) {
        return Err(IncidentRefusal::NotBegun { began_at });
    }
    let change = suspected.map(|suspected| suspected.of_trouble(began_at.unwrap_or(now))).transpose()?;
    Ok(IncidentEvent::Opened { change, affected, began_at, severity, title, text })
}

impl Suspected {
    /// The change, where it can have led to a trouble that began then.
    fn of_trouble(self, began_at: Timestamp) -> Result<ChangeId, IncidentRefusal> {
        let Self { change, started_at } = self;
        match started_at {
            Some(started_at) if started_at <= suspects::seen_by(began_at) => Ok(change),
            Some(_) | None => Err(IncidentRefusal::NotStarted { change, began_at }),
        }
    }
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
        IncidentCommand::Link(suspected) => link(incident, *suspected),
    }
}

/// Linking the same change again changes nothing.
fn link(incident: &Incident, suspected: Suspected) -> Result<Vec<IncidentEvent>, IncidentRefusal> {
    match incident.change {
        Some(change) if change == suspected.change => Ok(Vec::new()),
        Some(change) => Err(IncidentRefusal::AlreadyLinked { change }),
        None if incident.state == IncidentState::Closed => Err(IncidentRefusal::Closed),
        None => Ok(vec![IncidentEvent::Linked { change: suspected.of_trouble(incident.began_at)? }]),
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

impl Incident {
    /// Who reported it; nothing for one that a rollback opened.
    pub fn reported_by(&self) -> Option<&ActorId> {
        let opened_by = self.timeline.first().map(|entry| &entry.by);
        opened_by.filter(|by| **by != ActorId::system())
    }

    /// Whether its effect is still there.
    pub fn is_unresolved(&self) -> bool {
        match self.state {
            IncidentState::Open | IncidentState::Investigating => true,
            IncidentState::Resolved | IncidentState::Closed => false,
        }
    }
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
        let IncidentEvent::Opened { change, affected, began_at, severity, title, text } = event else {
            return Err(CorruptIncident { id, version: 1 });
        };
        let first = TimelineEntry { at, by: by.clone(), text: text.clone() };
        return Ok(Incident {
            id,
            version: 1,
            change: *change,
            affected: affected.clone(),
            began_at: began_at.unwrap_or(at),
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
        IncidentEvent::Linked { change } => incident.change = Some(*change),
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
            change: Some("CHG-2026-000001".parse().unwrap()),
            affected: BTreeSet::new(),
            began_at: None,
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

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn suspected(number: u32, started: Option<i64>) -> Suspected {
        Suspected { change: ChangeId::new(2026, number).unwrap(), started_at: started.map(at) }
    }

    fn report(began: Option<i64>, affected: &[&str], suspected: Option<Suspected>) -> Report {
        Report {
            suspected,
            affected: affected.iter().map(|name| name.parse().unwrap()).collect(),
            began_at: began.map(at),
            severity: Severity::Major,
            title: FreeText::new("shop is slow").unwrap(),
            text: FreeText::new("p99 is 3 s").unwrap(),
        }
    }

    #[test]
    fn a_report_names_what_is_in_trouble_and_what_can_have_led_to_it() {
        let now = at(10_000);
        let opened = |report| open(report, REPORTS_OPEN_MAX - 1, now);
        assert_eq!(opened(report(None, &[], None)), Err(IncidentRefusal::NothingAffected));
        let late = IncidentRefusal::NotBegun { began_at: at(10_001) };
        assert_eq!(opened(report(Some(10_001), &["shop"], None)), Err(late));
        for started in [None, Some(9_301)] {
            let change = suspected(1, started);
            let refused = IncidentRefusal::NotStarted { change: change.change, began_at: at(9_000) };
            assert_eq!(opened(report(Some(9_000), &["shop"], Some(change))), Err(refused));
        }
        assert!(opened(report(Some(9_000), &[], Some(suspected(1, Some(9_300))))).is_ok());
        let many = open(report(None, &["shop"], None), REPORTS_OPEN_MAX, now);
        assert_eq!(many, Err(IncidentRefusal::TooManyReports));
    }

    #[test]
    fn a_reported_incident_is_linked_to_one_change_for_good() {
        let event = open(report(Some(9_000), &["shop"], None), 0, at(10_000)).unwrap();
        let (id, ann) = ("INC-2026-000001".parse().unwrap(), ActorId::new("act_ann").unwrap());
        let incident = evolve(None, id, at(10_000), &ann, &event).unwrap();
        assert_eq!((incident.change, incident.began_at), (None, at(9_000)));
        assert_eq!((incident.reported_by(), opened().reported_by()), (Some(&ann), None));

        let link = |number, started| IncidentCommand::Link(suspected(number, started));
        let later = apply(incident.clone(), link(1, Some(9_301)));
        assert!(matches!(later, Err(IncidentRefusal::NotStarted { .. })), "{later:?}");
        let linked = apply(incident.clone(), link(1, Some(8_000))).unwrap();
        assert_eq!(linked.change, Some(suspected(1, None).change));
        assert_eq!(decide(&linked, &link(1, None)), Ok(Vec::new()));
        let other = apply(linked, link(2, Some(8_000)));
        let refused = IncidentRefusal::AlreadyLinked { change: suspected(1, None).change };
        assert_eq!(other, Err(refused));
        let closed = Incident { state: IncidentState::Closed, ..incident };
        assert_eq!(apply(closed, link(1, Some(8_000))), Err(IncidentRefusal::Closed));
    }

    #[test]
    fn a_log_that_does_not_open_the_incident_is_reported() {
        let event = IncidentEvent::StateChanged { state: IncidentState::Closed };
        let id = "INC-2026-000001".parse().unwrap();
        assert!(evolve(None, id, Timestamp::UNIX_EPOCH, &ActorId::system(), &event).is_err());
    }
}
