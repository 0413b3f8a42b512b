//! Putting questions to policy: the facts about a change, gathered in one place.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::actor::{Actor, Role};
use domain::approval::outstanding;
use domain::authorization::Answer;
use domain::canonical::Digest;
use domain::change::{Change, Outcome, Retrospective, ReviewFinding, Runner, State};
use domain::id::ActorId;
use domain::risk::Assessment;
use policy::{
    Action, BudgetLeft, ChainStanding, ChangeResource, Context, Delegator, Principal, Question, Resource,
};

use crate::app::App;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::gates::Gates;
use crate::known::Known;
use crate::policies::InForce;
use crate::record::DecidedBy;

/// What a question depends on besides the change itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Particulars<'a> {
    /// The role exercised.
    pub authority: Option<Role>,
    /// The outcome with which the change is about to be closed.
    pub outcome: Option<Outcome>,
    /// What a review is about to find of the change.
    pub finding: Option<ReviewFinding>,
    /// Digest of what is about to run.
    pub digest: Option<Digest>,
    /// Whether what it touches lies within the budget of the agent that asked for it; asked before it is approved without
    /// a person.
    pub within_agent_budget: bool,
    /// Whether whoever votes is on the board.
    pub board_member: Option<bool>,
    /// The assessment to judge by, where the change does not carry it yet.
    pub assessment: Option<&'a Assessment>,
    /// The one whose authority is exercised, when not the caller's own.
    pub delegator: Option<&'a Actor>,
}

/// Everyone who counts as the requester's side of a change.
pub(crate) fn parties(known: &Known, change: &Change) -> BTreeSet<ActorId> {
    let mut side = known.directory.side_of(&change.created_by);
    if let Some(other) = &change.on_behalf_of {
        side.extend(known.directory.side_of(other));
    }
    side
}

/// What policy answered, and which set of policies did.
#[derive(Debug, Clone)]
pub(crate) struct Ruling {
    /// The answer.
    pub answer: Answer,
    set: Option<u64>,
}

impl Ruling {
    /// What decided, as events name it: the policies that permit, and their set.
    pub(crate) fn decided_by(&self) -> DecidedBy {
        let policies = match &self.answer {
            Answer::Allowed { by } => by.clone(),
            Answer::Denied { .. } => Vec::new(),
        };
        DecidedBy { policies, policy_set: self.set }
    }
}

/// A caller and a change with their facts, about which several questions are to be decided.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    policies: &'a InForce,
    principal: Principal,
    resource: Resource,
}

impl Asking<'_> {
    /// Whether the caller may do `action`.
    pub(crate) fn decide(&self, action: Action, context: Context) -> Ruling {
        let Self { policies, principal, resource } = self;
        let answer = policies.set.decide(&Question { principal, action, resource, context });
        Ruling { answer, set: policies.number }
    }
}

/// A change with what was gathered around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The change.
    pub change: &'a Change,
    /// Everyone who counts as its requester's side.
    pub parties: &'a BTreeSet<ActorId>,
    /// What stands in the way of its gates.
    pub gates: &'a Gates,
    /// The current time.
    pub now: Timestamp,
}

/// Asks whether `caller` may do `action` to a change.
pub(crate) fn about_change(
    app: &App,
    caller: &Caller,
    action: Action,
    subject: Subject<'_>,
    particulars: Particulars<'_>,
) -> Ruling {
    let Particulars { authority, outcome, finding, board_member, .. } = particulars;
    let on_call = subject.gates.on_call(&caller.id(), subject.now);
    let emergency_debt = subject.gates.emergency_debt(subject.now);
    let context =
        Context { authority, outcome, finding, board_member, on_call, emergency_debt, ..Context::default() };
    asking(&app.policies.current(), caller, subject, particulars).decide(action, context)
}

/// The caller and the change with their facts, for several questions between which no fact changes.
pub(crate) fn asking<'a>(
    policies: &'a InForce,
    caller: &Caller,
    subject: Subject<'_>,
    particulars: Particulars<'_>,
) -> Asking<'a> {
    let mut principal = caller.principal(None);
    principal.delegator = particulars.delegator.map(|other| delegator(other, caller, subject));
    let resource = Resource::Change(Box::new(change_resource(caller, subject, particulars)));
    Asking { policies, principal, resource }
}

/// The one in whose place the caller decides, and whether that one has lent it its authority.
fn delegator(other: &Actor, caller: &Caller, subject: Subject<'_>) -> Delegator {
    let Subject { change, now, .. } = subject;
    let level = change.assessment().map(|assessment| assessment.level);
    Delegator {
        id: other.id.clone(),
        kind: other.kind.into(),
        roles: other.roles.clone(),
        active: other.active,
        lends: other.lends_to(&caller.id(), &change.content, level, now),
    }
}

/// Asks whether `caller` may do `action` to something else than a change.
///
/// # Errors
/// When policy refuses.
pub(crate) fn about(
    app: &App,
    caller: &Caller,
    action: Action,
    resource: &Resource,
) -> Result<Ruling, Failure> {
    on_behalf(app, caller, action, resource, None)
}

/// The same of a standing decision, by a caller of whom it is known whether it is on the board.
///
/// # Errors
/// When policy refuses.
pub(crate) fn about_standing(app: &App, caller: &Caller, board_member: bool) -> Result<Ruling, Failure> {
    let principal = caller.principal(None);
    let context = Context { board_member: Some(board_member), ..Context::default() };
    let (action, resource) = (Action::DecideStanding, &Resource::System);
    allowed(app, &Question { principal: &principal, action, resource, context })
}

/// Asks whether `caller` may create a change; an agent also by what its budget leaves it, whoever by what led to it, and
/// an emergency by how many of its side were not reviewed in time.
///
/// # Errors
/// When policy refuses.
pub(crate) fn to_create(
    app: &App,
    caller: &Caller,
    budget_left: Option<BudgetLeft>,
    chain: ChainStanding,
    emergency_debt: Option<u32>,
) -> Result<Ruling, Failure> {
    let principal = caller.principal(None);
    let context = Context { budget_left, chain: Some(chain), emergency_debt, ..Context::default() };
    let question =
        Question { principal: &principal, action: Action::Create, resource: &Resource::System, context };
    allowed(app, &question)
}

/// The same as [`about`], acting for somebody else.
///
/// # Errors
/// When policy refuses.
pub(crate) fn on_behalf(
    app: &App,
    caller: &Caller,
    action: Action,
    resource: &Resource,
    on_behalf_of: Option<&ActorId>,
) -> Result<Ruling, Failure> {
    let principal = caller.principal(on_behalf_of);
    let question = Question { principal: &principal, action, resource, context: Context::default() };
    allowed(app, &question)
}

fn allowed(app: &App, question: &Question<'_>) -> Result<Ruling, Failure> {
    let policies = app.policies.current();
    match policies.set.decide(question) {
        Answer::Denied { violations } => Err(Failure::Denied(violations)),
        answer @ Answer::Allowed { .. } => Ok(Ruling { answer, set: policies.number }),
    }
}

fn change_resource(caller: &Caller, subject: Subject<'_>, particulars: Particulars<'_>) -> ChangeResource {
    let Subject { change, parties, gates, now } = subject;
    let standing = gates.standing(change, now);
    let content = &change.content;
    let assessment = particulars.assessment.or_else(|| change.assessment());
    let tests = content.evidence.tests;
    ChangeResource {
        id: change.id,
        change_type: content.change_type,
        category: content.category,
        state: change.state_name(),
        requester: change.created_by.clone(),
        asked_by_agent: gates.asked_by_agent(),
        parties: parties.clone(),
        services: content.affected_services.clone(),
        environment: content.environment.clone(),
        compliance: assessment.map(compliance).unwrap_or_default(),
        level: assessment.map(|assessment| assessment.level),
        score: assessment.map(|assessment| assessment.score.get()),
        lowest_tier: assessment.map(|assessment| assessment.blast_radius.highest_tier.number()),
        unknown_facts: assessment.is_none_or(|assessment| !assessment.missing.is_empty()),
        has_test_evidence: tests.is_some(),
        tests_passed: tests.is_some_and(domain::change::TestResults::all_passed),
        has_plan: content.plan.is_some(),
        reversibility: content.plan.as_ref().map(|plan| plan.reversibility(content.rollback_plan.as_ref())),
        rehearsed: change.is_rehearsed(),
        has_rollback_plan: domain::risk::has_way_back(content),
        rollback_automated: content
            .rollback_plan
            .as_ref()
            .is_some_and(domain::plan::RollbackPlan::runs_unattended),
        encryption_checked: content.evidence.encryption.is_some(),
        within_agent_budget: particulars.within_agent_budget,
        policy_findings: count(assessment.map_or(0, |assessment| assessment.findings.len())),
        approvals_outstanding: approvals_outstanding(change),
        approved_by: approved_by(change),
        conditions_outstanding: conditions_outstanding(change),
        digest_matches: digest_matches(change, particulars.digest),
        window_open: content.window.is_none_or(|window| window.contains(now)),
        goes_back: goes_back(change),
        validated: change.execution().is_some_and(|execution| {
            execution.validations.last().is_some_and(domain::change::Validation::passed)
        }),
        emergency_authorised: !matches!(change.retrospective, Retrospective::NotRequired),
        runner_is_holder: runner_is_holder(caller, change),
        stopped: !gates.stops(change, caller).is_empty(),
        in_freeze: !standing.freezes.is_empty(),
        outside_maintenance: !standing.closed_windows.is_empty(),
        in_conflict: gates.conflicts_that_hold(change).next().is_some(),
        withdrawn_since_assessed: gates.withdrawn_since_assessed(change).is_some(),
    }
}

/// Whether what was begun is being taken back, whoever does so or has still to be found for it.
fn goes_back(change: &Change) -> bool {
    change.execution().is_some_and(|execution| execution.run.is_rolling_back())
}

/// Names of rule books, by which policies ask whatever case the CMDB has them in.
fn compliance(assessment: &Assessment) -> BTreeSet<String> {
    assessment.compliance.iter().map(|scope| scope.as_str().to_uppercase()).collect()
}

/// The roles as which it was approved as it is now.
fn approved_by(change: &Change) -> BTreeSet<Role> {
    let approvals = match &change.state {
        State::AwaitingApproval(awaiting) => &awaiting.approvals,
        _ => match change.authorization() {
            Some(authorization) => &authorization.approvals,
            None => return BTreeSet::new(),
        },
    };
    let valid = approvals.iter().filter(|approval| approval.digest == change.digest);
    valid.map(|approval| approval.role).collect()
}

fn approvals_outstanding(change: &Change) -> u32 {
    let (requirements, approvals) = match &change.state {
        State::AwaitingApproval(awaiting) => (&awaiting.requirements, &awaiting.approvals),
        _ => match change.authorization() {
            Some(authorization) => (&authorization.requirements, &authorization.approvals),
            None => return 1,
        },
    };
    let missing = outstanding(requirements, approvals, change.digest);
    missing.iter().map(|gate| u32::from(gate.missing)).sum()
}

fn conditions_outstanding(change: &Change) -> u32 {
    let unmet = match &change.state {
        State::AwaitingApproval(awaiting) => awaiting.conditions.iter().filter(|c| c.met.is_none()).count(),
        _ => change.authorization().map_or(0, |authorization| authorization.unmet_conditions().count()),
    };
    count(unmet)
}

/// Whether what is about to run is what was approved; without a named digest, whether nothing was amended since.
fn digest_matches(change: &Change, digest: Option<Digest>) -> bool {
    change.authorization().is_some_and(|authorization| {
        authorization.digest == change.digest && digest.is_none_or(|digest| digest == change.digest)
    })
}

fn runner_is_holder(caller: &Caller, change: &Change) -> bool {
    change.execution().is_some_and(|execution| match &execution.runner {
        Runner::Held { by, .. } => *by == caller.id(),
        Runner::Free { .. } => false,
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use domain::change::StateName;
    use domain::risk::Level;

    use super::*;
    use crate::view::fixture::{Story, at};
    use crate::work::fold;

    #[test]
    fn recording_an_assessment_changes_no_fact_that_the_questions_about_it_have_not_been_told() {
        let story = Story::awaiting(Level::Medium, |_| {});
        let id = story.change().id;
        let [submitted, assessed] = [1, 2].map(|events| fold(id, &story.trail[..events]).unwrap().unwrap());
        assert_eq!([&submitted, &assessed].map(|change| change.state_name()), [StateName::Assessing; 2]);
        let assessment = assessed.assessment().unwrap();
        let particulars = Particulars { assessment: Some(assessment), ..Particulars::default() };
        let facts = |change| {
            let (parties, gates) = (&BTreeSet::new(), &Gates::default());
            let subject = Subject { change, parties, gates, now: at(1_000) };
            change_resource(&Caller::System, subject, particulars)
        };
        assert_eq!(facts(&submitted), facts(&assessed));
        assert!(submitted.assessment().is_none());
    }
}
