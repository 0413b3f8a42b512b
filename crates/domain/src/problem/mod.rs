//! Problems: what lies behind incidents. Each is opened from an incident, looked into, becomes a known error with a
//! workaround when its cause is found, and is resolved by a remedy, often a change.
//!
//! All problems are in one stream, so their number and order need no table.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::change::kind::words;
use crate::id::{ActorId, ChangeId, IncidentId};
use crate::incident::TimelineEntry;
use crate::text::FreeText;

/// Most problems that are not closed.
pub const PROBLEMS_MAX: usize = 1_000;
/// Closed problems that are kept to be shown.
pub const CLOSED_KEPT_MAX: usize = 1_000;
/// Most incidents, and most changes, that a problem is linked to.
pub const LINKS_MAX: usize = 200;
/// Entries of a timeline that are kept; the oldest but the first make room.
pub const TIMELINE_MAX: usize = 500;
/// Bytes of a timeline that are kept, in the same way; all of it stays in the log.
pub const TIMELINE_BYTES_MAX: usize = 64 * 1024;
/// What the number of a problem stands behind.
const PREFIX: &str = "PRB-";

/// The identifier of a problem: the version of the stream at which it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProblemId(u64);

/// A text that is no identifier of a problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not the identifier of a problem: expected a form like PRB-7")]
pub struct InvalidProblemId {
    given: String,
}

impl fmt::Display for ProblemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl FromStr for ProblemId {
    type Err = InvalidProblemId;

    fn from_str(text: &str) -> Result<Self, InvalidProblemId> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| !digits.starts_with(['0', '+']));
        digits.and_then(|digits| digits.parse().ok()).map(Self).ok_or_else(|| InvalidProblemId {
            given: text.chars().filter(|c| !c.is_control()).take(40).collect(),
        })
    }
}

impl TryFrom<String> for ProblemId {
    type Error = InvalidProblemId;

    fn try_from(text: String) -> Result<Self, InvalidProblemId> {
        text.parse()
    }
}

impl From<ProblemId> for String {
    fn from(id: ProblemId) -> Self {
        id.to_string()
    }
}

words!(
    /// Where a problem is in its life.
    ProblemState, "problem state", {
        /// Nobody has taken it yet.
        Open = "open",
        /// Somebody is looking for the cause.
        Investigating = "investigating",
        /// The cause is known, and how to live with it.
        KnownError = "known_error",
        /// The cause is removed.
        Resolved = "resolved",
        /// It has not come back, and is ended.
        Closed = "closed",
    }
);

/// Something that a problem is linked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// An incident that it led to.
    Incident(IncidentId),
    /// A change that caused or removes it.
    Change(ChangeId),
}

/// Something that happened to a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum ProblemEvent {
    /// It was opened.
    #[serde(rename = "problem.opened")]
    Opened {
        /// The incident that it was seen in first.
        incident: IncidentId,
        /// One line.
        title: FreeText,
        /// What is known so far.
        text: FreeText,
    },
    /// An entry was added to the timeline.
    #[serde(rename = "problem.noted")]
    Noted {
        /// Which problem.
        problem: ProblemId,
        /// What happened.
        text: FreeText,
    },
    /// It was linked.
    #[serde(rename = "problem.linked")]
    Linked {
        /// Which problem.
        problem: ProblemId,
        /// To what.
        link: Link,
    },
    /// The cause is known, and how to live with it.
    #[serde(rename = "problem.known_error_recorded")]
    KnownErrorRecorded {
        /// Which problem.
        problem: ProblemId,
        /// The cause.
        cause: FreeText,
        /// How to live with it until it is removed.
        workaround: FreeText,
    },
    /// It was looked into, resolved, closed or taken up again.
    #[serde(rename = "problem.state_changed")]
    StateChanged {
        /// Which problem.
        problem: ProblemId,
        /// The new state.
        state: ProblemState,
        /// What removed the cause, where it was resolved.
        remedy: Option<FreeText>,
    },
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its identifier.
    pub id: ProblemId,
    /// One line.
    pub title: FreeText,
    /// Where it is in its life.
    pub state: ProblemState,
    /// The incident that it was seen in first.
    pub seen_in: IncidentId,
    /// Every incident that it led to.
    pub incidents: BTreeSet<IncidentId>,
    /// Changes that caused or remove it.
    pub changes: BTreeSet<ChangeId>,
    /// The cause and how to live with it, once they are known.
    pub known_error: Option<(FreeText, FreeText)>,
    /// What removed the cause.
    pub remedy: Option<FreeText>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
    /// What happened, in order.
    pub timeline: VecDeque<TimelineEntry>,
}

/// Something that is asked of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemCommand {
    /// Add an entry to the timeline.
    Note(FreeText),
    /// Link it.
    Link(Link),
    /// Record the cause and how to live with it.
    RecordKnownError {
        /// The cause.
        cause: FreeText,
        /// How to live with it.
        workaround: FreeText,
    },
    /// Move on.
    MoveTo {
        /// The wanted state.
        state: ProblemState,
        /// What removed the cause.
        remedy: Option<FreeText>,
    },
}

/// Why a problem refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemRefusal {
    /// There is none like that.
    #[error("there is no problem {0}: `cortex-change problem list` shows those that there are")]
    Unknown(ProblemId),
    /// There are too many.
    #[error("{PROBLEMS_MAX} problems are not closed, which is the most: close those that are resolved")]
    TooMany,
    /// It is linked to too much.
    #[error("the problem is linked to {LINKS_MAX} {0} already, which is the most")]
    TooManyLinks(&'static str),
    /// It cannot move from its state to the wanted one.
    #[error("a problem that is {from} cannot become {to}: {expected}")]
    IllegalMove {
        /// Where it is.
        from: ProblemState,
        /// Where it should go.
        to: ProblemState,
        /// Which moves are accepted.
        expected: &'static str,
    },
    /// Resolving needs the cause and the remedy.
    #[error("{0} is not recorded: a problem is resolved when its cause is known and what removed it")]
    Missing(&'static str),
    /// A remedy belongs to resolving.
    #[error("a remedy says what removed the cause: give it when the problem becomes resolved, not {0}")]
    RemedyTooEarly(ProblemState),
}

/// Every problem that is not closed and the last ones that were, as the events so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    version: u64,
    updated_at: Timestamp,
    /// Shared, so that what is decided on a copy costs no copy of every text.
    all: BTreeMap<ProblemId, Arc<Problem>>,
}

impl Problems {
    /// Number of events so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the last event happened.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// The newest first: all of them, or those that are older than one of them.
    pub fn newest_first(&self, after: Option<ProblemId>) -> impl Iterator<Item = &Problem> {
        let end = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.all.range((Bound::Unbounded, end)).rev().map(|(_, problem)| problem.as_ref())
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none like that.
    pub fn get(&self, id: ProblemId) -> Result<&Problem, ProblemRefusal> {
        self.all.get(&id).map(AsRef::as_ref).ok_or(ProblemRefusal::Unknown(id))
    }

    /// Those that an incident belongs to.
    pub fn behind(&self, incident: IncidentId) -> impl Iterator<Item = &Problem> {
        self.newest_first(None).filter(move |problem| problem.incidents.contains(&incident))
    }

    /// The identifier of the next one.
    pub fn next_id(&self) -> ProblemId {
        ProblemId(self.version.saturating_add(1))
    }

    /// Decides to open one.
    ///
    /// # Errors
    /// When too many are not closed.
    pub fn open(
        &self,
        incident: IncidentId,
        title: FreeText,
        text: FreeText,
    ) -> Result<ProblemEvent, ProblemRefusal> {
        self.has_room()?;
        Ok(ProblemEvent::Opened { incident, title, text })
    }

    /// Whether one more may be not closed.
    fn has_room(&self) -> Result<(), ProblemRefusal> {
        let open = self.all.values().filter(|problem| problem.state != ProblemState::Closed).count();
        if open >= PROBLEMS_MAX { Err(ProblemRefusal::TooMany) } else { Ok(()) }
    }

    /// Decides what a command does to a problem. A link that is there already leads to nothing.
    ///
    /// # Errors
    /// When there is no such problem, or its state does not admit the command.
    pub fn decide(
        &self,
        id: ProblemId,
        command: ProblemCommand,
    ) -> Result<Option<ProblemEvent>, ProblemRefusal> {
        let problem = self.get(id)?;
        match command {
            ProblemCommand::Note(text) => Ok(Some(ProblemEvent::Noted { problem: id, text })),
            ProblemCommand::Link(link) => {
                let (is_linked, count, what) = match link {
                    Link::Incident(id) => {
                        (problem.incidents.contains(&id), problem.incidents.len(), "incidents")
                    }
                    Link::Change(id) => (problem.changes.contains(&id), problem.changes.len(), "changes"),
                };
                if is_linked {
                    return Ok(None);
                }
                if count >= LINKS_MAX {
                    return Err(ProblemRefusal::TooManyLinks(what));
                }
                Ok(Some(ProblemEvent::Linked { problem: id, link }))
            }
            ProblemCommand::RecordKnownError { cause, workaround } => match problem.state {
                ProblemState::Open | ProblemState::Investigating | ProblemState::KnownError => {
                    Ok(Some(ProblemEvent::KnownErrorRecorded { problem: id, cause, workaround }))
                }
                from @ (ProblemState::Resolved | ProblemState::Closed) => {
                    let expected = "accepted is investigating, then the known error";
                    Err(ProblemRefusal::IllegalMove { from, to: ProblemState::KnownError, expected })
                }
            },
            ProblemCommand::MoveTo { state, remedy } => {
                let moved = problem.moved(state, remedy)?;
                if problem.state == ProblemState::Closed {
                    self.has_room()?;
                }
                Ok(Some(moved))
            }
        }
    }

    /// Takes the event in that led to `version`, unless it is known already. Events are told in order.
    pub fn evolve(&mut self, version: u64, at: Timestamp, by: &ActorId, event: &ProblemEvent) {
        if version <= self.version {
            return;
        }
        self.version = version;
        self.updated_at = at;
        let id = match event {
            ProblemEvent::Opened { incident, title, text } => {
                let id = ProblemId(version);
                let first = TimelineEntry { at, by: by.clone(), text: text.clone() };
                let problem = Problem {
                    id,
                    title: title.clone(),
                    state: ProblemState::Open,
                    seen_in: *incident,
                    incidents: [*incident].into(),
                    changes: BTreeSet::new(),
                    known_error: None,
                    remedy: None,
                    opened_at: at,
                    updated_at: at,
                    timeline: [first].into(),
                };
                self.all.insert(id, Arc::new(problem));
                return;
            }
            ProblemEvent::Noted { problem, .. }
            | ProblemEvent::Linked { problem, .. }
            | ProblemEvent::KnownErrorRecorded { problem, .. }
            | ProblemEvent::StateChanged { problem, .. } => *problem,
        };
        if let Some(problem) = self.all.get_mut(&id) {
            Arc::make_mut(problem).evolve(at, by, event);
        }
        self.forget();
    }

    /// Forgets the closed ones that are more than are kept.
    fn forget(&mut self) {
        let closed = |problem: &&Arc<Problem>| problem.state == ProblemState::Closed;
        if self.all.values().filter(closed).count() > CLOSED_KEPT_MAX {
            let oldest = self.all.values().filter(closed).min_by_key(|problem| problem.updated_at);
            if let Some(id) = oldest.map(|problem| problem.id) {
                self.all.remove(&id);
            }
        }
    }
}

impl Problem {
    fn moved(&self, to: ProblemState, remedy: Option<FreeText>) -> Result<ProblemEvent, ProblemRefusal> {
        use ProblemState::{Closed, Investigating, KnownError, Open, Resolved};
        let from = self.state;
        let illegal = |expected| Err(ProblemRefusal::IllegalMove { from, to, expected });
        match (from, to) {
            (Open | Resolved | Closed, Investigating) | (Resolved, Closed) => {}
            // One that has come back may have a cause that is known already.
            (Open | Investigating, Resolved) if self.known_error.is_none() => {
                return Err(ProblemRefusal::Missing("the cause"));
            }
            (Open | Investigating | KnownError, Resolved) if remedy.is_none() => {
                return Err(ProblemRefusal::Missing("the remedy"));
            }
            (Open | Investigating | KnownError, Resolved) => {}
            (_, KnownError) => return illegal("record the cause and a workaround instead"),
            (Open, Open | Closed) => return illegal("accepted is investigating"),
            (Investigating, Open | Investigating | Closed) => return illegal("record the cause first"),
            (KnownError, Open | Investigating | Closed) => return illegal("accepted is resolved"),
            (Resolved, Open | Resolved) => return illegal("accepted are investigating and closed"),
            (Closed, Open | Resolved | Closed) => return illegal("accepted is investigating"),
        }
        if remedy.is_some() && to != Resolved {
            return Err(ProblemRefusal::RemedyTooEarly(to));
        }
        Ok(ProblemEvent::StateChanged { problem: self.id, state: to, remedy })
    }

    fn evolve(&mut self, at: Timestamp, by: &ActorId, event: &ProblemEvent) {
        self.updated_at = at;
        let said = match event {
            ProblemEvent::Opened { .. } => return,
            ProblemEvent::Noted { text, .. } => text.clone(),
            ProblemEvent::Linked { link: Link::Incident(id), .. } => {
                self.incidents.insert(*id);
                return;
            }
            ProblemEvent::Linked { link: Link::Change(id), .. } => {
                self.changes.insert(*id);
                return;
            }
            ProblemEvent::KnownErrorRecorded { cause, workaround, .. } => {
                self.state = ProblemState::KnownError;
                self.known_error = Some((cause.clone(), workaround.clone()));
                return;
            }
            ProblemEvent::StateChanged { state, remedy, .. } => {
                self.state = *state;
                match state {
                    // What was to remove the cause has not.
                    ProblemState::Investigating => self.remedy = None,
                    ProblemState::Open
                    | ProblemState::KnownError
                    | ProblemState::Resolved
                    | ProblemState::Closed => self.remedy = remedy.clone().or(self.remedy.take()),
                }
                return;
            }
        };
        self.timeline.push_back(TimelineEntry { at, by: by.clone(), text: said });
        let bytes = |entry: &TimelineEntry| entry.text.as_str().len();
        let mut kept: usize = self.timeline.iter().map(bytes).sum();
        // The first entry says what it is about, the last one what is new.
        while self.timeline.len() > 2 && (self.timeline.len() > TIMELINE_MAX || kept > TIMELINE_BYTES_MAX) {
            kept -= self.timeline.remove(1).as_ref().map_or(0, bytes);
        }
    }
}

#[cfg(test)]
mod tests;
