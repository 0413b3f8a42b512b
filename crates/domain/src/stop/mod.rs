//! Stop-the-line: nothing that a stop covers passes a gate until somebody lifts it.
//!
//! All stops are in one stream, so that whatever is decided while none covers it can be guarded by that stream's
//! version: a start that races a stop loses.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::catalog::Tier;
use crate::change::ChangeType;
use crate::id::{ActorId, ServiceName};
use crate::text::FreeText;

/// Most stops that are in force at once.
pub const STOPS_MAX: usize = 200;
/// Stops that are kept to be shown after they were lifted.
pub const LIFTED_KEPT_MAX: usize = 200;
/// What the number of a stop stands behind.
const PREFIX: &str = "STOP-";

/// The identifier of a stop: the version of the stream at which it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StopId(u64);

/// A text that is no identifier of a stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not the identifier of a stop: expected a form like STOP-7; `cortex-change stop list` shows those in force"
)]
pub struct InvalidStopId {
    given: String,
}

impl fmt::Display for StopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl FromStr for StopId {
    type Err = InvalidStopId;

    fn from_str(text: &str) -> Result<Self, InvalidStopId> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| !digits.starts_with(['0', '+']));
        digits.and_then(|digits| digits.parse().ok()).map(Self).ok_or_else(|| InvalidStopId {
            given: text.chars().filter(|c| !c.is_control()).take(40).collect(),
        })
    }
}

impl TryFrom<String> for StopId {
    type Error = InvalidStopId;

    fn try_from(text: String) -> Result<Self, InvalidStopId> {
        text.parse()
    }
}

impl From<StopId> for String {
    fn from(id: StopId) -> Self {
        id.to_string()
    }
}

/// What a stop covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StopScope {
    /// Every change.
    Everything,
    /// What agents ask for or carry out.
    Agents,
    /// What one actor asks for or carries out, under any of its records.
    Actor {
        /// The actor.
        actor: ActorId,
    },
    /// What changes one service.
    Service {
        /// The service.
        service: ServiceName,
    },
    /// What changes a service of one tier.
    Tier {
        /// The tier.
        tier: Tier,
    },
}

/// Something that happened to the stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum StopEvent {
    /// A stop is in force from now on.
    #[serde(rename = "stop.set")]
    Set {
        /// What it covers.
        scope: StopScope,
        /// Why.
        reason: FreeText,
        /// Whether emergency changes go on nevertheless.
        except_emergency: bool,
    },
    /// A stop is in force no more.
    #[serde(rename = "stop.lifted")]
    Lifted {
        /// Which one.
        stop: StopId,
        /// Why.
        reason: FreeText,
    },
}

/// A stop that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Its identifier.
    pub id: StopId,
    /// What it covers.
    pub scope: StopScope,
    /// Why.
    pub reason: FreeText,
    /// Whether emergency changes go on nevertheless.
    pub except_emergency: bool,
    /// Who set it.
    pub set_by: ActorId,
    /// When.
    pub set_at: Timestamp,
}

/// A stop that is in force no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiftedStop {
    /// The stop as it was.
    pub stop: Stop,
    /// Why it was lifted.
    pub reason: FreeText,
    /// Who lifted it.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
}

/// Why a stop is not set or not lifted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopRefusal {
    /// There are too many.
    #[error("{STOPS_MAX} stops are in force, which is the most: lift one, or set one that covers more")]
    TooMany,
    /// There is none like that in force.
    #[error("no stop {id} is in force: `cortex-change stop list` shows those that are")]
    NotInForce {
        /// The one that was named.
        id: StopId,
    },
}

/// The stops in force and the last ones that were, as the events so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stops {
    version: u64,
    updated_at: Timestamp,
    in_force: BTreeMap<StopId, Stop>,
    lifted: VecDeque<LiftedStop>,
}

/// Whatever a stop may cover: a change, and whoever acts on it.
#[derive(Debug, Clone, Copy)]
pub struct Stoppable<'a> {
    /// Its type.
    pub change_type: ChangeType,
    /// Who asks for it and who acts on it, under all of their records.
    pub actors: &'a BTreeSet<ActorId>,
    /// Whether one of them is an agent.
    pub by_agent: bool,
    /// The services that it changes.
    pub services: &'a BTreeSet<ServiceName>,
    /// Their tiers.
    pub tiers: &'a BTreeSet<Tier>,
    /// Whether the tier of a service is not known. Such a change is in any tier.
    pub tier_unknown: bool,
}

impl Stops {
    /// Number of events so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the last event happened.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Whether none is in force.
    pub fn is_empty(&self) -> bool {
        self.in_force.is_empty()
    }

    /// Those in force, the oldest first.
    pub fn in_force(&self) -> impl Iterator<Item = &Stop> {
        self.in_force.values()
    }

    /// One that is in force.
    pub fn get(&self, id: StopId) -> Option<&Stop> {
        self.in_force.get(&id)
    }

    /// Those that were lifted last, the latest first.
    pub fn lifted(&self) -> impl Iterator<Item = &LiftedStop> {
        self.lifted.iter()
    }

    /// The identifier of the next one.
    pub fn next_id(&self) -> StopId {
        StopId(self.version.saturating_add(1))
    }

    /// Those that keep `what` from passing a gate. A stop that excepts emergencies keeps none of them.
    pub fn covering(&self, what: &Stoppable<'_>) -> Vec<&Stop> {
        let is_emergency = match what.change_type {
            ChangeType::Emergency => true,
            ChangeType::Standard | ChangeType::Normal => false,
        };
        let covering = self.in_force.values().filter(|stop| stop.covers(what));
        covering.filter(|stop| !(is_emergency && stop.except_emergency)).collect()
    }

    /// Decides to set one.
    ///
    /// # Errors
    /// When too many are in force.
    pub fn set(
        &self,
        scope: StopScope,
        reason: FreeText,
        except_emergency: bool,
    ) -> Result<StopEvent, StopRefusal> {
        if self.in_force.len() >= STOPS_MAX {
            return Err(StopRefusal::TooMany);
        }
        Ok(StopEvent::Set { scope, reason, except_emergency })
    }

    /// Decides to lift one.
    ///
    /// # Errors
    /// When it is not in force.
    pub fn lift(&self, id: StopId, reason: FreeText) -> Result<StopEvent, StopRefusal> {
        match self.in_force.get(&id) {
            Some(_) => Ok(StopEvent::Lifted { stop: id, reason }),
            None => Err(StopRefusal::NotInForce { id }),
        }
    }

    /// Takes the event in that led to `version`, unless it is known already. Events are told in order.
    pub fn evolve(&mut self, version: u64, at: Timestamp, by: &ActorId, event: &StopEvent) {
        if version <= self.version {
            return;
        }
        match event {
            StopEvent::Set { scope, reason, except_emergency } => {
                let stop = Stop {
                    id: StopId(version),
                    scope: scope.clone(),
                    reason: reason.clone(),
                    except_emergency: *except_emergency,
                    set_by: by.clone(),
                    set_at: at,
                };
                self.in_force.insert(stop.id, stop);
            }
            StopEvent::Lifted { stop, reason } => {
                if let Some(stop) = self.in_force.remove(stop) {
                    self.lifted.truncate(LIFTED_KEPT_MAX - 1);
                    self.lifted.push_front(LiftedStop { stop, reason: reason.clone(), by: by.clone(), at });
                }
            }
        }
        self.version = version;
        self.updated_at = at;
    }
}

impl Stop {
    /// Whether `what` is within its scope, emergency or not.
    pub fn covers(&self, what: &Stoppable<'_>) -> bool {
        match &self.scope {
            StopScope::Everything => true,
            StopScope::Agents => what.by_agent,
            StopScope::Actor { actor } => what.actors.contains(actor),
            StopScope::Service { service } => what.services.contains(service),
            StopScope::Tier { tier } => what.tier_unknown || what.tiers.contains(tier),
        }
    }
}
