//! What is planned and what is under way: every change with a window that is approved or waits for it, and every one
//! that has been started and is not done.
//!
//! Starts are in one order: each is an event of one stream, written with the start itself. So of two conflicting changes
//! that are started at the same instant on two servers, one is decided again and finds the other one under way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::conflict::{Around, CONFLICTS_MAX, Conflict, ConflictSettings, Meeting, Planned, Stage};
use super::{Occurrence, Treatment};
use crate::Timestamp;
use crate::change::{Change, ChangeType, State, Window};
use crate::cmdb::Cmdb;
use crate::id::{ChangeId, CiName, EnvironmentName};
use crate::number::RiskScore;
use crate::risk::Level;
use crate::text::FreeText;

/// How long a change that is under way is taken to go on when nothing is known of its end.
pub const RUN_ASSUMED_MINUTES: i64 = 60;
/// Most other changes that are compared with one.
const COMPARED_MAX: usize = 1_000;

/// Something that happened to the order of starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum StartEvent {
    /// A change was started.
    #[serde(rename = "starts.change_started")]
    ChangeStarted {
        /// The change.
        change: ChangeId,
    },
}

/// A change that takes its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The change.
    pub change: ChangeId,
    /// Number of its events.
    pub version: u64,
    /// When its last event happened.
    pub updated_at: Timestamp,
    /// How far it is.
    pub stage: Stage,
    /// What kind of change it is.
    pub change_type: ChangeType,
    /// What it is.
    pub title: FreeText,
    /// How risky it is.
    pub risk: Option<(RiskScore, Level)>,
    /// When it was started, where it was.
    pub started_at: Option<Timestamp>,
    /// Its window; one that is under way may have none.
    pub window: Option<Window>,
    /// How long its plan is expected to take.
    pub estimated: Option<SignedDuration>,
    /// What it changes, services included.
    pub items: BTreeSet<CiName>,
    /// Where.
    pub environment: Option<EnvironmentName>,
}

impl Booking {
    /// What a change books; nothing when it is neither planned nor under way.
    pub fn of(change: &Change) -> Option<Self> {
        let stage = stage(change)?;
        let content = &change.content;
        Some(Self {
            change: change.id,
            version: change.version,
            updated_at: change.updated_at,
            stage,
            change_type: content.change_type,
            title: content.title.clone(),
            risk: change.assessment().map(|assessment| (assessment.score, assessment.level)),
            started_at: change.execution().map(|execution| execution.started_at),
            window: content.window,
            estimated: estimated(change),
            items: items(change),
            environment: content.environment.clone(),
        })
    }

    /// The time that it takes, as seen at `now`; nothing when its time is over.
    pub fn span(&self, now: Timestamp) -> Option<Occurrence> {
        let window = self.window.filter(|window| window.end > now);
        match self.stage {
            Stage::Proposed | Stage::Approved => {
                window.map(|window| Occurrence { start: window.start, end: window.end })
            }
            Stage::Running => {
                let assumed = self.estimated.unwrap_or(SignedDuration::from_mins(RUN_ASSUMED_MINUTES));
                let assumed = now.saturating_add(assumed).unwrap_or(Timestamp::MAX);
                let start = self.started_at.unwrap_or(now).min(now);
                Some(Occurrence { start, end: window.map_or(assumed, |window| window.end) })
            }
        }
    }
}

/// How far a change is, where it takes time.
fn stage(change: &Change) -> Option<Stage> {
    match &change.state {
        State::AwaitingApproval(_) => change.content.window.map(|_| Stage::Proposed),
        State::Approved(_) => change.content.window.map(|_| Stage::Approved),
        State::Implementing(_) | State::Interrupted(_) | State::Validating(_) | State::RollingBack(_) => {
            Some(Stage::Running)
        }
        State::Draft
        | State::Assessing(_)
        | State::Implemented(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => None,
    }
}

/// How long the plan of a change is expected to take.
pub fn estimated(change: &Change) -> Option<SignedDuration> {
    let seconds = change.content.plan.as_ref()?.estimated_duration_seconds?;
    i64::try_from(seconds).ok().map(SignedDuration::from_secs)
}

/// What a change changes: its items, and its services as items.
pub fn items(change: &Change) -> BTreeSet<CiName> {
    let services = change.content.affected_services.iter().map(CiName::from);
    change.content.affected_cis.iter().cloned().chain(services).collect()
}

/// Everything that is planned and under way.
#[derive(Debug, Clone, Default)]
pub struct Bookings {
    settings: ConflictSettings,
    all: BTreeMap<ChangeId, Booking>,
    running: BTreeSet<ChangeId>,
    /// Those that are planned, by the beginning of their window.
    planned: BTreeSet<(Timestamp, ChangeId)>,
}

impl Bookings {
    /// None yet, with what conflicts lead to.
    pub fn new(settings: ConflictSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// What conflicts lead to.
    pub fn settings(&self) -> &ConflictSettings {
        &self.settings
    }

    /// Every booking, by change.
    pub fn iter(&self) -> impl Iterator<Item = &Booking> {
        self.all.values()
    }

    /// What one change books.
    pub fn get(&self, change: ChangeId) -> Option<&Booking> {
        self.all.get(&change)
    }

    /// Whether [`Bookings::put`] would alter anything.
    pub fn concerns(&self, change: &Change) -> bool {
        stage(change).is_some() || self.all.contains_key(&change.id)
    }

    /// Takes a change in as it is now, or lets go of it. An older version than the known one is left aside.
    pub fn put(&mut self, change: &Change) {
        let known = self.all.get(&change.id);
        if known.is_some_and(|known| known.version >= change.version) {
            return;
        }
        self.remove(change.id);
        Booking::of(change).into_iter().for_each(|booking| self.book(booking));
    }

    /// Takes a booking in, in place of an earlier one of the same change.
    pub fn book(&mut self, booking: Booking) {
        let id = booking.change;
        self.remove(id);
        match (booking.stage, booking.window) {
            (Stage::Running, _) => drop(self.running.insert(id)),
            (Stage::Proposed | Stage::Approved, Some(window)) => {
                self.planned.insert((window.start, id));
            }
            (Stage::Proposed | Stage::Approved, None) => {}
        }
        self.all.insert(id, booking);
    }

    fn remove(&mut self, change: ChangeId) {
        if let Some(before) = self.all.remove(&change) {
            self.running.remove(&change);
            before.window.map(|window| self.planned.remove(&(window.start, change)));
        }
    }

    /// The conflicts of what is planned as seen at `now`: those that lead to most first, then by their beginning; at most
    /// [`CONFLICTS_MAX`].
    pub fn conflicts(&self, cmdb: &Cmdb, planned: &Planned<'_>, now: Timestamp) -> Vec<Conflict> {
        let mut conflicts = self.all_conflicts(cmdb, planned, now);
        conflicts.truncate(CONFLICTS_MAX);
        conflicts
    }

    pub(super) fn all_conflicts(&self, cmdb: &Cmdb, planned: &Planned<'_>, now: Timestamp) -> Vec<Conflict> {
        let at_once = self.at_once(planned, now);
        if at_once.is_empty() {
            return Vec::new();
        }
        let around = Around::of(cmdb, planned.items, self.settings.distance);
        let conflicts = at_once.into_iter().filter_map(|(other, span)| {
            let meeting = around.meets(cmdb, &other.items)?;
            Some(self.conflict(other, meeting, planned.span, span))
        });
        let mut conflicts: Vec<_> = conflicts.collect();
        let rank = |conflict: &Conflict| match conflict.treatment {
            Treatment::Deny => 0,
            Treatment::Wait => 1,
            Treatment::Ignore => 2,
        };
        conflicts.sort_by_key(|conflict| (rank(conflict), conflict.start, conflict.other));
        conflicts
    }

    /// The other changes that take some of the same time in the same environment, those under way first.
    fn at_once(&self, planned: &Planned<'_>, now: Timestamp) -> Vec<(&Booking, Occurrence)> {
        let begun = self.planned.iter().rev();
        let begun = begun.skip_while(|(start, _)| *start >= planned.span.end).map(|(_, change)| change);
        let others = self.running.iter().chain(begun).take(COMPARED_MAX);
        let others = others.filter(|other| Some(**other) != planned.change);
        let found = others.filter_map(|other| {
            let booking = self.all.get(other)?;
            let elsewhere =
                planned.environment.zip(booking.environment.as_ref()).is_some_and(|(a, b)| a != b);
            let span = booking.span(now)?;
            let overlaps = span.start < planned.span.end && planned.span.start < span.end;
            (overlaps && !elsewhere).then_some((booking, span))
        });
        found.collect()
    }

    fn conflict(&self, other: &Booking, meeting: Meeting, ours: Occurrence, theirs: Occurrence) -> Conflict {
        let Meeting { kind, item, other_item, host, is_dependent } = meeting;
        Conflict {
            other: other.change,
            stage: other.stage,
            kind,
            treatment: self.settings.treatment(kind),
            item,
            other_item,
            host,
            is_dependent,
            start: ours.start.max(theirs.start),
            end: ours.end.min(theirs.end),
        }
    }
}
