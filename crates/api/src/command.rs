//! What may be asked of a change after it was requested: one body for each verb.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Approves as an authority.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// The role exercised; may be left out by somebody who holds exactly one of the outstanding roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Name or id of the one whose authority is exercised, where it was lent to the caller; may be left out where only one
    /// has lent it, and the caller holds none of the outstanding roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_of: Option<String>,
    /// Digest of what was seen.
    pub digest: String,
    /// Conditions to be met before the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Rejects as an authority.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectRequest {
    /// The role exercised; may be left out by somebody who holds exactly one of the required roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Name or id of the one whose authority is exercised, where it was lent to the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_of: Option<String>,
    /// Why.
    pub reason: String,
}

/// Gives a reason: withdraw, cancel, roll back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonRequest {
    /// Why.
    pub reason: String,
}

/// Adds a remark.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommentRequest {
    /// The remark.
    pub text: String,
}

/// Shows that a condition is met.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SatisfyRequest {
    /// What shows it.
    pub evidence: String,
    /// The page where that can be looked at: an address that begins with https:// or http://.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// SHA-256 of the file that shows it, as 64 hexadecimal digits. Besides the evidence there is a link or a file, not both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Decides about a step that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideStepRequest {
    /// The step.
    pub step: String,
    /// What to do: see the problem of a refused decision for the accepted words.
    pub decision: String,
    /// What is said with it; needed where `user acceptance` is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Hands in the result of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateRequest {
    /// The checks; at least one.
    pub checks: Vec<Check>,
}

/// A check and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was seen, with numbers and units.
    pub detail: String,
}

/// Ends a change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseRequest {
    /// success (or successful), partial, failed or rolled_back.
    pub status: String,
    /// The change that completes a partial one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<String>,
    /// A closing remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Where what was done is documented; needed for a success where the request asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation: Option<Documentation>,
}

/// Where something is documented: a page or a file, not both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Documentation {
    /// The page: an address that begins with https:// or http://.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// SHA-256 of the file, as 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Adds a review.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    /// post_implementation or retrospective.
    pub kind: String,
    /// What is said.
    pub text: String,
    /// What the outcome of a closed change truly was, where the review says: succeeded or failed. What is learned from the
    /// change is that from then on; the last finding holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
}
