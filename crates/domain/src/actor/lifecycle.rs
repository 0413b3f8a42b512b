//! The life of an actor: registered, given roles and tokens, deactivated.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::budget::{Budget, BudgetTooLarge};
use super::delegation::{
    self, DELEGATION_DAYS_MAX, DELEGATIONS_MAX, Delegate, Delegation, SCOPE_SERVICES_MAX,
};
use super::kind::{ActorKind, Role, Scope};
use crate::canonical::Digest;
use crate::id::{ActorId, ActorName, DelegationId, TeamName, TokenId};
use crate::text::FreeText;

/// Shortest life of a token: one minute.
pub const TOKEN_LIFE_SECONDS_MIN: i64 = 60;
/// Longest life of a token: one year, leap years included.
pub const TOKEN_LIFE_SECONDS_MAX: i64 = 366 * 24 * 60 * 60;
/// Most tokens of one actor that are neither revoked nor expired.
pub const LIVE_TOKENS_MAX: usize = 50;
/// Most teams of one actor, and most others it may act for.
pub const LINKS_MAX: usize = 100;

/// One actor, as its events up to `version` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The opaque identifier under which it appears in the log.
    pub id: ActorId,
    /// Number of events folded.
    pub version: u64,
    /// The readable name.
    pub name: FreeText,
    /// Human, agent or service.
    pub kind: ActorKind,
    /// The person who answers for an agent or service.
    pub owner: Option<ActorId>,
    /// Another record of the same person or program.
    pub alias_of: Option<ActorId>,
    /// Roles it holds.
    pub roles: BTreeSet<Role>,
    /// Teams it belongs to.
    pub teams: BTreeSet<TeamName>,
    /// Others in whose name it may ask for changes.
    pub may_act_for: BTreeSet<ActorId>,
    /// Whether it may do anything at all.
    pub active: bool,
    /// The budget that a person has set; by its record when nobody has.
    pub budget: Option<Budget>,
    /// Authority that it has lent, also what is over.
    pub delegations: BTreeMap<DelegationId, Delegation>,
    /// Its access tokens, revoked and expired ones included.
    pub tokens: BTreeMap<TokenId, Token>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
}

/// An access token. Only its hash is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// SHA-256 of the secret.
    pub hash: Digest,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// What it is for.
    pub label: FreeText,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
}

impl Token {
    /// Whether the token is accepted at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && now < self.expires_at
    }
}

/// What is needed to register an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The readable name.
    pub name: ActorName,
    /// Human, agent or service.
    pub kind: ActorKind,
    /// The person who answers for an agent or service, as the directory knows it.
    pub owner: Option<Owner>,
    /// Another record of the same person or program.
    pub alias_of: Option<ActorId>,
    /// Roles it holds.
    pub roles: BTreeSet<Role>,
    /// Teams it belongs to.
    pub teams: BTreeSet<TeamName>,
    /// Others in whose name it may ask for changes.
    pub may_act_for: BTreeSet<ActorId>,
}

/// A person who answers for an agent or service, with the facts that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its identifier.
    pub id: ActorId,
    /// What it is.
    pub kind: ActorKind,
    /// Whether it is active.
    pub active: bool,
}

/// Something that happened to an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum ActorEvent {
    /// It was registered.
    #[serde(rename = "actor.registered")]
    Registered {
        /// The readable name.
        name: FreeText,
        /// Human, agent or service.
        kind: ActorKind,
        /// The person who answers for it.
        owner: Option<ActorId>,
        /// Another record of the same person or program.
        alias_of: Option<ActorId>,
        /// Roles it holds.
        roles: BTreeSet<Role>,
        /// Teams it belongs to.
        teams: BTreeSet<TeamName>,
        /// Others in whose name it may ask for changes.
        may_act_for: BTreeSet<ActorId>,
    },
    /// Its roles, teams and delegations were replaced.
    #[serde(rename = "actor.rights_changed")]
    RightsChanged {
        /// Roles it holds.
        roles: BTreeSet<Role>,
        /// Teams it belongs to.
        teams: BTreeSet<TeamName>,
        /// Others in whose name it may ask for changes.
        may_act_for: BTreeSet<ActorId>,
    },
    /// It was switched off.
    #[serde(rename = "actor.deactivated")]
    Deactivated {
        /// Why.
        reason: FreeText,
    },
    /// It was switched on again.
    #[serde(rename = "actor.reactivated")]
    Reactivated,
    /// A person set its budget, or left it to its record again.
    #[serde(rename = "actor.budget_set")]
    BudgetSet {
        /// The budget; by its record when there is none.
        budget: Option<Budget>,
        /// Why.
        reason: FreeText,
    },
    /// It lent its authority to another person.
    #[serde(rename = "actor.authority_delegated")]
    AuthorityDelegated {
        /// Its identifier.
        delegation_id: DelegationId,
        /// The delegation.
        delegation: Box<Delegation>,
    },
    /// A delegation was ended before its time.
    #[serde(rename = "actor.delegation_ended")]
    DelegationEnded {
        /// Its identifier.
        delegation_id: DelegationId,
        /// Why.
        reason: FreeText,
    },
    /// An access token was issued. The secret is not recorded.
    #[serde(rename = "actor.token_issued")]
    TokenIssued {
        /// Its identifier.
        token_id: TokenId,
        /// The token.
        token: Token,
    },
    /// An access token was revoked.
    #[serde(rename = "actor.token_revoked")]
    TokenRevoked {
        /// Its identifier.
        token_id: TokenId,
    },
}

/// One fact in the stream `directory`, written with every registration, so that its version names a state of all names
/// that are taken: of two that register the same one at once, one is too late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum DirectoryEvent {
    /// An actor was registered. Its name is in its own stream, where it can be erased.
    #[serde(rename = "directory.actor_added")]
    ActorAdded {
        /// Its identifier.
        actor: ActorId,
    },
}

/// Something that is asked of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorCommand {
    /// Replace roles, teams and delegations.
    ChangeRights {
        /// Roles it shall hold.
        roles: BTreeSet<Role>,
        /// Teams it shall belong to.
        teams: BTreeSet<TeamName>,
        /// Others in whose name it may ask for changes.
        may_act_for: BTreeSet<ActorId>,
    },
    /// Switch off.
    Deactivate {
        /// Why.
        reason: FreeText,
    },
    /// Switch on again.
    Reactivate,
    /// Set the budget of an agent, or leave it to its record again.
    SetBudget {
        /// The budget; by its record when there is none.
        budget: Option<Budget>,
        /// Why.
        reason: FreeText,
    },
    /// Lend its authority to another person.
    Delegate {
        /// Its identifier.
        delegation_id: DelegationId,
        /// The delegation.
        delegation: Box<Delegation>,
        /// The one to whom.
        to: Delegate,
    },
    /// End a delegation before its time.
    EndDelegation {
        /// Its identifier.
        delegation_id: DelegationId,
        /// Why.
        reason: FreeText,
    },
    /// Issue an access token.
    IssueToken {
        /// Its identifier.
        token_id: TokenId,
        /// The token.
        token: Token,
    },
    /// Revoke an access token.
    RevokeToken {
        /// Its identifier.
        token_id: TokenId,
    },
}

/// Why an actor's record refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActorRefusal {
    /// An agent or service has no owner.
    #[error("an agent or service needs an owner: name an active human who answers for it")]
    OwnerMissing,
    /// The owner is not an active human.
    #[error("the owner is not an active human: name an active human who answers for it")]
    OwnerUnfit,
    /// A human has an owner.
    #[error("a human has no owner: leave `owner` out")]
    OwnerOfHuman,
    /// An agent or service would hold a human gate.
    #[error("`{role}` decides as a change authority and is held by humans only: leave it out")]
    AuthorityNotHuman {
        /// The role.
        role: Role,
    },
    /// Too many teams or delegations.
    #[error("more than {LINKS_MAX} teams or delegations: use fewer")]
    TooManyLinks,
    /// The actor is inactive.
    #[error("the actor is inactive: reactivate it first")]
    Inactive,
    /// The actor is inactive already.
    #[error("the actor is inactive already")]
    AlreadyInactive,
    /// The actor is active already.
    #[error("the actor is active already")]
    AlreadyActive,
    /// A budget for somebody who is no agent.
    #[error("only agents have budgets: people and services are bound by their roles")]
    NotAnAgent,
    /// A budget beyond the bounds.
    #[error(transparent)]
    BudgetTooLarge(#[from] BudgetTooLarge),
    /// Nobody lends what they do not hold.
    #[error("the actor holds no role that approves: only a change authority has authority to delegate")]
    NothingToDelegate,
    /// The delegate is no active human.
    #[error("authority is delegated to an active human only: programs never pass a human gate")]
    DelegateUnfit,
    /// The delegate is another record of the giver.
    #[error("the delegate is the same person: name another one")]
    DelegateIsGiver,
    /// A delegation that is over, ends before it begins or lasts too long.
    #[error(
        "a delegation ends after it begins, in the future and within {DELEGATION_DAYS_MAX} days: give an end in that range"
    )]
    DelegationTime,
    /// A delegation for too many services.
    #[error("a delegation names at most {SCOPE_SERVICES_MAX} services: leave the list out to mean all")]
    DelegationTooWide,
    /// Too many delegations.
    #[error("the actor has {DELEGATIONS_MAX} delegations, which is the most: end one first")]
    TooManyDelegations,
    /// No such delegation.
    #[error(
        "the actor has no delegation `{delegation_id}` to end: list them with `cortex-change approvals delegations`"
    )]
    NoSuchDelegation {
        /// What the caller named.
        delegation_id: DelegationId,
    },
    /// A token without scopes.
    #[error("a token needs at least one scope: read, request, approve, implement, audit or admin")]
    NoScope,
    /// A token that lives too long or not at all.
    #[error("a token lives between one minute and 366 days: give an expiry in that range")]
    TokenLife,
    /// A token identifier that is taken, perhaps by a revoked token, which must never come to life again.
    #[error("the actor has a token `{token_id}` already: take another identifier")]
    TokenExists {
        /// What the caller named.
        token_id: TokenId,
    },
    /// Too many live tokens.
    #[error("the actor has {LIVE_TOKENS_MAX} live tokens: revoke one first")]
    TooManyTokens,
    /// No such token.
    #[error("the actor has no live token `{token_id}`: list its tokens with `cortex-change token list`")]
    NoSuchToken {
        /// What the caller named.
        token_id: TokenId,
    },
}

/// Decides whether an actor can be registered.
///
/// # Errors
/// When the owner is missing or unfit, or an agent or service would hold a human gate.
pub fn register(registration: Registration) -> Result<Vec<ActorEvent>, ActorRefusal> {
    let Registration { name, kind, owner, alias_of, roles, teams, may_act_for } = registration;
    match (kind, &owner) {
        (ActorKind::Human, None) => {}
        (ActorKind::Human, Some(_)) => return Err(ActorRefusal::OwnerOfHuman),
        (ActorKind::Agent | ActorKind::Service, None) => return Err(ActorRefusal::OwnerMissing),
        (ActorKind::Agent | ActorKind::Service, Some(owner)) => {
            if owner.kind != ActorKind::Human || !owner.active {
                return Err(ActorRefusal::OwnerUnfit);
            }
        }
    }
    check_rights(kind, &roles, &teams, &may_act_for)?;
    let (name, owner) = (name.into(), owner.map(|owner| owner.id));
    Ok(vec![ActorEvent::Registered { name, kind, owner, alias_of, roles, teams, may_act_for }])
}

/// Decides what a command does to an actor.
///
/// # Errors
/// When the actor's record does not admit the command.
pub fn decide(
    actor: &Actor,
    command: &ActorCommand,
    now: Timestamp,
) -> Result<Vec<ActorEvent>, ActorRefusal> {
    match command {
        ActorCommand::ChangeRights { roles, teams, may_act_for } => {
            check_rights(actor.kind, roles, teams, may_act_for)?;
            Ok(vec![ActorEvent::RightsChanged {
                roles: roles.clone(),
                teams: teams.clone(),
                may_act_for: may_act_for.clone(),
            }])
        }
        ActorCommand::Deactivate { reason } => {
            if actor.active {
                Ok(vec![ActorEvent::Deactivated { reason: reason.clone() }])
            } else {
                Err(ActorRefusal::AlreadyInactive)
            }
        }
        ActorCommand::Reactivate => {
            if actor.active {
                Err(ActorRefusal::AlreadyActive)
            } else {
                Ok(vec![ActorEvent::Reactivated])
            }
        }
        ActorCommand::SetBudget { .. } if actor.kind != ActorKind::Agent => Err(ActorRefusal::NotAnAgent),
        ActorCommand::SetBudget { budget, reason } => {
            let budget = budget.map(Budget::check).transpose()?;
            Ok(vec![ActorEvent::BudgetSet { budget, reason: reason.clone() }])
        }
        ActorCommand::Delegate { delegation_id, delegation, to } => {
            delegation::delegate(actor, delegation_id, delegation, *to, now)
        }
        ActorCommand::EndDelegation { delegation_id, reason } => {
            delegation::end(actor, delegation_id, reason, now)
        }
        ActorCommand::IssueToken { token_id, token } => issue_token(actor, token_id, token, now),
        ActorCommand::RevokeToken { token_id } => match actor.tokens.get(token_id) {
            Some(token) if !token.revoked => {
                Ok(vec![ActorEvent::TokenRevoked { token_id: token_id.clone() }])
            }
            Some(_) | None => Err(ActorRefusal::NoSuchToken { token_id: token_id.clone() }),
        },
    }
}

fn issue_token(
    actor: &Actor,
    token_id: &TokenId,
    token: &Token,
    now: Timestamp,
) -> Result<Vec<ActorEvent>, ActorRefusal> {
    if !actor.active {
        return Err(ActorRefusal::Inactive);
    }
    if token.scopes.is_empty() {
        return Err(ActorRefusal::NoScope);
    }
    let life = token.expires_at.duration_since(now);
    let shortest = SignedDuration::from_secs(TOKEN_LIFE_SECONDS_MIN);
    let longest = SignedDuration::from_secs(TOKEN_LIFE_SECONDS_MAX);
    if life < shortest || life > longest {
        return Err(ActorRefusal::TokenLife);
    }
    if actor.tokens.contains_key(token_id) {
        return Err(ActorRefusal::TokenExists { token_id: token_id.clone() });
    }
    if actor.tokens.values().filter(|token| token.is_live(now)).count() >= LIVE_TOKENS_MAX {
        return Err(ActorRefusal::TooManyTokens);
    }
    Ok(vec![ActorEvent::TokenIssued { token_id: token_id.clone(), token: token.clone() }])
}

fn check_rights(
    kind: ActorKind,
    roles: &BTreeSet<Role>,
    teams: &BTreeSet<TeamName>,
    may_act_for: &BTreeSet<ActorId>,
) -> Result<(), ActorRefusal> {
    if teams.len() > LINKS_MAX || may_act_for.len() > LINKS_MAX {
        return Err(ActorRefusal::TooManyLinks);
    }
    match (kind, roles.iter().find(|role| role.is_authority())) {
        (ActorKind::Agent | ActorKind::Service, Some(role)) => {
            Err(ActorRefusal::AuthorityNotHuman { role: *role })
        }
        (ActorKind::Human, _) | (ActorKind::Agent | ActorKind::Service, None) => Ok(()),
    }
}

/// The log holds an event that cannot follow the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "event {version} of actor {id} cannot follow the earlier ones: verify the log with `cortex-change audit verify`"
)]
pub struct CorruptActor {
    id: ActorId,
    version: u64,
}

/// Folds one event into an actor.
///
/// # Errors
/// When the first event does not register the actor, a later one registers it again, or one takes back what was never
/// given.
pub fn evolve(
    actor: Option<Actor>,
    id: &ActorId,
    at: Timestamp,
    event: &ActorEvent,
) -> Result<Actor, CorruptActor> {
    let Some(mut actor) = actor else {
        return registered(id, at, event);
    };
    actor.version += 1;
    actor.updated_at = at;
    let corrupt = CorruptActor { id: id.clone(), version: actor.version };
    match event {
        ActorEvent::Registered { .. } => return Err(corrupt),
        ActorEvent::RightsChanged { roles, teams, may_act_for } => {
            actor.roles = roles.clone();
            actor.teams = teams.clone();
            actor.may_act_for = may_act_for.clone();
        }
        ActorEvent::Deactivated { .. } => actor.active = false,
        ActorEvent::Reactivated => actor.active = true,
        ActorEvent::BudgetSet { budget, .. } => actor.budget = *budget,
        ActorEvent::AuthorityDelegated { delegation_id, delegation } => {
            actor.delegations.insert(delegation_id.clone(), delegation.as_ref().clone());
        }
        ActorEvent::DelegationEnded { delegation_id, .. } => {
            actor.delegations.get_mut(delegation_id).ok_or(corrupt)?.ended = true;
        }
        ActorEvent::TokenIssued { token_id, token } => {
            actor.tokens.insert(token_id.clone(), token.clone());
        }
        ActorEvent::TokenRevoked { token_id } => {
            actor.tokens.get_mut(token_id).ok_or(corrupt)?.revoked = true;
        }
    }
    Ok(actor)
}

fn registered(id: &ActorId, at: Timestamp, event: &ActorEvent) -> Result<Actor, CorruptActor> {
    let ActorEvent::Registered { name, kind, owner, alias_of, roles, teams, may_act_for } = event else {
        return Err(CorruptActor { id: id.clone(), version: 1 });
    };
    Ok(Actor {
        id: id.clone(),
        version: 1,
        name: name.clone(),
        kind: *kind,
        owner: owner.clone(),
        alias_of: alias_of.clone(),
        roles: roles.clone(),
        teams: teams.clone(),
        may_act_for: may_act_for.clone(),
        active: true,
        budget: None,
        delegations: BTreeMap::new(),
        tokens: BTreeMap::new(),
        registered_at: at,
        updated_at: at,
    })
}
