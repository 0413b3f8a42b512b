//! When changes may be implemented: freezes, in which nothing is, and maintenance windows, outside of which nothing is
//! that they are defined for.
//!
//! Freezes and windows are in one stream, so that a start can be guarded by its version. What is planned and under way,
//! and which changes get into each other's way, is [`Bookings`].

mod booking;
mod conflict;
mod schedule;
mod slot;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use booking::{Booking, Bookings, RUN_ASSUMED_MINUTES, StartEvent, estimated, items};
pub use conflict::{
    CONFLICT_DISTANCE_MAX, CONFLICTS_MAX, Conflict, ConflictKind, ConflictSettings, Planned, Stage, Treatment,
};
pub use schedule::{
    InvalidSchedule, OCCURRENCE_MINUTES_MAX, OCCURRENCES_MAX, Occurrence, Rule, Schedule, ZoneName,
};
pub use slot::{
    Found, Obstacle, ObstacleKind, PASSED_OVER_MAX, PassedOver, SLOTS_MAX, Slot, Wanted, earliest,
};

use crate::catalog::Tier;
use crate::change::kind::words;
use crate::id::{ActorId, ChangeId, EntryName, EnvironmentName, ServiceName};
use crate::text::FreeText;

/// Most entries of the calendar.
pub const ENTRIES_MAX: usize = 500;
/// Most services, tiers or environments of one entry.
pub const SCOPE_NAMES_MAX: usize = 500;
/// Most exceptions that are kept, those that are over included.
pub const OVERRIDES_KEPT_MAX: usize = 1_000;
/// Longest life of an exception, in hours.
pub const OVERRIDE_HOURS_MAX: i64 = 7 * 24;
/// How far ahead the next beginning of a freeze is looked for when a start is guarded, in hours.
const AHEAD_HOURS: i64 = 24;

words!(
    /// What an entry of the calendar is.
    EntryKind, "kind of entry", {
        /// Nothing is implemented in it but emergencies.
        Freeze = "freeze",
        /// What it is defined for is implemented in it only.
        Maintenance = "maintenance",
    }
);

/// What an entry is about. Each list narrows it; an empty one means all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryScope {
    /// Services.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ServiceName>,
    /// Tiers of services.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tiers: BTreeSet<Tier>,
    /// Environments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub environments: BTreeSet<EnvironmentName>,
}

/// An entry of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// What it is for.
    pub title: FreeText,
    /// When.
    pub schedule: Schedule,
    /// What it is about.
    pub scope: EntryScope,
}

/// Something that happened to the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum CalendarEvent {
    /// An entry was added.
    #[serde(rename = "calendar.entry_added")]
    EntryAdded {
        /// Its name.
        name: EntryName,
        /// The entry.
        entry: Box<Entry>,
    },
    /// An entry was removed.
    #[serde(rename = "calendar.entry_removed")]
    EntryRemoved {
        /// Its name.
        name: EntryName,
        /// Why.
        reason: FreeText,
    },
    /// One change is excepted from a freeze for a time.
    #[serde(rename = "calendar.freeze_overridden")]
    FreezeOverridden {
        /// The freeze.
        freeze: EntryName,
        /// The change.
        change: ChangeId,
        /// Why.
        reason: FreeText,
        /// Until when.
        until: Timestamp,
    },
}

/// An exception of one change from a freeze.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The freeze.
    pub freeze: EntryName,
    /// The change.
    pub change: ChangeId,
    /// Why.
    pub reason: FreeText,
    /// Who decided so.
    pub by: ActorId,
    /// Until when.
    pub until: Timestamp,
}

/// Why the calendar stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarRefusal {
    /// The name is taken.
    #[error("the calendar has an entry `{0}`: remove it first, or choose another name")]
    Exists(EntryName),
    /// There is no such entry.
    #[error("the calendar has no such {what} `{name}`: `cortex-change calendar list` shows what it has")]
    Unknown {
        /// Which kind of entry was named.
        what: &'static str,
        /// The name.
        name: EntryName,
    },
    /// There are too many.
    #[error("the calendar has {ENTRIES_MAX} entries, which is the most: remove those that are over")]
    TooMany,
    /// It is about too much.
    #[error(
        "an entry names at most {SCOPE_NAMES_MAX} services and environments: leave a list out to mean all"
    )]
    TooWide,
    /// It never takes place, or not as it should.
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    /// The exception ends before it begins, or lasts too long.
    #[error(
        "an exception lasts at most {OVERRIDE_HOURS_MAX} hours from now on, and must not be over already"
    )]
    OverrideTime,
}

/// What an entry may be about.
#[derive(Debug, Clone, Copy)]
pub struct Touched<'a> {
    /// The services that are changed.
    pub services: &'a BTreeSet<ServiceName>,
    /// Their tiers.
    pub tiers: &'a BTreeSet<Tier>,
    /// Whether the tier of one is not known. It is in any tier then.
    pub tier_unknown: bool,
    /// Where; anywhere when it is not known.
    pub environment: Option<&'a EnvironmentName>,
}

/// How the calendar stands to implementing a change at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Freezes that are on and from which the change is not excepted, with their occurrence.
    pub freezes: Vec<(EntryName, Occurrence)>,
    /// Maintenance windows that are defined for it, when none of them is open.
    pub closed_windows: Vec<EntryName>,
    /// The first instant at which this may be different.
    pub until: Option<Timestamp>,
}

/// The calendar, as the events so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    version: u64,
    updated_at: Timestamp,
    entries: BTreeMap<EntryName, Kept>,
    overrides: Vec<Override>,
}

/// An entry, and when it was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The entry.
    pub entry: Entry,
    /// Version of the calendar that adding it led to.
    pub version: u64,
    /// When that was.
    pub at: Timestamp,
}

impl Calendar {
    /// Number of events so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the last event happened.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every entry, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&EntryName, &Entry)> {
        self.kept().map(|(name, kept)| (name, &kept.entry))
    }

    /// The same, with when each was added.
    pub fn kept(&self) -> impl Iterator<Item = (&EntryName, &Kept)> {
        self.entries.iter()
    }

    /// One entry.
    pub fn get(&self, name: &EntryName) -> Option<&Entry> {
        self.entries.get(name).map(|kept| &kept.entry)
    }

    /// The exceptions that are not over at `at`.
    pub fn overrides(&self, at: Timestamp) -> impl Iterator<Item = &Override> {
        self.overrides.iter().filter(move |exception| at < exception.until)
    }

    /// Decides to add an entry.
    ///
    /// # Errors
    /// When the name is taken, there are too many, or it never takes place.
    pub fn add(&self, name: EntryName, entry: Entry) -> Result<CalendarEvent, CalendarRefusal> {
        if self.entries.contains_key(&name) {
            return Err(CalendarRefusal::Exists(name));
        }
        if self.entries.len() >= ENTRIES_MAX {
            return Err(CalendarRefusal::TooMany);
        }
        if entry.scope.services.len().max(entry.scope.environments.len()) > SCOPE_NAMES_MAX {
            return Err(CalendarRefusal::TooWide);
        }
        entry.schedule.check()?;
        Ok(CalendarEvent::EntryAdded { name, entry: Box::new(entry) })
    }

    /// Decides to remove an entry.
    ///
    /// # Errors
    /// When there is none.
    pub fn remove(&self, name: EntryName, reason: FreeText) -> Result<CalendarEvent, CalendarRefusal> {
        match self.entries.get(&name) {
            Some(_) => Ok(CalendarEvent::EntryRemoved { name, reason }),
            None => Err(CalendarRefusal::Unknown { what: "entry", name }),
        }
    }

    /// Decides to except a change from a freeze until an instant.
    ///
    /// # Errors
    /// When there is no such freeze, or the exception would be over or last too long.
    pub fn except(
        &self,
        freeze: EntryName,
        change: ChangeId,
        reason: FreeText,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<CalendarEvent, CalendarRefusal> {
        if self.get(&freeze).is_none_or(|entry| entry.kind != EntryKind::Freeze) {
            return Err(CalendarRefusal::Unknown { what: "freeze", name: freeze });
        }
        let latest =
            now.saturating_add(SignedDuration::from_hours(OVERRIDE_HOURS_MAX)).unwrap_or(Timestamp::MAX);
        if until <= now || until > latest {
            return Err(CalendarRefusal::OverrideTime);
        }
        Ok(CalendarEvent::FreezeOverridden { freeze, change, reason, until })
    }

    /// Takes the event in that led to `version`, unless it is known already. Events are told in order.
    pub fn evolve(&mut self, version: u64, at: Timestamp, by: &ActorId, event: &CalendarEvent) {
        if version <= self.version {
            return;
        }
        match event {
            CalendarEvent::EntryAdded { name, entry } => {
                let kept = Kept { entry: entry.as_ref().clone(), version, at };
                self.entries.insert(name.clone(), kept);
            }
            CalendarEvent::EntryRemoved { name, .. } => {
                self.entries.remove(name);
                // Another freeze of that name is another freeze.
                self.overrides.retain(|exception| exception.freeze != *name);
            }
            CalendarEvent::FreezeOverridden { freeze, change, reason, until } => {
                let surplus = (self.overrides.len() + 1).saturating_sub(OVERRIDES_KEPT_MAX);
                self.overrides.drain(..surplus);
                let (freeze, reason) = (freeze.clone(), reason.clone());
                let exception = Override { freeze, change: *change, reason, by: by.clone(), until: *until };
                self.overrides.push(exception);
            }
        }
        self.version = version;
        self.updated_at = at;
    }

    /// How the calendar stands to implementing a change at `at`.
    pub fn standing(&self, change: ChangeId, what: &Touched<'_>, at: Timestamp) -> Standing {
        let mut standing = Standing::default();
        let (mut windows, mut is_open) = (Vec::new(), false);
        let ahead = at.saturating_add(SignedDuration::from_hours(AHEAD_HOURS)).unwrap_or(Timestamp::MAX);
        let mut changes_at = vec![ahead];
        for (name, entry) in self.entries().filter(|(_, entry)| entry.scope.covers(what)) {
            let around = entry.schedule.occurrences(at, ahead, OCCURRENCES_MAX);
            let now = around.iter().filter(|occurrence| occurrence.contains(at)).max_by_key(|now| now.end);
            changes_at.extend(around.iter().map(|one| one.start).find(|start| *start > at));
            changes_at.extend(now.map(|now| now.end));
            match (entry.kind, now) {
                (EntryKind::Freeze, Some(now)) => match self.excepted_until(name, change, at) {
                    Some(until) => changes_at.push(until),
                    None => standing.freezes.push((name.clone(), *now)),
                },
                (EntryKind::Freeze, None) => {}
                (EntryKind::Maintenance, now) => {
                    is_open |= now.is_some();
                    // Windows that are over for good ask for nothing any more.
                    if entry.schedule.until.is_none_or(|until| at < until) || now.is_some() {
                        windows.push(name.clone());
                    }
                }
            }
        }
        if !is_open {
            standing.closed_windows = windows;
        }
        standing.until = changes_at.into_iter().min();
        standing
    }

    fn excepted_until(&self, freeze: &EntryName, change: ChangeId, at: Timestamp) -> Option<Timestamp> {
        let exceptions = self.overrides(at).filter(|one| one.freeze == *freeze && one.change == change);
        exceptions.map(|exception| exception.until).max()
    }
}

impl EntryScope {
    /// Whether `what` is within it. What is not known counts as within.
    pub fn covers(&self, what: &Touched<'_>) -> bool {
        let service = self.services.is_empty() || !self.services.is_disjoint(what.services);
        let tier = self.tiers.is_empty() || what.tier_unknown || !self.tiers.is_disjoint(what.tiers);
        let place = self.environments.is_empty()
            || what.environment.is_none_or(|place| self.environments.contains(place));
        service && tier && place
    }
}
