//! What holds in every life of a change, whoever asks what and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use domain::Timestamp;
use domain::actor::{ActorKind, Role};
use domain::approval::{Approval, Gate};
use domain::authorization::Answer;
use domain::canonical::Digest;
use domain::change::evolve::Recorded;
use domain::change::{
    ActingActor, Action, Change, ChangeEvent, Command, Deadline, Decision, Grounds, Overridden, Refusal,
    RejectionReason, ReviewKind, StateName, create, decide, evolve, trail,
};
use domain::id::ActorId;
use domain::plan::Observation;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::people::record_of;
use super::table::{Edge, edges};
use super::world::{Asked, Life, beginning, denied, lives};
use super::{Entry, allowed, change_id, facts, parties, replay};

/// The changes of state that the documented diagram shows.
static EDGES: LazyLock<BTreeSet<Edge>> = LazyLock::new(edges);

/// What the rules are checked against: kept from the recorded events alone, without looking at the change.
#[derive(Debug, Default)]
struct Witness {
    digest: Option<Digest>,
    gates: Vec<Gate>,
    is_pre_approved: bool,
    /// Whether those above the authorities that are asked have been called in.
    is_escalated: bool,
    approvals: Vec<Given>,
    conditions_met: Vec<bool>,
    asked_by: BTreeSet<ActorId>,
    timers: BTreeMap<Deadline, Timestamp>,
}

/// An approval: who has spoken by it, and for which gate.
#[derive(Debug)]
struct Given {
    people: BTreeSet<ActorId>,
    gate: Role,
    digest: Digest,
}

/// A change in a life, with everything that is checked along the way.
struct Lived {
    change: Change,
    log: Vec<Entry>,
    witness: Witness,
}

impl Witness {
    fn void_approvals(&mut self) {
        self.approvals.clear();
        self.is_pre_approved = false;
        self.is_escalated = false;
    }

    /// Approvals of the content known here that count for a gate.
    fn given(&self, gate: &Gate) -> usize {
        let is_counted = |given: &&Given| given.gate == gate.role && Some(given.digest) == self.digest;
        self.approvals.iter().filter(is_counted).count()
    }

    fn is_passed(&self, gate: &Gate) -> bool {
        self.given(gate) >= usize::from(gate.count)
    }

    /// Whether the approvals known here open every gate of every stage for the content known here. No two of them are by
    /// the same person, which is checked when they are given.
    fn is_authorised(&self) -> bool {
        (self.is_pre_approved && self.gates.is_empty())
            || (!self.gates.is_empty() && self.gates.iter().all(|gate| self.is_passed(gate)))
    }

    /// Takes note of an event, after checking what must hold for it.
    fn note(&mut self, entry: &Entry, actor: &ActingActor) -> Result<(), TestCaseError> {
        self.check(entry, actor)?;
        let by = &entry.by;
        match &entry.event {
            ChangeEvent::Created { content, .. } | ChangeEvent::Amended { content, .. } => {
                self.digest = Some(content.digest().unwrap());
                self.asked_by.extend([by.clone()].into_iter().chain(entry.on_behalf_of.clone()));
                self.conditions_met.clear();
                self.void_approvals();
            }
            ChangeEvent::RiskAssessed { requirements, .. }
            | ChangeEvent::DecisionOverridden {
                overridden: Overridden::Level { requirements, .. }, ..
            } => {
                self.gates.clone_from(&requirements.gates);
                self.void_approvals();
            }
            ChangeEvent::DecisionOverridden { overridden: Overridden::Rejection { .. }, .. } => {
                self.void_approvals();
            }
            ChangeEvent::DecisionOverridden { overridden: Overridden::PreApproval, .. }
            | ChangeEvent::ApprovalEscalated { .. } => self.is_escalated = true,
            ChangeEvent::StageOpened { .. } => self.is_escalated = false,
            ChangeEvent::Approved { grounds: Grounds::Automated, .. } => self.is_pre_approved = true,
            ChangeEvent::Approved {
                grounds: Grounds::Authority { approval, conditions, .. },
                digest,
                ..
            } => {
                let people = approval.people().cloned().collect();
                self.approvals.push(Given { people, gate: approval.passes(), digest: *digest });
                self.conditions_met.extend(conditions.iter().map(|_| false));
            }
            ChangeEvent::ApprovalWithdrawn { .. } => {
                self.approvals.retain(|given| !given.people.contains(by))
            }
            ChangeEvent::WindowMissed { .. } => self.void_approvals(),
            ChangeEvent::ConditionSatisfied { index, .. } => {
                self.conditions_met[usize::try_from(*index).unwrap()] = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self, entry: &Entry, actor: &ActingActor) -> Result<(), TestCaseError> {
        match &entry.event {
            ChangeEvent::Approved { grounds: Grounds::Authority { approval, .. }, digest, .. } => {
                self.is_independent_human(entry, actor)?;
                prop_assert_eq!(&approval.by, &entry.by);
                prop_assert_eq!(&approval.delegated_by, &entry.on_behalf_of, "both stand in the record");
                prop_assert_eq!(Some(*digest), self.digest, "approved is what is asked for");
                holds_or_borrowed(approval.role, entry, actor)?;
                self.is_in_turn(approval)?;
            }
            ChangeEvent::DecisionOverridden { role, .. } => {
                self.is_independent_human(entry, actor)?;
                prop_assert_eq!(&entry.on_behalf_of, &None, "overridden by lent authority");
                holds_or_borrowed(*role, entry, actor)?;
            }
            ChangeEvent::Rejected { reason: RejectionReason::Authority, .. }
            | ChangeEvent::ConditionSatisfied { .. }
            | ChangeEvent::Reviewed { kind: ReviewKind::Retrospective, .. }
            | ChangeEvent::Reviewed { finding: Some(_), .. } => {
                self.is_independent_human(entry, actor)?;
            }
            ChangeEvent::Progressed { observation } => {
                if let Observation::PersonDecided { by, .. } = observation.as_ref() {
                    prop_assert_eq!(by, &entry.by);
                    is_human(actor)?;
                }
            }
            ChangeEvent::ImplementationStarted { digest, .. } => {
                prop_assert_eq!(Some(*digest), self.digest, "what starts is what is asked for now");
                prop_assert!(self.is_authorised(), "started without approvals: {self:?}");
                prop_assert!(self.conditions_met.iter().all(|met| *met), "started on unmet conditions");
            }
            _ => {}
        }
        Ok(())
    }

    /// Nobody speaks twice, the earlier stages are complete, and one from above stands in only where called in.
    fn is_in_turn(&self, approval: &Approval) -> Result<(), TestCaseError> {
        for person in approval.people() {
            let has_spoken = self.approvals.iter().any(|given| given.people.contains(person));
            prop_assert!(!has_spoken, "{person} has spoken twice");
        }
        let passed = approval.passes();
        prop_assert!(passed == approval.role || self.is_escalated, "{} was not called in", approval.role);
        let stage = self.gates.iter().find(|gate| gate.role == passed).map(|gate| gate.stage);
        let earlier = self.gates.iter().filter(|gate| Some(gate.stage) < stage);
        for gate in earlier {
            prop_assert!(self.is_passed(gate), "{} decided before {}", passed, gate.role);
        }
        Ok(())
    }

    fn is_independent_human(&self, entry: &Entry, actor: &ActingActor) -> Result<(), TestCaseError> {
        is_human(actor)?;
        let side: BTreeSet<ActorId> = parties().into_iter().chain(self.asked_by.iter().cloned()).collect();
        let speaks_for = [Some(&entry.by), entry.on_behalf_of.as_ref()];
        for one in speaks_for.into_iter().flatten() {
            prop_assert!(!side.contains(one), "{one} decided about a change of their own side");
        }
        Ok(())
    }

    /// Timers as the shell keeps them: set and cancelled by decisions, gone once they have taken effect.
    fn follow_timers(&mut self, command: &Command, actions: &[Action]) {
        if let Command::Expire { deadline } = command {
            self.timers.remove(deadline);
        }
        for action in actions {
            match action {
                Action::SetTimer { deadline, due_at } => drop(self.timers.insert(*deadline, *due_at)),
                Action::CancelTimer { deadline } => drop(self.timers.remove(deadline)),
                Action::Notify { .. } | Action::OpenIncident { .. } => {}
            }
        }
    }
}

/// The actor holds the role, or decides for one who holds it and has lent it for that time.
fn holds_or_borrowed(role: Role, entry: &Entry, actor: &ActingActor) -> Result<(), TestCaseError> {
    let ActingActor::Registered { roles, .. } = actor else { panic!("not a registered actor") };
    let may = match &entry.on_behalf_of {
        None => roles.contains(&role),
        Some(other) => record_of(other).is_some_and(|lender| {
            let mut loans = lender.delegations.values();
            lender.roles.contains(&role)
                && loans.any(|loan| loan.to == entry.by && loan.from <= entry.at && entry.at < loan.until)
        }),
    };
    prop_assert!(may, "{} decided as {role} for {:?}", entry.by, entry.on_behalf_of);
    Ok(())
}

fn is_human(actor: &ActingActor) -> Result<(), TestCaseError> {
    let is_human = matches!(actor, ActingActor::Registered { kind: ActorKind::Human, .. });
    prop_assert!(is_human, "{actor:?} passed a human gate");
    Ok(())
}

impl Lived {
    /// Asks for the change.
    fn begin(life: &Life) -> Result<Self, TestCaseError> {
        let (actor, now, parties) = (life.requester(), beginning(), parties());
        let refused = create(life.content(), life.is_draft, &facts(now, &actor, &parties, &denied()));
        let is_refused = matches!(refused, Err(Refusal::Policy { .. }));
        prop_assert!(is_refused, "created against policy");
        let answer = allowed();
        let decision = create(life.content(), life.is_draft, &facts(now, &actor, &parties, &answer)).unwrap();
        let event = decision.events[0].clone();
        let entry = Entry { at: now, by: actor.id(), on_behalf_of: actor.on_behalf_of().cloned(), event };
        let mut witness = Witness::default();
        witness.note(&entry, &actor)?;
        witness.follow_timers(&Command::Submit, &decision.actions);
        let log = vec![entry];
        Ok(Self { change: replay(&log), log, witness })
    }

    fn ask(&mut self, asked: &Asked, answer: &Answer) -> Result<(), TestCaseError> {
        let Asked { command, actor, now } = asked;
        let before = self.change.clone();
        let parties = parties();
        let decision = match decide(&before, command, &facts(*now, actor, &parties, answer)) {
            Ok(decision) => decision,
            Err(refusal) => return explains_itself(&refusal),
        };
        let is_allowed = matches!(answer, Answer::Allowed { .. });
        prop_assert!(is_allowed, "{command:?} was accepted against policy");
        prop_assert!(*now >= before.updated_at, "{command:?} was accepted before the last event");
        prop_assert!(command.name().is_legal_in(before.state_name()), "{command:?} is not in the table");
        let Decision { events, actions } = decision;
        for event in events {
            self.record(
                Entry { at: *now, by: actor.id(), on_behalf_of: actor.on_behalf_of().cloned(), event },
                actor,
            )?;
        }
        self.witness.follow_timers(command, &actions);
        self.check_after(&before, command)
    }

    fn record(&mut self, entry: Entry, actor: &ActingActor) -> Result<(), TestCaseError> {
        self.witness.note(&entry, actor)?;
        let Entry { at, by, on_behalf_of, event } = &entry;
        let stored = serde_json::to_string(event).unwrap();
        prop_assert_eq!(&serde_json::from_str::<ChangeEvent>(&stored).unwrap(), event);
        let from = self.change.state_name();
        let recorded = Recorded { at: *at, by, on_behalf_of: on_behalf_of.as_ref() };
        let folded = evolve(Some(self.change.clone()), change_id(), recorded, event);
        self.change = folded.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let edge = Edge { from, event: trail::action(event), to: self.change.state_name() };
        prop_assert!(edge.from == edge.to || EDGES.contains(&edge), "{edge:?} is not in the diagram");
        self.log.push(entry);
        Ok(())
    }

    fn check_after(&self, before: &Change, command: &Command) -> Result<(), TestCaseError> {
        let change = &self.change;
        prop_assert_eq!(change.version, u64::try_from(self.log.len()).unwrap(), "no event is lost");
        let is_overridden = matches!(command, Command::Override { .. });
        if before.state_name().is_final() && !is_overridden {
            prop_assert_eq!(&change.state, &before.state, "{:?} led out of a final state", command);
            prop_assert_eq!(&change.content, &before.content);
        }
        if matches!(command, Command::Amend { .. }) {
            prop_assert!(change.authorization().is_none(), "an amendment left an approval standing");
            prop_assert_eq!(change.digest, change.content.digest().unwrap());
        }
        for deadline in Deadline::ALL.iter().filter(|deadline| **deadline != Deadline::Assessment) {
            let timer = self.witness.timers.get(deadline).copied();
            let due_at = change.due_at(*deadline);
            // That somebody was reminded is not recorded.
            let is_over = timer.is_none() && is_reminder(*deadline);
            prop_assert!(is_over || due_at == timer, "{} after {:?}", deadline, command);
        }
        let is_assessing = change.state_name() == StateName::Assessing;
        prop_assert!(is_assessing || !self.witness.timers.contains_key(&Deadline::Assessment));
        prop_assert!(!waits_alone(change), "{} waits without a deadline", change.state_name());
        Ok(())
    }
}

fn is_reminder(deadline: Deadline) -> bool {
    matches!(deadline, Deadline::ApprovalReminder | Deadline::ApprovalEscalation)
}

/// Whether the change waits for something that may never come, and nothing will call anybody.
fn waits_alone(change: &Change) -> bool {
    let deadlines: &[Deadline] = match change.state_name() {
        StateName::AwaitingApproval => &[Deadline::Approval],
        StateName::Interrupted => &[Deadline::Interruption, Deadline::Rollback],
        StateName::Validating => &[Deadline::Validation],
        StateName::Implemented => &[Deadline::Closing],
        StateName::RollingBack => &[Deadline::Rollback],
        _ => return false,
    };
    deadlines.iter().all(|deadline| change.due_at(*deadline).is_none())
}

/// A refusal names the rule, says it in a sentence and offers a next step.
fn explains_itself(refusal: &Refusal) -> Result<(), TestCaseError> {
    let (rule, sentence, next_step) = (refusal.rule(), refusal.to_string(), refusal.next_step());
    prop_assert!(!rule.is_empty() && !sentence.is_empty() && !next_step.is_empty(), "{refusal:?}");
    Ok(())
}

fn live(life: &Life) -> Result<Lived, TestCaseError> {
    let mut lived = Lived::begin(life)?;
    for one in &life.moves {
        let asked = one.asked(&lived.change);
        let answer = if one.is_denied { denied() } else { allowed() };
        lived.ask(&asked, &answer)?;
    }
    Ok(lived)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_life_keeps_the_rules_and_replays_to_the_same_change(life in lives()) {
        let lived = live(&life)?;
        prop_assert_eq!(replay(&lived.log), lived.change);
        let times: Vec<_> = lived.log.iter().map(|entry| entry.at).collect();
        prop_assert!(times.is_sorted(), "time ran backwards");
    }
}

/// The property above would hold of lives that lead nowhere: these do not.
#[test]
fn random_lives_reach_every_state_along_every_way() {
    const LIVES: usize = 2_000;
    let mut runner = TestRunner::deterministic();
    let mut taken = BTreeSet::new();
    let mut states = BTreeSet::new();
    let (mut started_on_approvals, mut by_delegates, mut by_those_above) = (0, 0, 0);
    for _ in 0..LIVES {
        let life = lives().new_tree(&mut runner).unwrap().current();
        let lived = live(&life).unwrap();
        let mut change = None;
        for Entry { at, by, on_behalf_of, event } in &lived.log {
            let from = change.as_ref().map(Change::state_name);
            let recorded = Recorded { at: *at, by, on_behalf_of: on_behalf_of.as_ref() };
            let after = evolve(change, change_id(), recorded, event).unwrap();
            states.insert(after.state_name());
            taken.extend(from.map(|from| Edge { from, event: trail::action(event), to: after.state_name() }));
            let is_started = matches!(event, ChangeEvent::ImplementationStarted { .. });
            let authorization = after.authorization().filter(|_| is_started);
            started_on_approvals += usize::from(authorization.is_some_and(|it| it.approvals.len() > 1));
            if let ChangeEvent::Approved { grounds: Grounds::Authority { approval, .. }, .. } = event {
                by_delegates += usize::from(approval.delegated_by.is_some());
                by_those_above += usize::from(approval.instead_of.is_some());
            }
            change = Some(after);
        }
    }
    let missing: Vec<_> = StateName::ALL.iter().filter(|state| !states.contains(state)).collect();
    assert!(missing.is_empty(), "no life came to {missing:?}");
    let untaken: Vec<_> = EDGES.difference(&taken).collect();
    assert!(untaken.is_empty(), "no life went {untaken:?}");
    assert!(started_on_approvals > 0, "no life needed two approvals to start");
    assert!(by_delegates > 0, "nobody decided by lent authority");
    assert!(by_those_above > 0, "nobody from above decided");
}
