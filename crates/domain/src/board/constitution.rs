//! Who is on the board, when it meets, and how many must have voted.

use std::collections::BTreeSet;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::BoardRefusal;
use crate::actor::{Actor, ActorKind, Role};
use crate::approval::Quorum;
use crate::calendar::{Occurrence, Schedule, ZoneName};
use crate::id::ActorId;

/// Most roles and actors that make the board.
pub const MEMBERS_MAX: usize = 100;
/// Longest time between the cut-off and the meeting, in minutes: four weeks.
pub const CUT_OFF_MINUTES_MAX: u32 = 28 * 24 * 60;
/// How far ahead meetings are looked for, in hours: five years of the rarest rule.
const AHEAD_HOURS: i64 = 5 * 366 * 24;
/// Length of a meeting when nobody has settled it, in minutes.
const DEFAULT_MINUTES: u32 = 60;
/// Time between the cut-off and the meeting when nobody has settled it, in minutes: a day.
const DEFAULT_CUT_OFF_MINUTES: u32 = 24 * 60;
/// When it meets when nobody has settled it.
const DEFAULT_RULE: &str = "FREQ=WEEKLY;BYDAY=TH";

/// Who is a member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Member {
    /// Every person who holds a role.
    Role(Role),
    /// One actor.
    Actor(ActorId),
}

/// What holds of the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constitution {
    /// Who is on it. Whoever votes also holds the role `cab_member`, because that is the authority which changes ask for.
    pub members: BTreeSet<Member>,
    /// When it meets.
    pub meets: Schedule,
    /// How many must have voted for an item to be decided.
    pub quorum: Quorum,
    /// How long before a meeting its agenda is settled, in minutes. What comes later is for the next one.
    pub cut_off_minutes: u32,
}

/// A meeting that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convened {
    /// When it takes place.
    pub occurrence: Occurrence,
    /// What is requested later is for the next one.
    pub cut_off: Timestamp,
}

impl Constitution {
    /// What holds until somebody settles it: the holders of `cab_member`, Thursdays at 14:00 in a zone.
    pub fn of_zone(zone: &ZoneName) -> Self {
        Self {
            members: BTreeSet::from([Member::Role(Role::CabMember)]),
            meets: Schedule {
                starts: date(2026, 1, 1).at(14, 0, 0, 0),
                zone: zone.clone(),
                minutes: DEFAULT_MINUTES,
                rule: DEFAULT_RULE.parse().ok(),
                until: None,
            },
            quorum: Quorum::TWO,
            cut_off_minutes: DEFAULT_CUT_OFF_MINUTES,
        }
    }

    /// Checks that the board has members and meets.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn check(&self) -> Result<(), BoardRefusal> {
        if self.members.is_empty() || self.members.len() > MEMBERS_MAX {
            return Err(BoardRefusal::Members(self.members.len()));
        }
        if self.cut_off_minutes > CUT_OFF_MINUTES_MAX {
            return Err(BoardRefusal::CutOff(self.cut_off_minutes));
        }
        Ok(self.meets.check()?)
    }

    /// Whether an actor is on the board: an active person whom it names, or a role of whom.
    pub fn has_member(&self, actor: &Actor) -> bool {
        let is_person = actor.active && actor.kind == ActorKind::Human;
        is_person
            && self.members.iter().any(|member| match member {
                Member::Role(role) => actor.roles.contains(role),
                Member::Actor(id) => *id == actor.id,
            })
    }

    /// The meetings that are not over at `now`, in order, at most `most`.
    pub fn meetings(&self, now: Timestamp, most: usize) -> Vec<Convened> {
        let until = now.saturating_add(SignedDuration::from_hours(AHEAD_HOURS)).unwrap_or(Timestamp::MAX);
        let cut_off = SignedDuration::from_mins(i64::from(self.cut_off_minutes));
        let found = self.meets.occurrences(now, until, most).into_iter();
        found
            .map(|occurrence| Convened {
                occurrence,
                cut_off: occurrence.start.saturating_sub(cut_off).unwrap_or(Timestamp::MIN),
            })
            .collect()
    }
}
