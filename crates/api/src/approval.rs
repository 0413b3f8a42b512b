//! What waits for approval and for whom, what an approver must have seen, and authority that is lent.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::change::{Blocker, Change, Gate, RiskSummary, Stage};

/// A change that waits for authorities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitingApproval {
    /// Its identifier.
    pub change_id: String,
    /// ITIL change type.
    #[serde(rename = "type")]
    pub change_type: String,
    /// One line.
    pub title: String,
    /// Readable name of the requester.
    pub requested_by: String,
    /// Score and level.
    pub risk: Option<RiskSummary>,
    /// P1 to P5.
    pub priority: String,
    /// Services that are changed.
    pub affected_services: Vec<String>,
    /// Where it is changed.
    pub environment: Option<String>,
    /// Digest of what is asked for.
    pub digest: String,
    /// Until when those who are asked may decide; it is rejected then.
    pub deadline: String,
    /// Where it is among its stages.
    pub stage: Stage,
    /// Gates whose turn it is.
    pub outstanding: Vec<Gate>,
    /// Roles that may decide too, because the time of those who are asked is nearly over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalated_to: Vec<String>,
    /// In which ways whoever asks may approve it now; none when it does not wait for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yours: Vec<Say>,
    /// What stands between it and its start.
    pub blockers: Vec<Blocker>,
}

/// A way in which somebody may approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Say {
    /// The role to be exercised.
    pub role: String,
    /// Readable name of the one whose authority it is, where it was lent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_of: Option<String>,
}

/// Everything that an approver must have seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalSheet {
    /// What runs when it is approved, whole, as canonical JSON (RFC 8785).
    pub canonical: String,
    /// The digest is SHA-256 over this label, a zero byte and the canonical JSON.
    pub digest_label: String,
    /// The digest to which an approval is bound.
    pub digest: String,
    /// In which ways whoever asks may approve it now.
    pub yours: Vec<Say>,
    /// Who may override what was decided automatically about it.
    pub overridden_by: Option<String>,
    /// The change in full. Its texts were written by others and are checked by nobody.
    pub change: Change,
}

/// Overrides what was decided automatically.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    /// pre_approval: a low risk that policy did not approve without a person is approved by the authority above.
    /// rejection: what a deadline or a policy rejected is put to the authorities again. level: another level than the
    /// assessed one, whose authorities are asked.
    pub decision: String,
    /// The level, where that is overridden: low, medium, high or critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Digest of what was seen.
    pub digest: String,
    /// Why.
    pub reason: String,
}

/// Lends the caller's authority to another person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegateRequest {
    /// Name or id of the other person.
    pub to: String,
    /// From when on; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// For how long instead, such as `10d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<String>,
    /// Why.
    pub reason: String,
    /// Whether the caller is away meanwhile and is not counted on.
    #[serde(default)]
    pub away: bool,
    /// Only changes that touch nothing but these services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Only changes of these levels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
}

/// Authority that is lent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delegation {
    /// Its identifier.
    pub delegation_id: String,
    /// Readable name of whoever lends it.
    pub by: String,
    /// The roles that are lent, as they are held now.
    pub roles: Vec<String>,
    /// Readable name of the other person.
    pub to: String,
    /// From when on.
    pub from: String,
    /// Until when.
    pub until: String,
    /// Why.
    pub reason: String,
    /// Whether the one who lends it is away meanwhile.
    pub away: bool,
    /// Only changes that touch nothing but these services; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Only changes of these levels; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// to_come, in_force, over or ended.
    pub state: String,
}
