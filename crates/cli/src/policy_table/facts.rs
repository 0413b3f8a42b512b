//! The facts of a case, and the harmless ones beneath them.

use std::collections::BTreeSet;

use domain::actor::{Role, Scope};
use domain::change::{Category, ChangeType, StateName};
use domain::id::{ActorId, ChangeId, EnvironmentName, IncidentId, InvalidId, ServiceName, TeamName};
use domain::plan::Reversibility;
use domain::risk::Level;
use policy::{Action, ActorResource, ChangeResource, Delegator, IncidentResource, Principal, PrincipalKind};
use serde::{Deserialize, Deserializer};

/// Declares facts that a case may state, each of which replaces the value of the same name. Those of `perhaps` may be
/// unknown, which is written `null`.
macro_rules! facts {
    ($(#[$meta:meta])* $name:ident of $of:ident {
        known { $($known:ident: $known_type:ty,)* }
        perhaps { $($perhaps:ident: $perhaps_type:ty,)* }
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct $name {
            $($known: Option<$known_type>,)*
            $(#[serde(deserialize_with = "stated")] $perhaps: Option<Option<$perhaps_type>>,)*
        }

        impl $name {
            /// Replaces what is stated.
            pub(super) fn apply(&self, value: &mut $of) {
                $(if let Some(fact) = &self.$known { value.$known = fact.clone().into(); })*
                $(if let Some(fact) = &self.$perhaps { value.$perhaps = fact.clone().map(Into::into); })*
            }
        }
    };
}

facts!(
    /// Facts about a change.
    ChangeFacts of ChangeResource {
        known {
            change_type: ChangeType,
            category: Category,
            state: StateName,
            requester: ActorId,
            asked_by_agent: bool,
            parties: BTreeSet<ActorId>,
            services: BTreeSet<ServiceName>,
            compliance: BTreeSet<String>,
            unknown_facts: bool,
            has_test_evidence: bool,
            tests_passed: bool,
            has_plan: bool,
            rehearsed: bool,
            has_rollback_plan: bool,
            rollback_automated: bool,
            encryption_checked: bool,
            within_agent_budget: bool,
            policy_findings: u32,
            approvals_outstanding: u32,
            approved_by: BTreeSet<Role>,
            conditions_outstanding: u32,
            digest_matches: bool,
            window_open: bool,
            validated: bool,
            emergency_authorised: bool,
            runner_is_holder: bool,
            stopped: bool,
            in_freeze: bool,
            outside_maintenance: bool,
            in_conflict: bool,
            withdrawn_since_assessed: bool,
            goes_back: bool,
        }
        perhaps {
            environment: EnvironmentName,
            level: Level,
            score: u8,
            lowest_tier: u8,
            reversibility: Reversibility,
        }
    }
);

facts!(
    /// Facts about whoever asks.
    PrincipalFacts of Principal {
        known {
            id: ActorId,
            kind: Kind,
            roles: BTreeSet<Role>,
            scopes: BTreeSet<Scope>,
            teams: BTreeSet<TeamName>,
            active: bool,
            delegated: bool,
        }
        perhaps {
            owner: ActorId,
            delegator: LentBy,
        }
    }
);

/// The one whose authority whoever asks exercises. One who has lent it and may act, unless the case says otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LentBy {
    id: ActorId,
    #[serde(default = "human")]
    kind: Kind,
    roles: BTreeSet<Role>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default = "yes")]
    lends: bool,
}

fn human() -> Kind {
    Kind::Human
}

fn yes() -> bool {
    true
}

impl From<LentBy> for Delegator {
    fn from(LentBy { id, kind, roles, active, lends }: LentBy) -> Self {
        Self { id, kind: kind.into(), roles, active, lends }
    }
}

/// What whoever asks is.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Human,
    Agent,
    Service,
    System,
}

impl From<Kind> for PrincipalKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Human => Self::Human,
            Kind::Agent => Self::Agent,
            Kind::Service => Self::Service,
            Kind::System => Self::System,
        }
    }
}

/// The actor that is managed or acted for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    id: ActorId,
    #[serde(default)]
    owner: Option<ActorId>,
}

impl Account {
    pub(super) fn resource(&self) -> ActorResource {
        ActorResource { id: self.id.clone(), owner: self.owner.clone() }
    }
}

/// The harmless facts that hold where a case says nothing else.
#[derive(Debug)]
pub(super) struct Harmless {
    /// A person with every scope and no role, on nobody's side.
    pub(super) principal: Principal,
    /// A low-risk change that passes every control; for an emergency, a change of that type.
    pub(super) change: ChangeResource,
    /// Somebody else's account.
    pub(super) account: ActorResource,
    /// An incident of the change.
    pub(super) incident: IncidentResource,
}

impl Harmless {
    pub(super) fn new(action: Action) -> Result<Self, InvalidId> {
        let actor = |id: &str| ActorId::new(id);
        let change = change(actor("act_ann")?, actor("act_annbot")?, action)?;
        Ok(Self {
            principal: Principal { id: actor("act_bob")?, ..person() },
            incident: IncidentResource { id: IncidentId::new(2026, 1)?, change: Some(change.id) },
            change,
            account: ActorResource { id: actor("act_carol")?, owner: None },
        })
    }
}

fn person() -> Principal {
    Principal { kind: PrincipalKind::Human, ..Principal::system() }
}

fn change(ann: ActorId, bot: ActorId, action: Action) -> Result<ChangeResource, InvalidId> {
    let is_emergency = action == Action::AuthoriseEmergency;
    Ok(ChangeResource {
        id: ChangeId::new(2026, 1)?,
        change_type: if is_emergency { ChangeType::Emergency } else { ChangeType::Normal },
        category: Category::Deployment,
        state: StateName::Approved,
        requester: ann.clone(),
        asked_by_agent: false,
        parties: BTreeSet::from([ann, bot]),
        services: BTreeSet::from([ServiceName::new("shop")?]),
        environment: Some(EnvironmentName::new("production")?),
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
    })
}

/// A value that is stated, be it that it is unknown.
fn stated<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
