//! Lending one's authority to another person for a time.
//!
//! A delegation lends what its giver holds at the moment of each decision, and nothing more. Whoever decides under one
//! decides for both: neither may be on the side of the change, both stand in the record, and the two count as one
//! person. What was lent is not held, so it cannot be lent on.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::kind::{ActorKind, Role};
use super::lifecycle::{Actor, ActorEvent, ActorRefusal};
use crate::change::Content;
use crate::id::{ActorId, DelegationId, ServiceName};
use crate::risk::Level;
use crate::text::FreeText;

/// Most delegations of one person that are in force or to come.
pub const DELEGATIONS_MAX: usize = 20;
/// Longest time for which authority is lent, in days.
pub const DELEGATION_DAYS_MAX: i64 = 90;
/// Most services of one delegation.
pub const SCOPE_SERVICES_MAX: usize = 500;

/// Authority that is lent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// To whom.
    pub to: ActorId,
    /// From when on.
    pub from: Timestamp,
    /// Until when; it ends by itself.
    pub until: Timestamp,
    /// For which changes.
    #[serde(default)]
    pub scope: DelegationScope,
    /// Whether the giver is away meanwhile and is not counted on.
    pub away: bool,
    /// Why.
    pub reason: FreeText,
    /// Whether it was ended early.
    #[serde(default)]
    pub ended: bool,
}

/// For which changes authority is lent. Each list narrows it; an empty one means all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationScope {
    /// Services. A change that touches anything else is not covered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ServiceName>,
    /// Levels of risk.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub levels: BTreeSet<Level>,
}

/// The one to whom authority shall be lent, with the facts that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delegate {
    /// What it is.
    pub kind: ActorKind,
    /// Whether it is active.
    pub active: bool,
    /// Whether it is another record of the giver.
    pub is_giver: bool,
}

impl Delegation {
    /// Whether it is neither over nor ended, be it that it is still to come.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.ended && now < self.until
    }

    /// Whether it lends anything at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.is_live(now) && self.from <= now
    }
}

impl DelegationScope {
    /// Whether a change is within it. What is not known is not.
    pub fn covers(&self, content: &Content, level: Option<Level>) -> bool {
        let is_named = |name: &str| self.services.iter().any(|service| service.as_str() == name);
        let services = content.affected_services.iter().map(ServiceName::as_str);
        let mut touched = services.chain(content.affected_cis.iter().map(|item| item.as_str())).peekable();
        let service = self.services.is_empty() || (touched.peek().is_some() && touched.all(is_named));
        service && (self.levels.is_empty() || level.is_some_and(|level| self.levels.contains(&level)))
    }
}

impl Actor {
    /// Whether the actor may decide as a change authority at all.
    pub fn is_authority(&self) -> bool {
        self.kind == ActorKind::Human && self.roles.iter().any(|role| role.is_authority())
    }

    /// Whether authority over a change is lent to another one at `now`.
    pub fn lends_to(&self, other: &ActorId, content: &Content, level: Option<Level>, now: Timestamp) -> bool {
        self.active && self.is_authority() && self.lent(content, level, now).any(|one| one.to == *other)
    }

    /// Delegations in force that cover a change.
    pub fn lent<'a>(
        &'a self,
        content: &'a Content,
        level: Option<Level>,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Delegation> {
        let in_force = self.delegations.values().filter(move |delegation| delegation.is_in_force(now));
        in_force.filter(move |delegation| delegation.scope.covers(content, level))
    }

    /// Whether the actor is away at `now` and has lent its authority over a change meanwhile.
    pub fn is_away(&self, content: &Content, level: Option<Level>, now: Timestamp) -> bool {
        self.lent(content, level, now).any(|delegation| delegation.away)
    }

    /// The roles in which the actor decides, and which it lends.
    pub fn authorities(&self) -> impl Iterator<Item = Role> {
        self.roles.iter().copied().filter(|role| role.is_authority())
    }
}

pub(super) fn delegate(
    actor: &Actor,
    delegation_id: &DelegationId,
    delegation: &Delegation,
    to: Delegate,
    now: Timestamp,
) -> Result<Vec<ActorEvent>, ActorRefusal> {
    if !actor.active {
        return Err(ActorRefusal::Inactive);
    }
    if !actor.is_authority() {
        return Err(ActorRefusal::NothingToDelegate);
    }
    if to.is_giver || delegation.to == actor.id {
        return Err(ActorRefusal::DelegateIsGiver);
    }
    if to.kind != ActorKind::Human || !to.active {
        return Err(ActorRefusal::DelegateUnfit);
    }
    let longest = SignedDuration::from_hours(24 * DELEGATION_DAYS_MAX);
    let is_over = delegation.until <= now || delegation.until <= delegation.from;
    if is_over || delegation.until.duration_since(delegation.from.min(now)) > longest {
        return Err(ActorRefusal::DelegationTime);
    }
    if delegation.scope.services.len() > SCOPE_SERVICES_MAX {
        return Err(ActorRefusal::DelegationTooWide);
    }
    let live = actor.delegations.values().filter(|delegation| delegation.is_live(now)).count();
    if live >= DELEGATIONS_MAX || actor.delegations.contains_key(delegation_id) {
        return Err(ActorRefusal::TooManyDelegations);
    }
    let (delegation_id, delegation) = (delegation_id.clone(), Box::new(delegation.clone()));
    Ok(vec![ActorEvent::AuthorityDelegated { delegation_id, delegation }])
}

pub(super) fn end(
    actor: &Actor,
    delegation_id: &DelegationId,
    reason: &FreeText,
    now: Timestamp,
) -> Result<Vec<ActorEvent>, ActorRefusal> {
    match actor.delegations.get(delegation_id).filter(|delegation| delegation.is_live(now)) {
        Some(_) => Ok(vec![ActorEvent::DelegationEnded {
            delegation_id: delegation_id.clone(),
            reason: reason.clone(),
        }]),
        None => Err(ActorRefusal::NoSuchDelegation { delegation_id: delegation_id.clone() }),
    }
}
