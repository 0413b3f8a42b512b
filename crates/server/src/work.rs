//! One unit of work on one change: commands are decided against it one after the other, then everything they led to is
//! committed in one append.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::actor::Actor;
use domain::approval::{Case, Requirements, StandingApproval, requirements};
use domain::authorization::Answer;
use domain::change::evolve::Recorded as RecordedBy;
use domain::change::{
    self, Action as Effect, Change, ChangeEvent, ChangeType, Command, Content, Decision, Facts, Outcome,
};
use domain::id::{ActorId, ChangeId};
use domain::risk::Assessment;
use domain::stop::Stop;
use policy::{Action, ChainStanding, Context};
use store::{Append, Guard, GuardClock, StreamAppend, StreamName};

use crate::app::App;
use crate::ask::{self, Particulars, Ruling, Subject};
use crate::assessing::assess_change;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::follow;
use crate::gates::{self, Gates, Starting, Starts};
use crate::known::Known;
use crate::project;
use crate::record::{DecidedBy, Envelope, Recorded, decode, encode, told};
use crate::use_cases::budget::{self, Standing};

/// One unit of work on one change.
#[derive(Debug)]
pub(crate) struct ChangeWork {
    /// The time of everything in it.
    pub now: Timestamp,
    /// The change as it is after the commands so far.
    pub change: Change,
    /// Everything that ever happened to it, the new events last.
    pub trail: Vec<Recorded<ChangeEvent>>,
    /// Effects of the commands so far.
    pub effects: Vec<Effect>,
    stored_version: u64,
    parties: BTreeSet<ActorId>,
    people: BTreeSet<ActorId>,
    gates: Gates,
    guards: Vec<Guard>,
    /// Its place in the order of starts, where it is started.
    starting: Option<Starting>,
}

/// Who decides, and in whose place.
#[derive(Debug, Clone, Copy)]
struct Speaker<'a> {
    caller: &'a Caller,
    delegator: Option<&'a Actor>,
}

/// Who asks for a new change, and for whom; whether it may ask for them has been settled.
#[derive(Debug)]
pub(crate) struct Requester<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// For whom, when not for itself.
    pub on_behalf_of: Option<ActorId>,
    /// How it stands, where it is an agent.
    pub standing: Option<Standing>,
    /// How the change stands in the chain of those that led to it.
    pub chain: ChainStanding,
}

impl ChangeWork {
    /// Begins a new change.
    ///
    /// # Errors
    /// When policy refuses or the content is not valid.
    pub(crate) fn create(
        app: &App,
        known: &Known,
        requester: &Requester<'_>,
        id: ChangeId,
        content: Content,
        draft: bool,
    ) -> Result<Self, Failure> {
        let now = app.clock.now();
        let Requester { caller, on_behalf_of, standing, chain } = requester;
        let debt = match content.change_type {
            ChangeType::Emergency => Some(gates::debt_of(known, &caller.id(), on_behalf_of.as_ref(), now)),
            ChangeType::Standard | ChangeType::Normal => None,
        };
        let ruling = ask::to_create(app, caller, standing.as_ref().map(Standing::left), *chain, debt)?;
        let acting = caller.acting(on_behalf_of.as_ref());
        let parties = BTreeSet::new();
        let facts = Facts {
            now,
            actor: &acting,
            parties: &parties,
            delegator: None,
            people: &BTreeSet::new(),
            answer: &ruling.answer,
        };
        let Decision { events, actions } = change::create(content, draft, &facts)?;
        let Ok([created]) = <[ChangeEvent; 1]>::try_from(events) else {
            return Err(Failure::Internal("creating a change leads to one event".to_owned()));
        };
        let by = caller.id();
        let recorded = RecordedBy { at: now, by: &by, on_behalf_of: on_behalf_of.as_ref() };
        let change = change::evolve(None, id, recorded, &created)?;
        let envelope = Envelope {
            at: now,
            actor: by,
            on_behalf_of: on_behalf_of.clone(),
            decided_by: ruling.decided_by(),
        };
        let trail = vec![Recorded { envelope, event: created, version: 1, index: 0, told: None }];
        let parties = ask::parties(known, &change);
        let mut work = Self {
            now,
            trail,
            effects: actions,
            stored_version: 0,
            parties,
            people: BTreeSet::new(),
            gates: Gates::of(known, &change, now),
            guards: Vec::new(),
            starting: None,
            change,
        };
        work.guard_actor(caller)?;
        Ok(work)
    }

    /// Loads an existing change.
    ///
    /// # Errors
    /// When there is no such change, or the store or the log fails.
    pub(crate) async fn load(app: &App, id: ChangeId) -> Result<Self, Failure> {
        let (change, trail) = load(app, id).await?;
        let now = app.clock.now().max(change.updated_at);
        let parties = parties(app, &change).await?;
        Ok(Self {
            now,
            trail,
            effects: Vec::new(),
            stored_version: change.version,
            parties,
            people: BTreeSet::new(),
            gates: Gates::of(&app.known(), &change, now),
            guards: Vec::new(),
            starting: None,
            change,
        })
    }

    /// Asks policy about `action` without deciding anything.
    ///
    /// # Errors
    /// When policy refuses.
    pub(crate) fn permit(&self, app: &App, caller: &Caller, action: Action) -> Result<(), Failure> {
        self.permitted(app, caller, action).map(|_ruling| ())
    }

    /// The same, with what policy said.
    ///
    /// # Errors
    /// When policy refuses.
    pub(crate) fn permitted(&self, app: &App, caller: &Caller, action: Action) -> Result<Ruling, Failure> {
        self.permitted_with(app, caller, action, Particulars::default())
    }

    /// The same, where the answer depends on more than the change.
    ///
    /// # Errors
    /// When policy refuses.
    pub(crate) fn permitted_with(
        &self,
        app: &App,
        caller: &Caller,
        action: Action,
        particulars: Particulars<'_>,
    ) -> Result<Ruling, Failure> {
        let ruling = ask::about_change(app, caller, action, self.subject(), particulars);
        match ruling.answer {
            Answer::Allowed { .. } => Ok(ruling),
            Answer::Denied { violations } => Err(Failure::Denied(violations)),
        }
    }

    /// Decides a command of `caller`, for which policy is asked about `action`.
    ///
    /// # Errors
    /// When policy or the life of the change refuses.
    pub(crate) fn command(
        &mut self,
        app: &App,
        caller: &Caller,
        action: Action,
        particulars: Particulars<'_>,
        command: &Command,
    ) -> Result<(), Failure> {
        let mut ruling = ask::about_change(app, caller, action, self.subject(), particulars);
        self.gates.name_others(&self.change, &mut ruling.answer);
        let speaker = Speaker { caller, delegator: particulars.delegator };
        self.answered(app, speaker, action, &ruling, command)
    }

    /// Decides a command of somebody, about which policy has answered.
    fn answered(
        &mut self,
        app: &App,
        speaker: Speaker<'_>,
        action: Action,
        ruling: &Ruling,
        command: &Command,
    ) -> Result<(), Failure> {
        let Speaker { caller, delegator } = speaker;
        let on_behalf_of = delegator.map(|other| &other.id);
        let acting = caller.acting(on_behalf_of);
        let facts = Facts {
            now: self.now,
            actor: &acting,
            parties: &self.parties,
            delegator,
            people: &self.people,
            answer: &ruling.answer,
        };
        let decision = change::decide(&self.change, command, &facts)?;
        self.require_room(app, caller, action)?;
        self.guard_actor(caller)?;
        if let Some(other) = delegator {
            self.guard_lender(app, caller, other)?;
        }
        self.guard_gates(app, action)?;
        if action == Action::Start {
            let (at, actor, decided_by) = (self.now, caller.id(), ruling.decided_by());
            let envelope = Envelope { at, actor, on_behalf_of: None, decided_by };
            self.starting = Some(self.gates.start(&self.change, envelope)?);
        }
        self.absorb(&caller.id(), on_behalf_of, &ruling.decided_by(), decision)
    }

    /// Takes note of which records are those of one person, so that nobody approves twice under two names.
    pub(crate) fn know_people<'a>(&mut self, known: &Known, ids: impl IntoIterator<Item = &'a ActorId>) {
        self.people = ids.into_iter().flat_map(|id| known.directory.records_of(id)).collect();
    }

    /// What people may do again and again ends at a bound, so that the trail can always be read. What brings a change to
    /// its end is never refused for it.
    fn require_room(&self, app: &App, caller: &Caller, action: Action) -> Result<(), Failure> {
        let limit = app.config.limits.trail_entries;
        let is_repeatable = matches!(
            action,
            Action::Comment
                | Action::Review
                | Action::Amend
                | Action::Approve
                | Action::WithdrawApproval
                | Action::Rehearse
        );
        if caller.actor().is_none() || !is_repeatable || self.change.version < limit {
            return Ok(());
        }
        let message =
            format!("the trail of this change has the {limit} entries that are accepted: create another one");
        Err(change::Refusal::InvalidContent(message).into())
    }

    /// Assesses a submitted change and chooses its route: approved automatically, or put to the authorities.
    ///
    /// # Errors
    /// When policy or the life of the change refuses.
    pub(crate) fn assess_and_route(&mut self, app: &App, known: &Known) -> Result<(), Failure> {
        self.gates = Gates::of(known, &self.change, self.now);
        let assessment =
            assess_change(app, known, &self.change, self.now, |submission| app.experience.advise(submission));
        let within_agent_budget =
            budget::covers(known, &self.change.created_by, &assessment.blast_radius, self.now);
        let particulars =
            Particulars { assessment: Some(&assessment), within_agent_budget, ..Particulars::default() };
        let system = Caller::System;
        // All the questions are about the same facts: recording the assessment, which they are told, changes none.
        let policies = app.policies.current();
        let asking = ask::asking(&policies, &system, self.subject(), particulars);
        let decide = |action| asking.decide(action, Context::default());
        let pre_approval = decide(Action::PreApprove);
        let permitted = matches!(pre_approval.answer, Answer::Allowed { .. });
        let mut requirements = requirements(&app.config.approvals, Case::of(&assessment, permitted));
        if let Some(standing) = self.standing(known, &requirements, &assessment)
            && matches!(decide(Action::TakeStanding).answer, Answer::Allowed { .. })
        {
            let version = known.board.version();
            self.guards.push(Guard::StreamVersion { stream: gates::board_stream()?, version });
            requirements = requirements.standing_by(standing);
        }
        let automated = requirements.automated;
        let record = Command::RecordAssessment { assessment: Box::new(assessment), requirements };
        self.guards.push(Guard::StreamVersion { stream: cmdb_stream()?, version: known.cmdb_version });
        let speaker = Speaker { caller: &system, delegator: None };
        self.answered(app, speaker, Action::Assess, &decide(Action::Assess), &record)?;
        if automated {
            self.answered(app, speaker, Action::PreApprove, &pre_approval, &Command::PreApprove)
        } else {
            let request = decide(Action::RequestApproval);
            self.answered(app, speaker, Action::RequestApproval, &request, &Command::RequestApproval)
        }
    }

    /// What a standing decision of the CAB says of the change, where the CAB is asked and one covers it.
    fn standing(
        &self,
        known: &Known,
        requirements: &Requirements,
        assessment: &Assessment,
    ) -> Option<StandingApproval> {
        if !requirements.may_stand() {
            return None;
        }
        let standing = known.board.covering(&self.change.content, assessment, self.now).next()?;
        Some(StandingApproval {
            decision: standing.id,
            proposed_by: standing.proposed_by.clone(),
            conditions: standing.terms.conditions.clone(),
        })
    }

    /// The commit happens only while this guard holds.
    pub(crate) fn guard(&mut self, guard: Guard) {
        self.guards.push(guard);
    }

    /// The guard that the change is as it was loaded.
    pub(crate) fn unmoved(&self) -> Guard {
        Guard::StreamVersion { stream: StreamName::change(self.change.id), version: self.stored_version }
    }

    /// Whether there is anything to commit.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.change.version == self.stored_version
    }

    /// The outcome with which the commands close it; nothing where they do not.
    pub(crate) fn closes_as(&self) -> Option<Outcome> {
        let new = self.trail.iter().rev().take_while(|recorded| recorded.version > self.stored_version);
        new.into_iter().find_map(|recorded| match recorded.event {
            ChangeEvent::Closed { outcome, .. } => Some(outcome),
            _ => None,
        })
    }

    /// Whether the commands closed the change, or found that it ended otherwise than it was closed as.
    pub(crate) fn tells_an_ending(&self) -> bool {
        let new = self.trail.iter().rev().take_while(|recorded| recorded.version > self.stored_version);
        new.into_iter().any(|recorded| {
            matches!(
                recorded.event,
                ChangeEvent::Closed { .. } | ChangeEvent::Reviewed { finding: Some(_), .. }
            )
        })
    }

    /// The events that the commands led to, as one part of an append.
    pub(crate) fn append(&mut self) -> Append {
        let new = self.trail.iter_mut().filter(|recorded| recorded.version > self.stored_version);
        let encoded = |recorded: &mut Recorded<ChangeEvent>| {
            let event = encode(&recorded.envelope, &recorded.event);
            recorded.told = told(&event);
            event
        };
        let events = new.map(encoded).collect();
        let stream = StreamName::change(self.change.id);
        let starting = self.starting.as_ref().map(|starting| &starting.part);
        let own = StreamAppend { stream, expected_version: self.stored_version, events };
        Append {
            streams: std::iter::once(own).chain(starting.cloned()).collect(),
            guards: self.guards.clone(),
            projections: vec![project::change(&self.change)],
            ..Append::default()
        }
    }

    /// Gives the new events the log indexes that the commit assigned.
    pub(crate) fn committed_at(&mut self, first_index: u64) {
        let stored_version = self.stored_version;
        for recorded in self.trail.iter_mut().filter(|recorded| recorded.version > stored_version) {
            recorded.index = first_index + (recorded.version - stored_version - 1);
        }
    }

    fn absorb(
        &mut self,
        by: &ActorId,
        on_behalf_of: Option<&ActorId>,
        decided_by: &DecidedBy,
        decision: Decision,
    ) -> Result<(), Failure> {
        for event in decision.events {
            let recorded = RecordedBy { at: self.now, by, on_behalf_of };
            change::follow(&mut self.change, recorded, &event)?;
            let envelope = Envelope {
                at: self.now,
                actor: by.clone(),
                on_behalf_of: on_behalf_of.cloned(),
                decided_by: decided_by.clone(),
            };
            self.trail.push(Recorded { envelope, event, version: self.change.version, index: 0, told: None });
        }
        self.effects.extend(decision.actions);
        Ok(())
    }

    /// What is passed while nothing stands in the way is passed only if that is still so at the commit.
    fn guard_gates(&mut self, app: &App, action: Action) -> Result<(), Failure> {
        let guards = self.gates.guards(action, &self.change, self.now, &app.clock)?;
        let new: Vec<_> = guards.into_iter().filter(|guard| !self.guards.contains(guard)).collect();
        self.guards.extend(new);
        Ok(())
    }

    /// How far starts are known once it is committed, where it is started.
    pub(crate) fn started(&self) -> Option<Starts> {
        self.starting.as_ref().map(|starting| starting.leads_to)
    }

    /// The changes that keep this one from being started, as far as is known.
    pub(crate) fn held_by(&self) -> Vec<ChangeId> {
        self.gates.conflicts_that_hold(&self.change).map(|conflict| conflict.other).collect()
    }

    /// The stops that keep `caller` from passing a gate of the change.
    pub(crate) fn stops(&self, caller: &Caller) -> Vec<&Stop> {
        self.gates.stops(&self.change, caller)
    }

    fn subject(&self) -> Subject<'_> {
        Subject { change: &self.change, parties: &self.parties, gates: &self.gates, now: self.now }
    }

    /// What is decided by lent authority rests on the lender's roles, and on the loan: the commit fails when they have
    /// changed since, or when the loan is over by then.
    fn guard_lender(&mut self, app: &App, caller: &Caller, lender: &Actor) -> Result<(), Failure> {
        let guard = Guard::StreamVersion { stream: actor_stream(&lender.id)?, version: lender.version };
        if self.guards.contains(&guard) {
            return Ok(());
        }
        self.guards.push(guard);
        let (by, level) = (caller.id(), self.change.assessment().map(|assessment| assessment.level));
        let lent = lender.lent(&self.change.content, level, self.now).filter(|one| one.to == by);
        let clock = app.clock.clone();
        self.guards.extend(lent.map(|delegation| delegation.until).max().map(|instant| {
            let clock = GuardClock::new(move || clock.now());
            Guard::Before { instant, clock }
        }));
        Ok(())
    }

    fn guard_actor(&mut self, caller: &Caller) -> Result<(), Failure> {
        let guard = actor_guard(caller)?.filter(|guard| !self.guards.contains(guard));
        self.guards.extend(guard);
        Ok(())
    }
}

/// A decision rests on the caller's roles and token: the commit fails when they have changed since.
///
/// # Errors
/// When the identifier makes no stream name.
pub(crate) fn actor_guard(caller: &Caller) -> Result<Option<Guard>, Failure> {
    let Some(actor) = caller.actor() else { return Ok(None) };
    Ok(Some(Guard::StreamVersion { stream: actor_stream(&actor.id)?, version: actor.version }))
}

/// Everyone who counts as the requester's side. Somebody whom only another server has heard of so far is looked up
/// first: their owner or alias may be the very one who wants to decide.
async fn parties(app: &App, change: &Change) -> Result<BTreeSet<ActorId>, Failure> {
    let side = ask::parties(&app.known(), change);
    let is_unknown = |id: &&ActorId| **id != ActorId::system() && app.known().directory.get(id).is_none();
    if side.iter().find(is_unknown).is_none() {
        return Ok(side);
    }
    follow::catch_up(app).await?;
    let side = ask::parties(&app.known(), change);
    match side.iter().find(is_unknown) {
        Some(id) => Err(Failure::Internal(format!("the log has no actor {id}"))),
        None => Ok(side),
    }
}

/// A change and everything that ever happened to it.
///
/// # Errors
/// When there is no such change, or the store or the log fails.
pub(crate) async fn load(app: &App, id: ChangeId) -> Result<(Change, Vec<Recorded<ChangeEvent>>), Failure> {
    let stored = app.store.read_stream(&StreamName::change(id), 1).await?;
    let trail: Vec<Recorded<ChangeEvent>> = stored.into_iter().map(decode).collect::<Result<_, _>>()?;
    let change = fold(id, &trail)?;
    let change = change.ok_or_else(|| Failure::NotFound { what: "change", name: id.to_string() })?;
    Ok((change, trail))
}

/// Folds a change's events; nothing when there are none.
///
/// # Errors
/// When an event cannot follow the earlier ones.
pub(crate) fn fold(
    id: ChangeId,
    trail: &[Recorded<ChangeEvent>],
) -> Result<Option<Change>, change::CorruptChange> {
    let mut change = None;
    for Recorded { envelope, event, .. } in trail {
        let recorded =
            RecordedBy { at: envelope.at, by: &envelope.actor, on_behalf_of: envelope.on_behalf_of.as_ref() };
        change = Some(change::evolve(change, id, recorded, event)?);
    }
    Ok(change)
}

/// The stream of an actor.
///
/// # Errors
/// When the identifier makes no stream name.
pub(crate) fn actor_stream(id: &ActorId) -> Result<StreamName, Failure> {
    StreamName::new(format!("actor/{id}")).map_err(|error| Failure::Internal(error.to_string()))
}

/// The stream of the CMDB's edits.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn cmdb_stream() -> Result<StreamName, Failure> {
    StreamName::new("cmdb").map_err(|error| Failure::Internal(error.to_string()))
}
