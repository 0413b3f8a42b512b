//! Actors and tokens as they are registered and read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Registers an actor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterActor {
    /// The readable, unique name.
    pub name: String,
    /// human, agent or service.
    pub kind: String,
    /// Name or id of the person who answers for an agent or service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Name or id of another record of the same person or program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<String>,
    /// Roles, teams and delegations.
    #[serde(default)]
    pub rights: Rights,
}

/// Roles, teams and delegations; each change replaces all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// Roles it holds.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Teams it belongs to.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Names or ids of others in whose name it may ask for changes.
    #[serde(default)]
    pub may_act_for: Vec<String>,
}

/// Changes an actor. Exactly one of its fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateActor {
    /// New roles, teams and delegations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<Rights>,
    /// Whether it may do anything at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Why it is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// The opaque identifier.
    pub actor_id: String,
    /// The readable name.
    pub name: String,
    /// human, agent or service.
    pub kind: String,
    /// Name of the person who answers for it.
    pub owner: Option<String>,
    /// Name of another record of the same person or program.
    pub alias_of: Option<String>,
    /// Roles it holds.
    pub roles: Vec<String>,
    /// Teams it belongs to.
    pub teams: Vec<String>,
    /// Names of others in whose name it may ask for changes.
    pub may_act_for: Vec<String>,
    /// Whether it may do anything at all.
    pub active: bool,
    /// Number of events.
    pub version: u64,
    /// When it was registered.
    pub registered_at: String,
}

/// Issues a token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueToken {
    /// read, request, approve, implement, audit, admin.
    pub scopes: Vec<String>,
    /// How long it lives, for example `90d`; 90 days when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
    /// What it is for.
    pub label: String,
}

/// A token as it is issued: the only time its secret is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedToken {
    /// Its identifier.
    pub token_id: String,
    /// The secret.
    pub token: String,
    /// From when on it is refused.
    pub expires_at: String,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its identifier.
    pub token_id: String,
    /// What it is for.
    pub label: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// From when on it is refused.
    pub expires_at: String,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// The actor.
    #[serde(flatten)]
    pub actor: Actor,
    /// What the token may be used for.
    pub scopes: Vec<String>,
}

/// What an agent may do without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Changes that it may create within an hour: 0 to 10,000.
    pub changes_per_hour: u32,
    /// Changes of it that may be under way at once: 0 to 10,000.
    pub open_changes: u32,
    /// Services and items that may be changed or fail with what is changed: 0 to 1,000,000. What reaches further goes to
    /// a person.
    pub items_reached: u32,
    /// The most critical tier that it may touch: 0 to 3. What is more critical goes to a person.
    pub most_critical_tier: u8,
}

/// Sets an agent's budget, or leaves it to its record again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBudget {
    /// The budget; by its record when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Why.
    pub reason: String,
}

/// How an agent stands: its record, its budget, and what it has used of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetStanding {
    /// The agent.
    pub actor_id: String,
    /// probation, proven or trusted.
    pub trust: String,
    /// Its changes that were successful within 90 days.
    pub successes: u32,
    /// Its changes that were not.
    pub failures: u32,
    /// Fewer of its changes fail than this, in percent, with 95 % certainty.
    pub failures_below_percent: f64,
    /// Its budget.
    pub budget: Budget,
    /// Whether a person has set it; by its record otherwise.
    pub set_by_person: bool,
    /// Changes that it created within the last hour.
    pub changes_this_hour: u32,
    /// Changes of it that are under way.
    pub open_changes: u32,
}
