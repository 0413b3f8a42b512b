//! Stopping the line.

use domain::catalog::Tier;
use domain::id::ServiceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse};

/// Asks for a stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetStop {
    /// everything, agents, actor, service or tier.
    pub scope: String,
    /// The name or id of the actor, the name of the service or the number of the tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Why.
    pub reason: String,
    /// Whether emergency changes go on nevertheless; they do when absent.
    #[serde(default = "yes")]
    pub except_emergency: bool,
}

/// Lifts a stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftStop {
    /// Why.
    pub reason: String,
}

/// A stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stop {
    /// Its identifier.
    pub stop_id: String,
    /// everything, agents, actor, service or tier.
    pub scope: String,
    /// Of which actor, service or tier; absent where it covers everything or all agents.
    pub of: Option<String>,
    /// Why.
    pub reason: String,
    /// Whether emergency changes go on nevertheless.
    pub except_emergency: bool,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at: String,
    /// Who lifted it and why; absent while it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
}

/// How a stop ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lifted {
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// When.
    pub at: String,
}

/// What a stop shall cover. An actor is named as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedScope {
    /// Every change.
    Everything,
    /// What agents ask for or carry out.
    Agents,
    /// What an actor asks for or carries out.
    Actor(String),
    /// What changes a service.
    Service(ServiceName),
    /// What changes a service of a tier.
    Tier(Tier),
}

impl SetStop {
    /// What it shall cover.
    ///
    /// # Errors
    /// When the scope is unknown, or names nothing that it needs or something that it does not.
    pub fn scope(&self) -> Result<NamedScope, FieldError> {
        let missing = || FieldError::new("of", format!("missing: name the {} that is stopped", self.scope));
        let of = || self.of.as_deref().filter(|of| !of.is_empty()).ok_or_else(missing);
        let nothing = |scope| match &self.of {
            None => Ok(scope),
            Some(_) => {
                Err(FieldError::new("of", format!("leave it out: `{}` covers all of them", self.scope)))
            }
        };
        match self.scope.as_str() {
            "everything" => nothing(NamedScope::Everything),
            "agents" => nothing(NamedScope::Agents),
            "actor" => Ok(NamedScope::Actor(of()?.to_owned())),
            "service" => Ok(NamedScope::Service(parse("of", of()?)?)),
            "tier" => {
                let number: u8 = parse("of", of()?)?;
                Tier::try_from(number).map(NamedScope::Tier).map_err(|error| FieldError::new("of", error))
            }
            other => {
                let given: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                let message =
                    format!("`{given}` is unknown: expected everything, agents, actor, service or tier");
                Err(FieldError::new("scope", message))
            }
        }
    }
}

fn yes() -> bool {
    true
}
