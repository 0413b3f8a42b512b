//! The questions that policy was asked about a change, put together again from what was recorded.
//!
//! They rest on the change as it was before each decision and on the actor as it was then. Some facts are not recorded with
//! it: the scopes of the token in use count as all of them, the requester's side is taken as it is now, who was
//! on call and whose reviews were overdue is not asked again, and no stop stands in the way. What the
//! system does by itself is left out, but for approving without a person; so are reports of a runner's progress.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Timestamp;
use domain::actor::{Actor, ActorEvent, Role, Scope};
use domain::authorization::Answer;
use domain::canonical::Digest;
use domain::change::evolve::Recorded as RecordedBy;
use domain::change::{
    self, Change, ChangeEvent, CommandName, CorruptChange, Grounds, Outcome, RejectionReason, ReviewFinding,
};
use domain::id::{ActorId, ChangeId};
use domain::plan::{Cause, Observation};
use policy::{Action, BudgetLeft, ChainStanding, Context, Question, Resource};

use crate::ask::{self, Particulars, Subject};
use crate::caller::Caller;
use crate::gates::Gates;
use crate::policies::InForce;
use crate::record::Recorded;

/// What an agent's budget left it then is not asked again: it was enough for what was created.
const NOT_USED_UP: Option<BudgetLeft> = Some(BudgetLeft { changes_this_hour: 1, open_changes: 1 });

/// A question of the past.
#[derive(Debug)]
pub(crate) struct PastQuestion {
    /// Version of the event that it led to.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// What was asked for.
    pub action: Action,
    /// Who asked.
    pub by: ActorId,
    /// For whom, when not for themselves.
    pub on_behalf_of: Option<ActorId>,
    /// Whether it was permitted; none where that alone did not decide.
    pub was_permitted: Option<bool>,
    about: Option<Box<Change>>,
    authority: Authority,
    outcome: Option<Outcome>,
    finding: Option<ReviewFinding>,
    digest: Option<Digest>,
}

/// The role that was exercised.
#[derive(Debug, Clone, Copy)]
enum Authority {
    None,
    Recorded(Role),
    /// Not recorded: the first approving role of whoever decided.
    Held,
}

impl PastQuestion {
    /// What a set of policies answers. `actor` is whoever asked, as it was then; the system when there is none. `other` is
    /// the one for whom it asked, as that one was then; `gates` what is assumed to have stood in the way.
    pub(crate) fn answer(
        &self,
        policies: &InForce,
        actor: Option<&Actor>,
        other: Option<&Actor>,
        parties: &BTreeSet<ActorId>,
        gates: &Gates,
    ) -> Answer {
        let caller = actor.map_or(Caller::System, |actor| Caller::Registered {
            actor: Arc::new(actor.clone()),
            scopes: Scope::ALL.iter().copied().collect(),
            token: Digest::of_bytes(&[]),
        });
        let authority = match self.authority {
            Authority::None => None,
            Authority::Recorded(role) => Some(role),
            Authority::Held => {
                other.or(actor).and_then(|actor| actor.roles.iter().copied().find(|role| role.is_authority()))
            }
        };
        let Some(change) = &self.about else {
            let principal = caller.principal(self.on_behalf_of.as_ref());
            let (action, resource) = (self.action, &Resource::System);
            let context = Context {
                budget_left: NOT_USED_UP,
                chain: Some(ChainStanding::default()),
                ..Context::default()
            };
            return policies.set.decide(&Question { principal: &principal, action, resource, context });
        };
        let (outcome, finding, digest) = (self.outcome, self.finding, self.digest);
        let within_agent_budget = true;
        let particulars = Particulars {
            authority,
            outcome,
            finding,
            digest,
            within_agent_budget,
            delegator: other,
            ..Particulars::default()
        };
        let subject = Subject { change, parties, gates, now: self.at };
        let asking = ask::asking(policies, &caller, subject, particulars);
        // Whoever authorised an emergency was on call, or it would not have been recorded.
        let context = Context { authority, outcome, finding, on_call: Some(true), ..Context::default() };
        asking.decide(self.action, context).answer
    }
}

/// What a trail says was asked, in order.
///
/// # Errors
/// When an event cannot follow the earlier ones.
pub(crate) fn questions(
    id: ChangeId,
    trail: &[Recorded<ChangeEvent>],
) -> Result<Vec<PastQuestion>, CorruptChange> {
    let mut questions = Vec::new();
    let mut change = None;
    for recorded in trail {
        questions.extend(question(recorded, change.as_ref()));
        let Recorded { envelope, event, .. } = recorded;
        let by =
            RecordedBy { at: envelope.at, by: &envelope.actor, on_behalf_of: envelope.on_behalf_of.as_ref() };
        change = Some(change::evolve(change, id, by, event)?);
    }
    Ok(questions)
}

fn question(recorded: &Recorded<ChangeEvent>, before: Option<&Change>) -> Option<PastQuestion> {
    let Recorded { envelope, event, version, .. } = recorded;
    let is_system = envelope.actor == ActorId::system();
    let (action, was_permitted) = match before {
        None => (Action::Create, Some(true)),
        Some(_) if is_system => (Action::PreApprove, automated(event)?),
        Some(before) => (Action::of(command(event)?, before.content.change_type), Some(true)),
    };
    let (mut authority, mut outcome, mut finding, mut digest) = (Authority::None, None, None, None);
    match event {
        ChangeEvent::Approved { grounds: Grounds::Authority { approval, .. }, .. } => {
            authority = Authority::Recorded(approval.role);
        }
        ChangeEvent::DecisionOverridden { role, .. } => authority = Authority::Recorded(*role),
        ChangeEvent::Rejected { .. } => authority = Authority::Held,
        ChangeEvent::ImplementationStarted { digest: started, .. } => digest = Some(*started),
        ChangeEvent::Closed { outcome: ended, .. } => outcome = Some(*ended),
        ChangeEvent::Reviewed { finding: found, .. } => finding = *found,
        _ => {}
    }
    Some(PastQuestion {
        version: *version,
        at: envelope.at,
        action,
        by: envelope.actor.clone(),
        on_behalf_of: envelope.on_behalf_of.clone(),
        was_permitted,
        about: before.map(|change| Box::new(change.clone())),
        authority,
        outcome,
        finding,
        digest,
    })
}

/// The command of a person or a program that led to an event; none where it was another event's, or a runner's report.
fn command(event: &ChangeEvent) -> Option<CommandName> {
    Some(match event {
        ChangeEvent::Submitted => CommandName::Submit,
        ChangeEvent::Amended { .. } => CommandName::Amend,
        ChangeEvent::Commented { .. } => CommandName::Comment,
        ChangeEvent::Approved { grounds: Grounds::Authority { .. }, .. } => CommandName::Approve,
        ChangeEvent::Rejected { reason: RejectionReason::Authority, .. } => CommandName::Reject,
        ChangeEvent::ApprovalWithdrawn { .. } => CommandName::WithdrawApproval,
        ChangeEvent::ConditionSatisfied { .. } => CommandName::SatisfyCondition,
        ChangeEvent::ResultAccepted { .. } => CommandName::DecideStep,
        ChangeEvent::DecisionOverridden { .. } => CommandName::Override,
        ChangeEvent::Cancelled { .. } => CommandName::Cancel,
        ChangeEvent::Rehearsed { .. } => CommandName::Rehearse,
        ChangeEvent::ImplementationStarted { .. } => CommandName::Start,
        ChangeEvent::TakenOver { .. } => CommandName::TakeOver,
        ChangeEvent::Progressed { observation } => return of_observation(observation),
        ChangeEvent::Implemented { .. } => CommandName::Finish,
        ChangeEvent::Validated { .. } | ChangeEvent::ValidationFailed { .. } => CommandName::Validate,
        ChangeEvent::RollbackStarted { cause: Cause::Person { .. }, .. } => CommandName::RollBack,
        ChangeEvent::Closed { .. } => CommandName::Close,
        ChangeEvent::Reviewed { .. } => CommandName::Review,
        ChangeEvent::IncidentLinked { .. } => CommandName::LinkIncident,
        ChangeEvent::Created { .. }
        | ChangeEvent::RiskAssessed { .. }
        | ChangeEvent::ApprovalRequested { .. }
        | ChangeEvent::StageOpened { .. }
        | ChangeEvent::ApprovalEscalated { .. }
        | ChangeEvent::Approved { grounds: Grounds::Automated, .. }
        | ChangeEvent::Rejected { reason: RejectionReason::Expired | RejectionReason::Policy, .. }
        | ChangeEvent::Interrupted { .. }
        | ChangeEvent::RollbackStarted { .. }
        | ChangeEvent::RolledBack
        | ChangeEvent::RollbackFailed { .. }
        | ChangeEvent::RetrospectiveOverdue
        | ChangeEvent::WindowMissed { .. }
        | ChangeEvent::AttentionNeeded { .. } => return None,
    })
}

/// Whether the system approved without a person, where it looked. That it asked the authorities does not say why: settings
/// and the level may have demanded it as well.
fn automated(event: &ChangeEvent) -> Option<Option<bool>> {
    match event {
        ChangeEvent::Approved { grounds: Grounds::Automated, .. } => Some(Some(true)),
        ChangeEvent::ApprovalRequested { .. } => Some(None),
        _ => None,
    }
}

fn of_observation(observation: &Observation) -> Option<CommandName> {
    match observation {
        Observation::PersonDecided { .. } => Some(CommandName::DecideStep),
        Observation::PauseRequested => Some(CommandName::Pause),
        Observation::ResumeRequested => Some(CommandName::Resume),
        Observation::MonitorsAsked { .. }
        | Observation::SnapshotTaken { .. }
        | Observation::SnapshotFailed { .. }
        | Observation::Started { .. }
        | Observation::Ended { .. }
        | Observation::UnknownChecked { .. }
        | Observation::RunnerLost
        | Observation::RollbackRequested { .. }
        | Observation::RollbackTimedOut
        | Observation::SnapshotRestored { .. }
        | Observation::RollbackEnded => None,
    }
}

/// An actor as it was at an instant; nothing before it was registered.
pub(crate) fn actor_at(id: &ActorId, events: &[Recorded<ActorEvent>], at: Timestamp) -> Option<Actor> {
    let until = events.iter().take_while(|recorded| recorded.envelope.at <= at);
    until.fold(None, |actor, recorded| {
        domain::actor::evolve(actor, id, recorded.envelope.at, &recorded.event).ok()
    })
}
