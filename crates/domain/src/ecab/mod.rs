//! The emergency change advisory board (e-CAB): who of it is on call, and whose emergency changes were not reviewed.
//!
//! The roster is in one stream, so that an authorisation is guarded by its version. Where the roster names nobody for an
//! instant, every member of the e-CAB counts as on call: an emergency must never wait for a gap in a list.

mod debt;
mod rotation;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use debt::{Debt, Debts};
pub use rotation::{ROTATION_MEMBERS_MAX, Rotation, Turn};

use crate::calendar::InvalidSchedule;
use crate::id::{ActorId, RotationName};
use crate::text::FreeText;

/// Most rotations.
pub const ROTATIONS_MAX: usize = 20;
/// Most shifts that are kept, those that are over included.
pub const SHIFTS_KEPT_MAX: usize = 500;
/// Longest shift, in hours: a leap year.
pub const SHIFT_HOURS_MAX: i64 = 366 * 24;
/// What the number of a shift stands behind.
const PREFIX: &str = "SHIFT-";
/// Longest part of a wrong identifier that is told back, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// The identifier of a shift: the version of the stream at which it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShiftId(u64);

/// A text that is no identifier of a shift.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not the identifier of a shift: expected a form like SHIFT-7; `cortex-change ecab show` lists them"
)]
pub struct InvalidShiftId {
    given: String,
}

impl fmt::Display for ShiftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl FromStr for ShiftId {
    type Err = InvalidShiftId;

    fn from_str(text: &str) -> Result<Self, InvalidShiftId> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| !digits.starts_with(['0', '+']));
        digits.and_then(|digits| digits.parse().ok()).map(Self).ok_or_else(|| InvalidShiftId {
            given: text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect(),
        })
    }
}

impl TryFrom<String> for ShiftId {
    type Error = InvalidShiftId;

    fn try_from(text: String) -> Result<Self, InvalidShiftId> {
        text.parse()
    }
}

impl From<ShiftId> for String {
    fn from(id: ShiftId) -> Self {
        id.to_string()
    }
}

/// Something that happened to the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum RosterEvent {
    /// A rotation was settled; one of the same name holds no more.
    #[serde(rename = "ecab.rotation_set")]
    RotationSet {
        /// Its name.
        name: RotationName,
        /// The rotation.
        rotation: Box<Rotation>,
    },
    /// A rotation was removed.
    #[serde(rename = "ecab.rotation_removed")]
    RotationRemoved {
        /// Its name.
        name: RotationName,
        /// Why.
        reason: FreeText,
    },
    /// Somebody is on call for a time.
    #[serde(rename = "ecab.shift_set")]
    ShiftSet {
        /// The shift.
        shift: Box<Shift>,
    },
    /// A shift was taken back.
    #[serde(rename = "ecab.shift_removed")]
    ShiftRemoved {
        /// Which.
        shift: ShiftId,
        /// Why.
        reason: FreeText,
    },
}

/// A time for which somebody is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Who.
    pub actor: ActorId,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after.
    pub to: Timestamp,
    /// The rotation whose turn this replaces; beside all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<RotationName>,
    /// Why.
    pub reason: FreeText,
}

/// Somebody who is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCall {
    /// Who.
    pub actor: ActorId,
    /// By which rotation; by a shift of their own when absent.
    pub rotation: Option<RotationName>,
    /// The shift by which they are, where it is not simply their turn.
    pub shift: Option<ShiftId>,
    /// Until when; as long as nobody changes it when absent.
    pub until: Option<Timestamp>,
}

/// Why the roster stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterRefusal {
    /// A rotation has no members, or too many.
    #[error("a rotation has 1 to {ROTATION_MEMBERS_MAX} members, each once")]
    Members,
    /// There are too many.
    #[error("the roster has {ROTATIONS_MAX} rotations, which is the most: remove one")]
    TooMany,
    /// There is no such rotation.
    #[error("the roster has no rotation `{0}`: `cortex-change ecab show` lists them")]
    NoSuchRotation(RotationName),
    /// There is no such shift.
    #[error("the roster has no shift {0}: `cortex-change ecab show` lists them")]
    NoSuchShift(ShiftId),
    /// The shift is over before it begins, or too long.
    #[error(
        "a shift ends after it begins and after now, and takes at most {SHIFT_HOURS_MAX} hours, which is 366 days"
    )]
    ShiftTime,
    /// It is never handed over as it should.
    #[error(transparent)]
    Handover(#[from] InvalidSchedule),
}

/// Who of the e-CAB is on call when, as the events so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    version: u64,
    updated_at: Timestamp,
    rotations: BTreeMap<RotationName, Rotation>,
    shifts: BTreeMap<ShiftId, Shift>,
}

impl Roster {
    /// Number of events so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the last event happened.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Every rotation, by name.
    pub fn rotations(&self) -> impl Iterator<Item = (&RotationName, &Rotation)> {
        self.rotations.iter()
    }

    /// The shifts that are not over at `at`, the oldest first.
    pub fn shifts(&self, at: Timestamp) -> impl Iterator<Item = (ShiftId, &Shift)> {
        self.shifts.iter().filter(move |(_, shift)| at < shift.to).map(|(id, shift)| (*id, shift))
    }

    /// Who is on call at `at` by the roster. Nobody where it has a gap.
    pub fn on_call(&self, at: Timestamp) -> Vec<OnCall> {
        let on_duty = |shift: &&Shift| shift.from <= at && at < shift.to;
        let by_turn = self.rotations.iter().filter_map(|(name, rotation)| {
            let is_cover = |shift: &&Shift| shift.instead_of.as_ref() == Some(name) && on_duty(shift);
            // Of several, the one that was set last.
            let cover = self.shifts.iter().rev().find(|(_, shift)| is_cover(shift));
            match cover {
                Some((id, shift)) => Some(OnCall {
                    actor: shift.actor.clone(),
                    rotation: Some(name.clone()),
                    shift: Some(*id),
                    until: Some(shift.to),
                }),
                None => {
                    let Turn { actor, until } = rotation.turn(at)?;
                    Some(OnCall { actor, rotation: Some(name.clone()), shift: None, until })
                }
            }
        });
        let beside = self.shifts.iter().filter(|(_, shift)| shift.instead_of.is_none() && on_duty(shift));
        let beside = beside.map(|(id, shift)| OnCall {
            actor: shift.actor.clone(),
            rotation: None,
            shift: Some(*id),
            until: Some(shift.to),
        });
        by_turn.chain(beside).collect()
    }

    /// Whether a person with these records is on call at `at`. Where nobody is who can answer, everybody is.
    pub fn has_on_call(
        &self,
        records: &BTreeSet<ActorId>,
        can_answer: impl Fn(&ActorId) -> bool,
        at: Timestamp,
    ) -> bool {
        let mut on_call = self.on_call(at).into_iter().filter(|one| can_answer(&one.actor)).peekable();
        on_call.peek().is_none() || on_call.any(|one| records.contains(&one.actor))
    }

    /// The first instant after `at` at which somebody else may be on call.
    pub fn changes_after(&self, at: Timestamp) -> Option<Timestamp> {
        let handovers = self.rotations.values().filter_map(|rotation| rotation.next_handover(at));
        let ends = self.shifts.values().flat_map(|shift| [shift.from, shift.to]).filter(|end| *end > at);
        handovers.chain(ends).min()
    }

    /// Decides to settle a rotation.
    ///
    /// # Errors
    /// When it has no members or is never handed over, or there are too many.
    pub fn set_rotation(&self, name: RotationName, rotation: Rotation) -> Result<RosterEvent, RosterRefusal> {
        if !self.rotations.contains_key(&name) && self.rotations.len() >= ROTATIONS_MAX {
            return Err(RosterRefusal::TooMany);
        }
        rotation.check()?;
        Ok(RosterEvent::RotationSet { name, rotation: Box::new(rotation) })
    }

    /// Decides to remove a rotation.
    ///
    /// # Errors
    /// When there is none.
    pub fn remove_rotation(
        &self,
        name: RotationName,
        reason: FreeText,
    ) -> Result<RosterEvent, RosterRefusal> {
        match self.rotations.get(&name) {
            Some(_) => Ok(RosterEvent::RotationRemoved { name, reason }),
            None => Err(RosterRefusal::NoSuchRotation(name)),
        }
    }

    /// Decides to set a shift.
    ///
    /// # Errors
    /// When its time makes no sense, or it replaces a turn of a rotation that there is not.
    pub fn set_shift(&self, shift: Shift, now: Timestamp) -> Result<RosterEvent, RosterRefusal> {
        let longest = jiff::SignedDuration::from_hours(SHIFT_HOURS_MAX);
        if shift.to <= shift.from || shift.to <= now || shift.to.duration_since(shift.from) > longest {
            return Err(RosterRefusal::ShiftTime);
        }
        if let Some(name) = shift.instead_of.as_ref().filter(|name| !self.rotations.contains_key(*name)) {
            return Err(RosterRefusal::NoSuchRotation(name.clone()));
        }
        Ok(RosterEvent::ShiftSet { shift: Box::new(shift) })
    }

    /// Decides to take a shift back.
    ///
    /// # Errors
    /// When there is none.
    pub fn remove_shift(&self, shift: ShiftId, reason: FreeText) -> Result<RosterEvent, RosterRefusal> {
        match self.shifts.get(&shift) {
            Some(_) => Ok(RosterEvent::ShiftRemoved { shift, reason }),
            None => Err(RosterRefusal::NoSuchShift(shift)),
        }
    }

    /// Takes the event in that led to `version`, unless it is known already. Events are told in order.
    pub fn evolve(&mut self, version: u64, at: Timestamp, event: &RosterEvent) {
        if version <= self.version {
            return;
        }
        match event {
            RosterEvent::RotationSet { name, rotation } => {
                self.rotations.insert(name.clone(), rotation.as_ref().clone());
            }
            RosterEvent::RotationRemoved { name, .. } => {
                self.rotations.remove(name);
                // Another rotation of that name is another rotation.
                self.shifts.retain(|_, shift| shift.instead_of.as_ref() != Some(name));
            }
            RosterEvent::ShiftSet { shift } => {
                while self.shifts.len() >= SHIFTS_KEPT_MAX {
                    self.shifts.pop_first();
                }
                self.shifts.insert(ShiftId(version), shift.as_ref().clone());
            }
            RosterEvent::ShiftRemoved { shift, .. } => drop(self.shifts.remove(shift)),
        }
        self.version = version;
        self.updated_at = at;
    }
}
