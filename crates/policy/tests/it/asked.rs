//! A question under construction. It begins harmless: Bob, a person with every scope and no role, asks about a low-risk
//! change of Ann's that passes every control; each test spells out only what it changes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use domain::actor::{Role, Scope};
use domain::authorization::Answer;
use domain::change::{Category, ChangeType, Outcome, StateName};
use domain::id::ActorId;
use domain::plan::Reversibility;
use domain::risk::Level;
use policy::{
    Action, ActorResource, BudgetLeft, ChainStanding, ChangeResource, Context, Delegator, IncidentResource,
    PolicySet, Principal, PrincipalKind, Question, Resource,
};

/// Who asks by default; on nobody's side.
pub(crate) const BOB: &str = "act_bob";
/// Somebody on nobody's side who may lend authority.
pub(crate) const CAROL: &str = "act_carol";
/// Who requested the change.
pub(crate) const ANN: &str = "act_ann";
/// An agent of Ann's.
pub(crate) const ANNS_BOT: &str = "act_annbot";

/// The shipped policies.
pub(crate) static SHIPPED: LazyLock<PolicySet> = LazyLock::new(|| PolicySet::shipped().unwrap());

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) principal: Principal,
    pub(crate) action: Action,
    pub(crate) resource: Resource,
    pub(crate) context: Context,
}

pub(crate) fn actor(id: &str) -> ActorId {
    ActorId::new(id).unwrap()
}

/// Bob asks to do this to the resource that the action is for.
pub(crate) fn ask(action: Action) -> Asked {
    let principal = Principal {
        id: actor(BOB),
        kind: PrincipalKind::Human,
        roles: BTreeSet::new(),
        scopes: Scope::ALL.iter().copied().collect(),
        teams: BTreeSet::new(),
        owner: None,
        active: true,
        delegated: false,
        delegator: None,
    };
    let context = Context {
        authority: None,
        outcome: (action == Action::Close).then_some(Outcome::Successful),
        finding: None,
        budget_left: (action == Action::Create)
            .then_some(BudgetLeft { changes_this_hour: 1, open_changes: 1 }),
        chain: (action == Action::Create).then(ChainStanding::default),
        board_member: matches!(action, Action::Vote | Action::DecideStanding).then_some(true),
        on_call: (action == Action::AuthoriseEmergency).then_some(true),
        emergency_debt: None,
    };
    Asked { principal, action, resource: usual_resource(action), context }
}

fn usual_resource(action: Action) -> Resource {
    match action {
        Action::Create
        | Action::ManageModels
        | Action::OpenIncident
        | Action::StopLine
        | Action::LiftStop
        | Action::ManageCalendar
        | Action::ReadCalendar
        | Action::ManageBoard
        | Action::RunMeeting
        | Action::DecideStanding
        | Action::Calibrate
        | Action::AnnounceRunner => Resource::System,
        Action::ReadAudit => Resource::Log,
        Action::EditCmdb => Resource::Cmdb,
        Action::ImportHistory | Action::ManageNotifications | Action::ReportAlerts => Resource::System,
        // Everybody has something to say about their own account only.
        Action::DelegateAuthority | Action::EndDelegation => {
            Resource::Actor(ActorResource { id: actor(BOB), owner: None })
        }
        Action::ActOnBehalf | Action::ManageActors | Action::IssueToken | Action::RevokeToken => {
            Resource::Actor(ActorResource { id: actor("act_carol"), owner: None })
        }
        Action::UpdateIncident => Resource::Incident(incident()),
        Action::AuthoriseEmergency => {
            Resource::Change(Box::new(ChangeResource { change_type: ChangeType::Emergency, ..change() }))
        }
        Action::Read
        | Action::Submit
        | Action::Amend
        | Action::Comment
        | Action::Cancel
        | Action::Assess
        | Action::PreApprove
        | Action::TakeStanding
        | Action::RequestApproval
        | Action::Approve
        | Action::Reject
        | Action::WithdrawApproval
        | Action::SatisfyCondition
        | Action::OverrideDecision
        | Action::Rehearse
        | Action::Start
        | Action::TakeOver
        | Action::Progress
        | Action::Pause
        | Action::Resume
        | Action::ConfirmStep
        | Action::Finish
        | Action::Interrupt
        | Action::Validate
        | Action::Rollback
        | Action::Close
        | Action::Review
        | Action::Expire
        | Action::LinkIncident
        | Action::Vote
        | Action::PromoteUnattended
        | Action::OverrideFreeze => Resource::Change(Box::new(change())),
    }
}

pub(crate) fn incident() -> IncidentResource {
    let change = Some("CHG-2026-000001".parse().unwrap());
    IncidentResource { id: "INC-2026-000001".parse().unwrap(), change }
}

pub(crate) fn change() -> ChangeResource {
    ChangeResource {
        id: "CHG-2026-000001".parse().unwrap(),
        change_type: ChangeType::Normal,
        category: Category::Deployment,
        state: StateName::Approved,
        requester: actor(ANN),
        asked_by_agent: false,
        parties: BTreeSet::from([actor(ANN), actor(ANNS_BOT)]),
        services: BTreeSet::from(["shop".parse().unwrap()]),
        environment: Some("production".parse().unwrap()),
        compliance: BTreeSet::new(),
        level: Some(Level::Low),
        score: Some(12),
        lowest_tier: Some(2),
        unknown_facts: false,
        has_test_evidence: true,
        tests_passed: true,
        has_plan: true,
        reversibility: Some(Reversibility::Compensatable),
        rehearsed: false,
        has_rollback_plan: true,
        rollback_automated: true,
        encryption_checked: false,
        within_agent_budget: true,
        policy_findings: 0,
        approvals_outstanding: 0,
        approved_by: BTreeSet::new(),
        conditions_outstanding: 0,
        digest_matches: true,
        window_open: true,
        validated: true,
        emergency_authorised: false,
        runner_is_holder: true,
        stopped: false,
        in_freeze: false,
        outside_maintenance: false,
        in_conflict: false,
        withdrawn_since_assessed: false,
        goes_back: false,
    }
}

impl Asked {
    pub(crate) fn by(mut self, id: &str) -> Self {
        self.principal.id = actor(id);
        self
    }

    pub(crate) fn kind(mut self, kind: PrincipalKind) -> Self {
        self.principal.kind = kind;
        self
    }

    pub(crate) fn by_the_system(mut self) -> Self {
        self.principal = Principal::system();
        self
    }

    pub(crate) fn role(mut self, role: Role) -> Self {
        self.principal.roles.insert(role);
        self
    }

    /// Holds the role, and exercises it where that is asked.
    pub(crate) fn authority(mut self, role: Role) -> Self {
        self.context.authority = Some(role);
        self.role(role)
    }

    /// Exercises this role of somebody who has lent it, and holds none itself.
    pub(crate) fn in_place_of(mut self, id: &str, role: Role) -> Self {
        self.context.authority = Some(role);
        self.principal.delegator = Some(Delegator {
            id: actor(id),
            kind: PrincipalKind::Human,
            roles: BTreeSet::from([role]),
            active: true,
            lends: true,
        });
        self
    }

    pub(crate) fn delegator(mut self, edit: impl FnOnce(&mut Delegator)) -> Self {
        edit(self.principal.delegator.as_mut().expect("nobody is decided for"));
        self
    }

    pub(crate) fn without_scope(mut self, scope: Scope) -> Self {
        self.principal.scopes.remove(&scope);
        self
    }

    pub(crate) fn principal(mut self, edit: impl FnOnce(&mut Principal)) -> Self {
        edit(&mut self.principal);
        self
    }

    pub(crate) fn context(mut self, edit: impl FnOnce(&mut Context)) -> Self {
        edit(&mut self.context);
        self
    }

    pub(crate) fn change(mut self, edit: impl FnOnce(&mut ChangeResource)) -> Self {
        match &mut self.resource {
            Resource::Change(change) => edit(change),
            other => panic!("the resource is not a change: {other:?}"),
        }
        self
    }

    pub(crate) fn of(mut self, resource: Resource) -> Self {
        self.resource = resource;
        self
    }

    pub(crate) fn of_account(self, id: &str, owner: Option<&str>) -> Self {
        self.of(Resource::Actor(ActorResource { id: actor(id), owner: owner.map(actor) }))
    }

    pub(crate) fn answer(&self, policies: &PolicySet) -> Answer {
        policies.decide(&Question {
            principal: &self.principal,
            action: self.action,
            resource: &self.resource,
            context: self.context,
        })
    }

    /// The answer in one line: `+` and the policies that permit, or `-` and the rules that refuse.
    pub(crate) fn verdict(&self, policies: &PolicySet) -> String {
        match self.answer(policies) {
            Answer::Allowed { by } => by.iter().fold("+".to_owned(), |line, id| line + " " + id.as_str()),
            Answer::Denied { violations } => {
                assert!(!violations.is_empty(), "a denial without a reason: {self:?}");
                violations.iter().fold("-".to_owned(), |line, violation| line + " " + violation.rule.as_str())
            }
        }
    }
}
