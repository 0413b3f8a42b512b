//! Problems (RFC 9457): what was wrong, where, the accepted form, and the next step.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was not fulfilled. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable name of the kind of problem, as a path below the product's documentation.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, in a sentence.
    pub detail: String,
    /// The rule that refuses: a policy's `@id` or the name of an invariant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// Single errors, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorItem>,
    /// The identifier of the request, as in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// One error of a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorItem {
    /// Where: a field path such as `implementation_plan.steps[2].timeout`, or a rule's id.
    pub at: String,
    /// What is wrong.
    pub message: String,
    /// The next step or accepted form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
}

impl Problem {
    /// A problem of a kind, with its status, title and this time's detail.
    pub fn new(kind: &str, status: u16, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/docs/problems#{kind}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            rule: None,
            next_step: None,
            errors: Vec::new(),
            request_id: None,
        }
    }

    /// Adds the next step.
    #[must_use]
    pub fn with_next_step(mut self, next_step: impl Into<String>) -> Self {
        self.next_step = Some(next_step.into());
        self
    }

    /// Adds the rule that refuses.
    #[must_use]
    pub fn with_rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// Adds single errors.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<ErrorItem>) -> Self {
        self.errors = errors;
        self
    }

    /// The name of the kind, without its path.
    pub fn kind_name(&self) -> &str {
        self.kind.rsplit('#').next().unwrap_or(&self.kind)
    }
}
