//! The earliest times at which nothing stands in the way: no freeze, no closed maintenance window, no other change.

use jiff::SignedDuration;

use super::conflict::Conflict;
use super::{Bookings, Calendar, EntryKind, OCCURRENCES_MAX, Occurrence, Planned, Touched, Treatment};
use crate::Timestamp;
use crate::cmdb::Cmdb;
use crate::id::{ChangeId, EntryName};

/// Most free times that are looked for.
pub const SLOTS_MAX: usize = 20;
/// Most times that are told as passed over.
pub const PASSED_OVER_MAX: usize = 200;

/// What stands in the way for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// When.
    pub span: Occurrence,
    /// What.
    pub what: ObstacleKind,
}

/// What stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObstacleKind {
    /// A freeze is on.
    Freeze(EntryName),
    /// None of the maintenance windows is open that are defined for it.
    Closed(Vec<EntryName>),
    /// Another change is in the way.
    Conflict(Box<Conflict>),
}

/// A time at which nothing stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its first instant.
    pub start: Timestamp,
    /// Until when nothing stands in the way, as far as was looked.
    pub free_until: Timestamp,
}

/// A time that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// From when.
    pub from: Timestamp,
    /// What stands in the way.
    pub obstacle: Obstacle,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The earliest free times.
    pub slots: Vec<Slot>,
    /// Times before and between them that are not free, at most [`PASSED_OVER_MAX`].
    pub passed_over: Vec<PassedOver>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Not before this instant.
    pub from: Timestamp,
    /// It begins before this instant.
    pub until: Timestamp,
    /// How long it is.
    pub length: SignedDuration,
    /// How many, at most [`SLOTS_MAX`].
    pub most: usize,
}

impl Wanted {
    /// The whole time that is looked at.
    pub fn span(&self) -> Occurrence {
        Occurrence { start: self.from, end: after(self.until, self.length) }
    }
}

impl Calendar {
    /// When freezes and closed maintenance windows stand in the way of `what`. A change is held back by no freeze from
    /// which it is excepted.
    pub fn obstacles(&self, change: Option<ChangeId>, what: &Touched<'_>, span: Occurrence) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        let (mut windows, mut open) = (Vec::new(), Vec::new());
        for (name, entry) in self.entries().filter(|(_, entry)| entry.scope.covers(what)) {
            let schedule = &entry.schedule;
            let occurrences = schedule.occurrences(span.start, span.end, OCCURRENCES_MAX);
            match entry.kind {
                EntryKind::Freeze => {
                    let until = change.and_then(|change| self.excepted_until(name, change, span.start));
                    let start = |one: Occurrence| one.start.max(until.unwrap_or(one.start));
                    let left = occurrences.into_iter().map(|one| Occurrence { start: start(one), ..one });
                    let what = || ObstacleKind::Freeze(name.clone());
                    let left = left.filter(|one| one.start < one.end);
                    obstacles.extend(left.map(|span| Obstacle { span, what: what() }));
                }
                EntryKind::Maintenance => {
                    // Windows that are over for good ask for nothing any more.
                    if schedule.until.is_none_or(|until| span.start < until) || !occurrences.is_empty() {
                        windows.push(name.clone());
                        open.extend(occurrences);
                    }
                }
            }
        }
        if !windows.is_empty() {
            let what = || ObstacleKind::Closed(windows.clone());
            obstacles.extend(gaps(open, span).into_iter().map(|span| Obstacle { span, what: what() }));
        }
        obstacles
    }
}

impl Bookings {
    /// When other changes stand in the way of what is planned, as seen at `now`. Those that are told only do not, and
    /// those that are not approved yet do: they may be by then.
    pub fn obstacles(&self, cmdb: &Cmdb, planned: &Planned<'_>, now: Timestamp) -> Vec<Obstacle> {
        let conflicts = self.all_conflicts(cmdb, planned, now).into_iter();
        let kept = conflicts.filter(|conflict| conflict.treatment != Treatment::Ignore);
        let obstacle = |conflict: Conflict| Obstacle {
            span: Occurrence { start: conflict.start, end: conflict.end },
            what: ObstacleKind::Conflict(Box::new(conflict)),
        };
        kept.map(obstacle).collect()
    }
}

/// What lies between the times that are open.
fn gaps(mut open: Vec<Occurrence>, span: Occurrence) -> Vec<Occurrence> {
    open.sort_unstable();
    let mut gaps = Vec::new();
    let mut closed_from = span.start;
    for one in open {
        if one.start > closed_from {
            gaps.push(Occurrence { start: closed_from, end: one.start });
        }
        closed_from = closed_from.max(one.end);
    }
    if closed_from < span.end {
        gaps.push(Occurrence { start: closed_from, end: span.end });
    }
    gaps
}

/// The earliest times between `obstacles`.
pub fn earliest(obstacles: &[Obstacle], wanted: &Wanted) -> Found {
    let mut found = Found::default();
    let mut at = wanted.from;
    while found.slots.len() < wanted.most.min(SLOTS_MAX) && at < wanted.until {
        let end = after(at, wanted.length);
        let in_the_way = obstacles.iter().filter(|one| one.span.start < end && at < one.span.end);
        at = match in_the_way.max_by_key(|one| one.span.end) {
            Some(obstacle) => {
                if found.passed_over.len() < PASSED_OVER_MAX {
                    found.passed_over.push(PassedOver { from: at, obstacle: obstacle.clone() });
                }
                obstacle.span.end
            }
            None => {
                let next = obstacles.iter().map(|one| one.span.start).filter(|start| *start >= end).min();
                let free_until = next.unwrap_or(wanted.span().end);
                found.slots.push(Slot { start: at, free_until });
                free_until
            }
        };
    }
    found
}

fn after(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(Timestamp::MAX)
}
