//! What stands in the way of a change's gates beside its own state: stops, freezes, closed maintenance windows.
//!
//! Gathered when a change is loaded, so that a decision about it needs nothing else from memory; what is decided at a
//! gate is committed under a guard on the version that was gathered, and before the calendar says anything else. A start
//! that races a stop therefore loses, and one that was decided just before a freeze and is written in it too.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Timestamp;
use domain::actor::{ActorKind, Directory};
use domain::calendar::{Calendar, Standing, Touched};
use domain::catalog::Tier;
use domain::change::{Change, Runner};
use domain::cmdb::Ci;
use domain::id::{ActorId, CiName, ServiceName};
use domain::stop::{Stop, StopScope, Stoppable, Stops};
use policy::Action;
use store::{Guard, GuardClock, StreamName};

use crate::caller::Caller;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::known::Known;

/// What stands in the way of a change's gates, whoever passes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gates {
    stops: Arc<Stops>,
    calendar: Arc<Calendar>,
    /// For each stop of an actor, all records of that actor.
    stopped: Vec<(ActorId, BTreeSet<ActorId>)>,
    reach: Reach,
}

/// What a change touches and who is behind it. Empty while there is nothing in the way of anybody.
#[derive(Debug, Clone, Default)]
struct Reach {
    actors: BTreeSet<ActorId>,
    by_agent: bool,
    services: BTreeSet<ServiceName>,
    tiers: BTreeSet<Tier>,
    tier_unknown: bool,
}

impl Gates {
    /// What stands in the way of `change` as far as is known.
    pub(crate) fn of(known: &Known, change: &Change) -> Self {
        let (stops, calendar) = (Arc::clone(&known.stops), Arc::clone(&known.calendar));
        if stops.is_empty() && calendar.is_empty() {
            return Self { stops, calendar, ..Self::default() };
        }
        let actors = stops.in_force().filter_map(|stop| match &stop.scope {
            StopScope::Actor { actor } => Some(actor),
            StopScope::Everything
            | StopScope::Agents
            | StopScope::Service { .. }
            | StopScope::Tier { .. } => None,
        });
        let stopped = actors.map(|actor| (actor.clone(), known.directory.records_of(actor))).collect();
        Self { stops, calendar, stopped, reach: Reach::of(known, change) }
    }

    /// The stops that keep `caller` from passing a gate of `change`.
    pub(crate) fn stops(&self, change: &Change, caller: &Caller) -> Vec<&Stop> {
        if self.stops.is_empty() {
            return Vec::new();
        }
        let mut actors = self.reach.actors.clone();
        actors.insert(caller.id());
        let is_touched = |records: &BTreeSet<ActorId>| !records.is_disjoint(&actors);
        let named: Vec<_> = self
            .stopped
            .iter()
            .filter(|(_, records)| is_touched(records))
            .map(|(id, _)| id.clone())
            .collect();
        actors.extend(named);
        let is_agent = caller.actor().is_some_and(|actor| actor.kind == ActorKind::Agent);
        let what = Stoppable {
            change_type: change.content.change_type,
            actors: &actors,
            by_agent: self.reach.by_agent || is_agent,
            services: &self.reach.services,
            tiers: &self.reach.tiers,
            tier_unknown: self.reach.tier_unknown,
        };
        self.stops.covering(&what)
    }

    /// How the calendar stands to implementing `change` at `now`.
    pub(crate) fn standing(&self, change: &Change, now: Timestamp) -> Standing {
        if self.calendar.is_empty() {
            return Standing::default();
        }
        let touched = Touched {
            services: &self.reach.services,
            tiers: &self.reach.tiers,
            tier_unknown: self.reach.tier_unknown,
            environment: change.content.environment.as_ref(),
        };
        self.calendar.standing(change.id, &touched, now)
    }

    /// The guards under which an action is committed that passes a gate; none for any other action.
    ///
    /// # Errors
    /// Never, as long as the name is a stream name.
    pub(crate) fn guards(
        &self,
        action: Action,
        change: &Change,
        now: Timestamp,
        clock: &Clock,
    ) -> Result<Vec<Guard>, Failure> {
        if !is_gate(action) {
            return Ok(Vec::new());
        }
        let mut guards =
            vec![Guard::StreamVersion { stream: stops_stream()?, version: self.stops.version() }];
        if matches!(action, Action::Start | Action::TakeOver | Action::Resume) {
            let version = self.calendar.version();
            guards.push(Guard::StreamVersion { stream: calendar_stream()?, version });
            let clock = clock.clone();
            let until = self.standing(change, now).until;
            guards.extend(until.map(|instant| {
                let clock = GuardClock::new(move || clock.now());
                Guard::Before { instant, clock }
            }));
        }
        Ok(guards)
    }
}

impl Reach {
    fn of(known: &Known, change: &Change) -> Self {
        let runner = change.execution().and_then(|execution| match &execution.runner {
            Runner::Held { by, .. } => Some(by),
            Runner::Free { .. } => None,
        });
        let actors = change.on_behalf_of.iter().chain(runner).chain([&change.created_by]);
        let actors: BTreeSet<_> = actors.cloned().collect();
        let by_agent = actors.iter().any(|id| is_agent(&known.directory, id));
        let services = services(known, change);
        let mut reach = Self { actors, by_agent, ..Self::default() };
        let mut tell = |name: &str| match known.cmdb.described(name).and_then(|ci| ci.tier()) {
            Some(stated) => drop(reach.tiers.insert(stated.tier)),
            None => reach.tier_unknown = true,
        };
        services.iter().for_each(|service| tell(service.as_str()));
        let is_elsewhere = |item: &&CiName| !services.iter().any(|service| service.as_str() == item.as_str());
        change.content.affected_cis.iter().filter(is_elsewhere).for_each(|item| tell(item.as_str()));
        let names_nothing = services.is_empty() && change.content.affected_cis.is_empty();
        reach.tier_unknown |= names_nothing;
        Self { services, ..reach }
    }
}

/// The services that a change names, as such or as items, and those that lean directly on an item that it changes.
fn services(known: &Known, change: &Change) -> BTreeSet<ServiceName> {
    let items = change.content.affected_cis.iter().filter_map(|item| known.cmdb.described(item.as_str()));
    let mut services = change.content.affected_services.clone();
    for item in items {
        let touched = item.dependents().map(|link| link.ci).chain([item]).filter(Ci::is_service);
        services.extend(touched.filter_map(|ci| ServiceName::new(ci.name()).ok()));
    }
    services
}

fn is_agent(directory: &Directory, id: &ActorId) -> bool {
    directory.get(id).is_some_and(|actor| actor.kind == ActorKind::Agent)
}

/// Whether an action passes a gate: approves a change, or lets it be worked on.
fn is_gate(action: Action) -> bool {
    matches!(
        action,
        Action::PreApprove
            | Action::Approve
            | Action::AuthoriseEmergency
            | Action::Start
            | Action::TakeOver
            | Action::Resume
            | Action::ConfirmStep
    )
}

/// The stream of the stops.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn stops_stream() -> Result<StreamName, Failure> {
    StreamName::new("stops").map_err(|error| Failure::Internal(error.to_string()))
}

/// The stream of the calendar.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn calendar_stream() -> Result<StreamName, Failure> {
    StreamName::new("calendar").map_err(|error| Failure::Internal(error.to_string()))
}
