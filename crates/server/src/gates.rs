//! What stands in the way of a change's gates beside its own state: stops, freezes, closed maintenance windows, other
//! changes; for an emergency also who is on call, and reviews that its requester owes.
//!
//! Gathered when a change is loaded, so that a decision about it needs nothing else from memory; what is decided at a
//! gate is committed under a guard on the version that was gathered, and before the calendar says anything else. A start
//! that races a stop therefore loses, and one that was decided just before a freeze and is written in it too. Starts are
//! in one order: each takes the stream `starts` on, so that one that races the start of a conflicting change loses as well.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Timestamp;
use domain::actor::{Actor, ActorKind, Directory, Role};
use domain::authorization::Answer;
use domain::calendar::{
    Calendar, Conflict, Occurrence, Planned, Standing, StartEvent, Touched, estimated, items,
};
use domain::catalog::Tier;
use domain::change::{Change, ChangeType, Runner, StateName};
use domain::cmdb::Ci;
use domain::ecab::{Debt, Roster};
use domain::id::{ActorId, CiName, EnvironmentName, ServiceName};
use domain::risk::VersionWithdrawn;
use domain::stop::{Stop, StopScope, Stoppable, Stops};
use jiff::SignedDuration;
use policy::Action;
use store::{Guard, GuardClock, StreamAppend, StreamName};

use crate::caller::Caller;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::known::Known;
use crate::record::{Envelope, encode};

/// The policy by which conflicting changes are started one after the other.
const TAKE_TURNS: &str = "conflicting-changes-take-turns";
/// The policy by which a version that led to an incident is not rolled out again as if nothing had happened.
const DECIDE_ANEW: &str = "withdrawn-version-needs-a-new-decision";

/// What stands in the way of a change's gates, whoever passes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gates {
    stops: Arc<Stops>,
    calendar: Arc<Calendar>,
    /// For each stop of an actor, all records of that actor.
    stopped: Vec<(ActorId, BTreeSet<ActorId>)>,
    reach: Reach,
    starts: Starts,
    /// Other changes that get in its way, where it may be started next.
    conflicts: Vec<Conflict>,
    /// The incident to which the same version has led, where it may be started next.
    withdrawn: Option<VersionWithdrawn>,
    /// What authorising it depends on; nothing for a change that is no emergency.
    emergency: Option<Box<Emergency>>,
    /// Whether an agent is among those who asked for it.
    asked_by_agent: bool,
}

/// How far the starts of changes are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Starts {
    /// How many there were.
    pub version: u64,
    /// When the last one was.
    pub at: Timestamp,
}

/// The place of a start in the order of starts.
#[derive(Debug)]
pub(crate) struct Starting {
    /// The part of an append by which it is taken.
    pub part: StreamAppend,
    /// How far starts are known once it is written.
    pub leads_to: Starts,
}

/// What authorising an emergency depends on.
#[derive(Debug, Clone)]
struct Emergency {
    roster: Arc<Roster>,
    /// For each active member of the e-CAB, all records of that person.
    members: Vec<BTreeSet<ActorId>>,
    /// Reviews that the requester's side owes.
    debts: Vec<Debt>,
}

/// What a change touches and who is behind it. Empty while there is nothing in the way of anybody.
#[derive(Debug, Clone, Default)]
struct Reach {
    actors: BTreeSet<ActorId>,
    by_agent: bool,
    touches: Touches,
}

/// What is touched: services and their tiers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touches {
    services: BTreeSet<ServiceName>,
    tiers: BTreeSet<Tier>,
    tier_unknown: bool,
}

impl Gates {
    /// What stands in the way of `change` at `now` as far as is known.
    pub(crate) fn of(known: &Known, change: &Change, now: Timestamp) -> Self {
        let (stops, calendar) = (Arc::clone(&known.stops), Arc::clone(&known.calendar));
        let emergency = match change.content.change_type {
            ChangeType::Emergency => Some(Box::new(Emergency::of(known, change))),
            ChangeType::Standard | ChangeType::Normal => None,
        };
        let is_next = change.state_name() == StateName::Approved;
        let conflicts = if is_next { conflicts(known, change, now) } else { Vec::new() };
        let withdrawn = known.incidents.version_withdrawn(&change.content, now).filter(|_| is_next);
        let asked_by_agent = is_asked_by_agent(&known.directory, change);
        let starts = known.starts;
        let gates = Self { stops, calendar, starts, conflicts, withdrawn, emergency, ..Self::default() };
        let gates = Self { asked_by_agent, ..gates };
        if gates.stops.is_empty() && gates.calendar.is_empty() {
            return gates;
        }
        let stops = &gates.stops;
        let actors = stops.in_force().filter_map(|stop| match &stop.scope {
            StopScope::Actor { actor } => Some(actor),
            StopScope::Everything
            | StopScope::Agents
            | StopScope::Service { .. }
            | StopScope::Tier { .. } => None,
        });
        let stopped = actors.map(|actor| (actor.clone(), known.directory.records_of(actor))).collect();
        Self { stopped, reach: Reach::of(known, change), ..gates }
    }

    /// Nothing, as is assumed of decisions of the past, but for who asked for the change.
    pub(crate) fn of_the_past(known: &Known, change: &Change) -> Self {
        Self { asked_by_agent: is_asked_by_agent(&known.directory, change), ..Self::default() }
    }

    /// Whether an agent is among those who asked for the change.
    pub(crate) fn asked_by_agent(&self) -> bool {
        self.asked_by_agent
    }

    /// The other changes that keep `change` from being started.
    pub(crate) fn conflicts_that_hold(&self, change: &Change) -> impl Iterator<Item = &Conflict> {
        let id = change.id;
        self.conflicts.iter().filter(move |conflict| conflict.holds(id))
    }

    /// The incident to which the same version has led, unless the change was assessed in view of it.
    pub(crate) fn withdrawn_since_assessed(&self, change: &Change) -> Option<&VersionWithdrawn> {
        let assessed = change.assessment().and_then(|it| it.circumstances.version_withdrawn.as_ref());
        self.withdrawn.as_ref().filter(|now| assessed.is_none_or(|then| then.incident != now.incident))
    }

    /// A refusal for the sake of another change names that one.
    pub(crate) fn name_others(&self, change: &Change, answer: &mut Answer) {
        let Answer::Denied { violations } = answer else { return };
        let mut add = |rule: &str, other: String| {
            for violation in violations.iter_mut().filter(|one| one.rule.as_str() == rule) {
                violation.sentence = format!("{}: {other}", violation.sentence);
            }
        };
        if let Some(conflict) = self.conflicts_that_hold(change).next() {
            add(TAKE_TURNS, conflict.sentence());
        }
        if let Some(withdrawn) = self.withdrawn_since_assessed(change) {
            add(DECIDE_ANEW, withdrawn.sentence());
        }
    }

    /// The part of an append by which a start takes its place in the order of starts.
    ///
    /// # Errors
    /// Never, as long as the name is a stream name.
    pub(crate) fn start(&self, change: &Change, envelope: Envelope) -> Result<Starting, Failure> {
        let Starts { version, at } = self.starts;
        let envelope = Envelope { at: envelope.at.max(at), ..envelope };
        let event = StartEvent::ChangeStarted { change: change.id };
        let events = vec![encode(&envelope, &event)];
        let part = StreamAppend { stream: starts_stream()?, expected_version: version, events };
        Ok(Starting { part, leads_to: Starts { version: version + 1, at: envelope.at } })
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
            services: &self.reach.touches.services,
            tiers: &self.reach.touches.tiers,
            tier_unknown: self.reach.touches.tier_unknown,
        };
        self.stops.covering(&what)
    }

    /// Whether `caller` is on call at `now`; nothing for a change that is no emergency.
    pub(crate) fn on_call(&self, caller: &ActorId, now: Timestamp) -> Option<bool> {
        let Emergency { roster, members, .. } = self.emergency.as_deref()?;
        let can_answer = |id: &ActorId| members.iter().any(|records| records.contains(id));
        let records = members.iter().find(|records| records.contains(caller));
        Some(records.is_some_and(|records| roster.has_on_call(records, can_answer, now)))
    }

    /// Reviews that the requester's side has not done in time at `now`, by their changes; none for a change that is no
    /// emergency.
    pub(crate) fn debts(&self, now: Timestamp) -> impl Iterator<Item = &Debt> {
        let debts = self.emergency.iter().flat_map(|emergency| &emergency.debts);
        debts.filter(move |debt| debt.due <= now)
    }

    /// How many they are; nothing for a change that is no emergency.
    pub(crate) fn emergency_debt(&self, now: Timestamp) -> Option<u32> {
        self.emergency.as_ref().map(|_| u32::try_from(self.debts(now).count()).unwrap_or(u32::MAX))
    }

    /// How the calendar stands to implementing `change` at `now`.
    pub(crate) fn standing(&self, change: &Change, now: Timestamp) -> Standing {
        if self.calendar.is_empty() {
            return Standing::default();
        }
        let touched = self.reach.touches.touched(change.content.environment.as_ref());
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
        let before = |instant| {
            let clock = clock.clone();
            Guard::Before { instant, clock: GuardClock::new(move || clock.now()) }
        };
        if let (Action::AuthoriseEmergency, Some(emergency)) = (action, &self.emergency) {
            let version = emergency.roster.version();
            guards.push(Guard::StreamVersion { stream: roster_stream()?, version });
            guards.extend(emergency.roster.changes_after(now).map(before));
        }
        if matches!(action, Action::Start | Action::TakeOver | Action::Resume) {
            let version = self.calendar.version();
            guards.push(Guard::StreamVersion { stream: calendar_stream()?, version });
            guards.extend(self.standing(change, now).until.map(before));
        }
        Ok(guards)
    }
}

/// The conflicts of a change that is to be started now, or in its window.
pub(crate) fn conflicts(known: &Known, change: &Change, now: Timestamp) -> Vec<Conflict> {
    let items = items(change);
    let (environment, span) = (change.content.environment.as_ref(), span(change, now));
    let planned = Planned { change: Some(change.id), items: &items, environment, span };
    known.bookings.conflicts(&known.cmdb, &planned, now)
}

/// When a change that is to be started takes its time: what is left of its window, or as long as its plan takes from now
/// on.
pub(crate) fn span(change: &Change, now: Timestamp) -> Occurrence {
    let takes = estimated(change).unwrap_or_default().max(SignedDuration::from_micros(1));
    let from_now = Occurrence { start: now, end: now.saturating_add(takes).unwrap_or(Timestamp::MAX) };
    let window = change.content.window.filter(|window| window.end > now);
    window.map_or(from_now, |window| Occurrence { start: window.start.max(now), end: window.end })
}

impl Emergency {
    fn of(known: &Known, change: &Change) -> Self {
        let is_member = |actor: &&Actor| {
            actor.active && actor.kind == ActorKind::Human && actor.roles.contains(&Role::EcabMember)
        };
        let members = known.directory.iter().filter(is_member);
        let members = members.map(|actor| known.directory.records_of(&actor.id)).collect();
        let side = side(known, &change.created_by, change.on_behalf_of.as_ref());
        let debts = known.debts.iter().filter(|debt| !debt.requesters.is_disjoint(&side)).cloned().collect();
        Self { roster: Arc::clone(&known.roster), members, debts }
    }
}

/// Reviews of emergency changes that the side of a requester has not done in time at `now`.
pub(crate) fn debt_of(
    known: &Known,
    requester: &ActorId,
    on_behalf_of: Option<&ActorId>,
    now: Timestamp,
) -> u32 {
    let overdue = known.debts.overdue_of(&side(known, requester, on_behalf_of), now).count();
    u32::try_from(overdue).unwrap_or(u32::MAX)
}

fn side(known: &Known, requester: &ActorId, on_behalf_of: Option<&ActorId>) -> BTreeSet<ActorId> {
    let both = [Some(requester), on_behalf_of].into_iter().flatten();
    both.flat_map(|id| known.directory.side_of(id)).collect()
}

impl Reach {
    fn of(known: &Known, change: &Change) -> Self {
        let runner = change.execution().and_then(|execution| match &execution.runner {
            Runner::Held { by, .. } => Some(by),
            Runner::Free { .. } => None,
        });
        let actors: BTreeSet<_> = change.asked_by().chain(runner).cloned().collect();
        let by_agent = actors.iter().any(|id| is_agent(&known.directory, id));
        let content = &change.content;
        let touches = Touches::of(known, &content.affected_services, &content.affected_cis);
        Self { actors, by_agent, touches }
    }
}

impl Touches {
    /// What is touched by whatever changes these services and items.
    pub(crate) fn of(known: &Known, named: &BTreeSet<ServiceName>, items: &BTreeSet<CiName>) -> Self {
        let services = services(known, named, items);
        let mut touches = Self { tier_unknown: named.is_empty() && items.is_empty(), ..Self::default() };
        let mut tell = |name: &str| match known.cmdb.described(name).and_then(|ci| ci.tier()) {
            Some(stated) => drop(touches.tiers.insert(stated.tier)),
            None => touches.tier_unknown = true,
        };
        services.iter().for_each(|service| tell(service.as_str()));
        let is_elsewhere = |item: &&CiName| !services.iter().any(|service| service.as_str() == item.as_str());
        items.iter().filter(is_elsewhere).for_each(|item| tell(item.as_str()));
        Self { services, ..touches }
    }

    /// The same as the calendar takes it.
    pub(crate) fn touched<'a>(&'a self, environment: Option<&'a EnvironmentName>) -> Touched<'a> {
        let Self { services, tiers, tier_unknown } = self;
        Touched { services, tiers, tier_unknown: *tier_unknown, environment }
    }
}

/// The services that are named, as such or as items, and those that lean directly on an item that is named.
fn services(known: &Known, named: &BTreeSet<ServiceName>, items: &BTreeSet<CiName>) -> BTreeSet<ServiceName> {
    let items = items.iter().filter_map(|item| known.cmdb.described(item.as_str()));
    let mut services = named.clone();
    for item in items {
        let touched = item.dependents().map(|link| link.ci).chain([item]).filter(Ci::is_service);
        services.extend(touched.filter_map(|ci| ServiceName::new(ci.name()).ok()));
    }
    services
}

fn is_agent(directory: &Directory, id: &ActorId) -> bool {
    directory.get(id).is_some_and(|actor| actor.kind == ActorKind::Agent)
}

/// Whether an agent created or amended the change, or is whom that was done for.
fn is_asked_by_agent(directory: &Directory, change: &Change) -> bool {
    change.asked_by().any(|id| is_agent(directory, id))
}

/// Whether an action passes a gate: approves a change, or lets it be worked on.
fn is_gate(action: Action) -> bool {
    matches!(
        action,
        Action::PreApprove
            | Action::TakeStanding
            | Action::Approve
            | Action::OverrideDecision
            | Action::AuthoriseEmergency
            | Action::Start
            | Action::TakeOver
            | Action::Resume
            | Action::ConfirmStep
    )
}

/// The stream of the starts.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn starts_stream() -> Result<StreamName, Failure> {
    StreamName::new("starts").map_err(|error| Failure::Internal(error.to_string()))
}

/// The stream of the stops.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn stops_stream() -> Result<StreamName, Failure> {
    StreamName::new("stops").map_err(|error| Failure::Internal(error.to_string()))
}

/// The stream of the change advisory board.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn board_stream() -> Result<StreamName, Failure> {
    StreamName::new("cab").map_err(|error| Failure::Internal(error.to_string()))
}

/// The stream of the roster of the e-CAB.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn roster_stream() -> Result<StreamName, Failure> {
    StreamName::new("ecab").map_err(|error| Failure::Internal(error.to_string()))
}

/// The stream of the calendar.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn calendar_stream() -> Result<StreamName, Failure> {
    StreamName::new("calendar").map_err(|error| Failure::Internal(error.to_string()))
}
