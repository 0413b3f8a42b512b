//! How earlier changes ended, counted by age. Whoever gathers it counts a closed change as failed unless its outcome was
//! `successful` or a review found otherwise; a change that was cancelled or rejected before its start is not counted.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::missing::{Fact, MissingFact};
use crate::change::kind::words;
use crate::id::ServiceName;

const DAY_SECONDS: i64 = 86_400;
/// A change counts as recent for so many days.
const RECENT_DAYS: i64 = 30;
/// A change counts as one of the last half-year for so many days.
const HALF_YEAR_DAYS: i64 = 180;

/// Weight of one whole observation, in quarters.
pub(super) const QUARTERS: u64 = 4;

words!(
    /// How long ago a change was closed.
    Age, "age", {
        /// At most 30 days ago; weighs a whole observation.
        Recent = "recent",
        /// At most 180 days ago; weighs a half.
        HalfYear = "half_year",
        /// Longer ago; weighs a quarter.
        Older = "older",
    }
);

impl Age {
    /// The age, at `at`, of a change that was closed at `closed`.
    pub fn of(closed: Timestamp, at: Timestamp) -> Self {
        let seconds = at.as_second().saturating_sub(closed.as_second());
        if seconds <= RECENT_DAYS * DAY_SECONDS {
            Self::Recent
        } else if seconds <= HALF_YEAR_DAYS * DAY_SECONDS {
            Self::HalfYear
        } else {
            Self::Older
        }
    }

    /// What one change of this age weighs, in quarters of an observation.
    fn quarters(self) -> u64 {
        match self {
            Self::Recent => QUARTERS,
            Self::HalfYear => 2,
            Self::Older => 1,
        }
    }
}

/// How many changes there were and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub changes: u32,
    /// Those that failed.
    pub failures: u32,
}

/// Changes of one kind by age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    /// Closed at most 30 days ago.
    pub recent: Count,
    /// Closed longer ago, at most 180 days.
    pub half_year: Count,
    /// Closed even longer ago.
    pub older: Count,
    /// How many of all of them another system carried out.
    pub imported: u32,
}

impl Record {
    /// Counts one change.
    pub fn add(&mut self, age: Age, failed: bool) {
        self.add_many(age, 1, u32::from(failed));
    }

    /// Counts several changes of one age, `failures` of them failed.
    pub fn add_many(&mut self, age: Age, changes: u32, failures: u32) {
        let count = match age {
            Age::Recent => &mut self.recent,
            Age::HalfYear => &mut self.half_year,
            Age::Older => &mut self.older,
        };
        count.changes = count.changes.saturating_add(changes);
        count.failures = count.failures.saturating_add(failures);
    }

    /// Counts several changes of one age that another system carried out, `failures` of them failed.
    pub fn add_imported(&mut self, age: Age, changes: u32, failures: u32) {
        self.add_many(age, changes, failures);
        self.imported = self.imported.saturating_add(changes);
    }

    /// Whether no change was counted.
    pub fn is_empty(&self) -> bool {
        self.total().changes == 0
    }

    /// All changes, whatever their age.
    pub fn total(&self) -> Count {
        self.by_age().into_iter().fold(Count::default(), |total, (_, count)| Count {
            changes: total.changes.saturating_add(count.changes),
            failures: total.failures.saturating_add(count.failures),
        })
    }

    /// Changes and failures in quarters of an observation, weighted by age; never more failures than changes.
    pub(super) fn weighted_quarters(&self) -> (u64, u64) {
        self.by_age().into_iter().fold((0, 0), |(changes, failures), (age, count)| {
            let failed = count.failures.min(count.changes);
            (
                changes + age.quarters() * u64::from(count.changes),
                failures + age.quarters() * u64::from(failed),
            )
        })
    }

    fn by_age(&self) -> [(Age, Count); 3] {
        [(Age::Recent, self.recent), (Age::HalfYear, self.half_year), (Age::Older, self.older)]
    }
}

/// The records that bear on one change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// All changes of the type as which the change is routed.
    pub change_type: Record,
    /// All changes of its category.
    pub category: Record,
    /// Changes of each of its services; a service without any may be absent.
    pub services: BTreeMap<ServiceName, Record>,
    /// All changes of its requester.
    pub requester: Record,
    /// Whether some past changes are not read yet, so that they are in no record.
    pub is_incomplete: bool,
}

impl History {
    /// That some of the past is not in the records, when it is not.
    pub(super) fn missing(&self) -> Option<MissingFact> {
        let sentence = "past changes are not yet read: only what is read so far counts; have it assessed again in a moment";
        self.is_incomplete.then(|| MissingFact::of_request(Fact::PastChanges, sentence))
    }
}
