//! What policy is asked: who wants to do what to which thing, with the facts that the answer depends on.
//!
//! Every fact is stated by the caller. There are no defaults, because a fact that was forgotten must not read as a
//! harmless one; facts that may be unknown are `Option`s, and the policies treat `None` with caution.

use std::collections::BTreeSet;

use domain::actor::{ActorKind, Role, Scope};
use domain::change::{Category, ChangeType, Outcome, ReviewFinding, StateName};
use domain::id::{ActorId, ChangeId, EnvironmentName, IncidentId, ServiceName, TeamName};
use domain::plan::Reversibility;
use domain::risk::Level;

use crate::Action;

/// May this principal do this to this resource?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What it wants to do.
    pub action: Action,
    /// To what.
    pub resource: &'a Resource,
    /// What else the answer depends on.
    pub context: Context,
}

/// Who asks, as the shell authenticated it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Its identifier.
    pub id: ActorId,
    /// What it is.
    pub kind: PrincipalKind,
    /// Roles it holds.
    pub roles: BTreeSet<Role>,
    /// Scopes of the token in use.
    pub scopes: BTreeSet<Scope>,
    /// Teams it belongs to.
    pub teams: BTreeSet<TeamName>,
    /// The person who answers for an agent or a service.
    pub owner: Option<ActorId>,
    /// Whether it may act at all.
    pub active: bool,
    /// Whether it was granted the right to act for the actor that the question names.
    pub delegated: bool,
    /// The one whose authority it exercises, when not its own.
    pub delegator: Option<Delegator>,
}

/// The one whose authority somebody else exercises.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delegator {
    /// Its identifier.
    pub id: ActorId,
    /// What it is.
    pub kind: PrincipalKind,
    /// Roles it holds itself.
    pub roles: BTreeSet<Role>,
    /// Whether it may act at all.
    pub active: bool,
    /// Whether it has lent its authority to the principal, for this resource and this time.
    pub lends: bool,
}

impl Principal {
    /// The product itself: every scope, no role, so that it passes no gate that asks for one.
    pub fn system() -> Self {
        Self {
            id: ActorId::system(),
            kind: PrincipalKind::System,
            roles: BTreeSet::new(),
            scopes: Scope::ALL.iter().copied().collect(),
            teams: BTreeSet::new(),
            owner: None,
            active: true,
            delegated: false,
            delegator: None,
        }
    }
}

/// What a principal is: a kind of actor, or the product itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// A person.
    Human,
    /// An autonomous program.
    Agent,
    /// A program that follows a script.
    Service,
    /// The product itself.
    System,
}

impl PrincipalKind {
    /// Every kind, in order.
    pub const ALL: &'static [Self] = &[Self::Human, Self::Agent, Self::Service, Self::System];

    /// The word used in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => ActorKind::Human.as_str(),
            Self::Agent => ActorKind::Agent.as_str(),
            Self::Service => ActorKind::Service.as_str(),
            Self::System => "system",
        }
    }
}

impl From<ActorKind> for PrincipalKind {
    fn from(kind: ActorKind) -> Self {
        match kind {
            ActorKind::Human => Self::Human,
            ActorKind::Agent => Self::Agent,
            ActorKind::Service => Self::Service,
        }
    }
}

/// The thing that is acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A change.
    Change(Box<ChangeResource>),
    /// An incident.
    Incident(IncidentResource),
    /// An actor with its tokens, as the thing that is managed or acted for.
    Actor(ActorResource),
    /// The CMDB.
    Cmdb,
    /// The audit log.
    Log,
    /// The system as a whole; what creating a change is asked of.
    System,
}

/// The facts about a change that policies may weigh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeResource {
    /// Its identifier.
    pub id: ChangeId,
    /// Its type.
    pub change_type: ChangeType,
    /// Its category.
    pub category: Category,
    /// Where it is in its life.
    pub state: StateName,
    /// Who created it.
    pub requester: ActorId,
    /// Whether an agent created or amended it, or is whom that was done for.
    pub asked_by_agent: bool,
    /// Everyone who counts as the requester's side: whom the requester acts for, their aliases, the owner of a
    /// requesting agent and the agents of that owner. The requester counts in any case.
    pub parties: BTreeSet<ActorId>,
    /// Services it changes.
    pub services: BTreeSet<ServiceName>,
    /// Where it takes place.
    pub environment: Option<EnvironmentName>,
    /// Rule books that something it reaches falls under, in capitals.
    pub compliance: BTreeSet<String>,
    /// Its assessed level.
    pub level: Option<Level>,
    /// Its assessed score, 0 to 100.
    pub score: Option<u8>,
    /// The most critical tier involved; 0 is the most critical of all.
    pub lowest_tier: Option<u8>,
    /// Whether the assessment names a fact as missing.
    pub unknown_facts: bool,
    /// Whether test results are known.
    pub has_test_evidence: bool,
    /// Whether the known test results passed.
    pub tests_passed: bool,
    /// Whether there is a plan to implement.
    pub has_plan: bool,
    /// How completely that plan can be taken back.
    pub reversibility: Option<Reversibility>,
    /// Whether plan and way back were rehearsed as they are now, and all of it succeeded.
    pub rehearsed: bool,
    /// Whether there is a plan to take it back.
    pub has_rollback_plan: bool,
    /// Whether taking it back needs no person.
    pub rollback_automated: bool,
    /// Whether encryption at rest and in transit was checked.
    pub encryption_checked: bool,
    /// Whether what it touches lies within the budget of the agent that asked for it. So for every other requester.
    pub within_agent_budget: bool,
    /// Number of policy findings in its assessment.
    pub policy_findings: u32,
    /// Number of approvals that are required and not given.
    pub approvals_outstanding: u32,
    /// Roles as which it was approved as it is.
    pub approved_by: BTreeSet<Role>,
    /// Number of conditions that approvers set and nobody has met.
    pub conditions_outstanding: u32,
    /// Whether what is about to run is what was approved.
    pub digest_matches: bool,
    /// Whether the current time lies in its window.
    pub window_open: bool,
    /// Whether it is being taken back, also where the runner that did so was lost.
    pub goes_back: bool,
    /// Whether its last validation passed.
    pub validated: bool,
    /// Whether the e-CAB authorised it as an emergency.
    pub emergency_authorised: bool,
    /// Whether the principal is the runner that holds its lease.
    pub runner_is_holder: bool,
    /// Whether a stop covers the change or the principal, and does not except it as an emergency.
    pub stopped: bool,
    /// Whether a freeze covers it now, from which it is not excepted.
    pub in_freeze: bool,
    /// Whether maintenance windows are defined for what it changes, and none of them is open.
    pub outside_maintenance: bool,
    /// Whether another change holds it back with which it is in conflict.
    pub in_conflict: bool,
    /// Whether the version that it rolls out has led to an incident that its assessment does not know of.
    pub withdrawn_since_assessed: bool,
}

/// The facts about an incident that policies may weigh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentResource {
    /// Its identifier.
    pub id: IncidentId,
    /// The change that led to it, once that is known.
    pub change: Option<ChangeId>,
}

/// The facts about an actor, as the thing that is managed or acted for. Whether it is the principal itself follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorResource {
    /// Its identifier.
    pub id: ActorId,
    /// The person who answers for it.
    pub owner: Option<ActorId>,
}

/// What an answer depends on besides principal and resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Context {
    /// The role exercised in an approval or a rejection.
    pub authority: Option<Role>,
    /// The outcome with which a change is about to be closed.
    pub outcome: Option<Outcome>,
    /// What a review is about to find of a closed change.
    pub finding: Option<ReviewFinding>,
    /// What an agent's budget leaves it, where a change is about to be created.
    pub budget_left: Option<BudgetLeft>,
    /// How the change that is about to be created stands in the chain of those that led to it.
    pub chain: Option<ChainStanding>,
    /// Whether whoever votes is on the board.
    pub board_member: Option<bool>,
    /// Whether whoever authorises an emergency is on call.
    pub on_call: Option<bool>,
    /// Emergency changes of the requester's side that were not reviewed in time, where one is asked for.
    pub emergency_debt: Option<u32>,
}

/// How a change stands in the chain of those that led to it.
pub use domain::change::cause::Standing as ChainStanding;

/// What an agent's budget leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BudgetLeft {
    /// Changes that it may still create within this hour.
    pub changes_this_hour: u32,
    /// Changes that may still be under way besides those that are.
    pub open_changes: u32,
}
