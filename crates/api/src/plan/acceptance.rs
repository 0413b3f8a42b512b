//! User acceptance between the form that users write and the domain's.

use domain::plan;
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse};

/// That a person accepts a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserAcceptance {
    /// A role, such as `technical_lead`, or the name of a team.
    pub by: String,
    /// What is looked at.
    pub instructions: String,
}

impl UserAcceptance {
    pub(super) fn to_domain(&self) -> Result<plan::UserAcceptance, FieldError> {
        let instructions = FreeText::new(self.instructions.as_str());
        Ok(plan::UserAcceptance {
            by: parse("user_acceptance.by", &self.by)?,
            instructions: instructions
                .map_err(|error| FieldError::new("user_acceptance.instructions", error))?,
        })
    }

    pub(super) fn from_domain(acceptance: &plan::UserAcceptance) -> Self {
        Self { by: acceptance.by.to_string(), instructions: acceptance.instructions.to_string() }
    }
}
