//! Rotations: people who are on call in turn, handed over by a recurrence rule.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::RosterRefusal;
use crate::calendar::{OCCURRENCES_MAX, Rule, Schedule, ZoneName};
use crate::id::ActorId;

/// Most members of a rotation.
pub const ROTATION_MEMBERS_MAX: usize = 50;
/// How much is counted through at once, in hours: a year has fewer handovers than occurrences are told at once.
const STRIDE_HOURS: i64 = 365 * 24;
/// Most years that are counted through.
const STRIDES_MAX: usize = 100;

/// People who are on call in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Who, in the order of their turns.
    pub members: Vec<ActorId>,
    /// When the first turn begins, on the wall clock of its zone.
    pub starts: DateTime,
    /// The zone.
    pub zone: ZoneName,
    /// When it is handed over to the next one.
    pub rule: Rule,
}

/// A turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Whose it is.
    pub actor: ActorId,
    /// When it is handed over.
    pub until: Option<Timestamp>,
}

impl Rotation {
    pub(super) fn check(&self) -> Result<(), RosterRefusal> {
        let each_once: BTreeSet<_> = self.members.iter().collect();
        let fits = (1..=ROTATION_MEMBERS_MAX).contains(&self.members.len());
        if !fits || each_once.len() != self.members.len() {
            return Err(RosterRefusal::Members);
        }
        Ok(self.handovers().check()?)
    }

    /// Whose turn it is at `at`; nobody's before the first one.
    pub fn turn(&self, at: Timestamp) -> Option<Turn> {
        let before = self.handovers_until(at).checked_sub(1)?;
        let actor = self.members.get(before.checked_rem(self.members.len())?)?.clone();
        Some(Turn { actor, until: self.next_handover(at) })
    }

    /// When it is handed over next.
    pub fn next_handover(&self, at: Timestamp) -> Option<Timestamp> {
        let later = at.saturating_add(SignedDuration::from_hours(5 * STRIDE_HOURS)).unwrap_or(Timestamp::MAX);
        let next = self.handovers().occurrences(at, later, 2).into_iter().map(|one| one.start);
        next.into_iter().find(|start| *start > at)
    }

    /// How often it was handed over until `at`, its beginning included.
    fn handovers_until(&self, at: Timestamp) -> usize {
        let handovers = self.handovers();
        // Whatever its zone, it does not begin earlier.
        let day = SignedDuration::from_hours(24);
        let first = self.starts.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |starts| starts.timestamp());
        let mut from = first.saturating_sub(day).unwrap_or(Timestamp::MIN);
        let end = at.saturating_add(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        let mut count: usize = 0;
        for _ in 0..STRIDES_MAX {
            if from >= end {
                break;
            }
            let stride = SignedDuration::from_hours(STRIDE_HOURS);
            let to = from.saturating_add(stride).unwrap_or(Timestamp::MAX).min(end);
            let found = handovers.occurrences(from, to, OCCURRENCES_MAX);
            // One that lasts into the next stride began in this one.
            count += found.iter().filter(|one| one.start >= from).count();
            from = to;
        }
        count
    }

    fn handovers(&self) -> Schedule {
        let (zone, rule) = (self.zone.clone(), Some(self.rule.clone()));
        Schedule { starts: self.starts, zone, minutes: 1, rule, until: None }
    }
}
