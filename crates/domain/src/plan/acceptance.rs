//! User acceptance: a person says whether the result is what was wanted, before the validation can pass.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::actor::Role;
use crate::id::{StepName, TeamName};
use crate::text::FreeText;

/// How the acceptance is called where it is answered and among the checks of the validation.
const NAME: &str = "user acceptance";

/// That a person accepts the result, and who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserAcceptance {
    /// Who accepts or refuses it.
    pub by: Acceptor,
    /// What is looked at.
    pub instructions: FreeText,
}

/// Who accepts or refuses a result: somebody who holds a role, or somebody of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptor {
    /// Who holds this role.
    Role(Role),
    /// Who belongs to this team.
    Team(TeamName),
}

/// A text that names neither a role nor a team.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is neither a role nor the name of a team: expected one such as `technical_lead` or `shop-owners`"
)]
pub struct InvalidAcceptor {
    given: String,
}

impl UserAcceptance {
    /// The name under which it is answered.
    ///
    /// # Errors
    /// Never, as long as the name is one of a step.
    pub fn name() -> Result<StepName, <StepName as FromStr>::Err> {
        NAME.parse()
    }

    /// Whether a question of this name is the acceptance.
    pub fn is_named(step: &StepName) -> bool {
        step.as_str() == NAME
    }
}

impl fmt::Display for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => f.write_str(role.as_str()),
            Self::Team(team) => f.write_str(team.as_str()),
        }
    }
}

impl FromStr for Acceptor {
    type Err = InvalidAcceptor;

    fn from_str(text: &str) -> Result<Self, InvalidAcceptor> {
        if let Ok(role) = text.parse() {
            return Ok(Self::Role(role));
        }
        let given = || text.chars().filter(|c| !c.is_control()).take(80).collect();
        text.parse().map(Self::Team).map_err(|_| InvalidAcceptor { given: given() })
    }
}
