//! What must be approved, by which roles and until when.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::settings::{Period, Quorum};
use crate::actor::Role;
use crate::board::StandingId;
use crate::change::ChangeType;
use crate::id::ActorId;
use crate::risk::{Assessment, Level};
use crate::text::FreeText;

/// What the approval rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// As which type the change is routed. `standard` only when a standard change model covers the request.
    pub routed_as: ChangeType,
    /// The assessed level.
    pub level: Level,
    /// Whether the assessment has no finding: tests passed and no rule is violated.
    pub clear: bool,
    /// Whether policy permits approval without a person.
    pub pre_approval_permitted: bool,
}

impl Case {
    /// The case of an assessed change, with the policy's answer to `pre_approve`.
    pub fn of(assessment: &Assessment, pre_approval_permitted: bool) -> Self {
        Self {
            routed_as: assessment.routed_as,
            level: assessment.level,
            clear: assessment.findings.is_empty(),
            pre_approval_permitted,
        }
    }

    /// Whether nothing but the level stands between this change and an approval without a person.
    pub(super) fn may_be_automated(self) -> bool {
        self.clear && self.pre_approval_permitted
    }
}

/// So many approvals by holders of one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The role to be exercised.
    pub role: Role,
    /// How many people.
    pub count: u8,
}

impl Gate {
    /// One person with `role`.
    pub(super) fn one(role: Role) -> Self {
        Self { role, count: 1 }
    }

    /// As many people with `role` as the quorum says.
    pub(super) fn quorum(role: Role, quorum: Quorum) -> Self {
        Self { role, count: quorum.get() }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.count, self.role)
    }
}

/// What must be approved before a change may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// The approvals needed, one gate per role. Empty exactly when `automated`.
    pub gates: Vec<Gate>,
    /// Time for all gates, in seconds from the request; afterwards the change is rejected.
    pub deadline_seconds: u64,
    /// Roles that are told, and may call the change in, without being needed.
    pub inform: Vec<Role>,
    /// Whether policy's answer suffices and no person is needed.
    pub automated: bool,
    /// How long after its authorisation the change must be reviewed, in seconds; only emergencies are.
    pub retrospective_seconds: Option<u64>,
    /// The standing decision that stands for the approval of the CAB, whose gate is then not among `gates`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingApproval>,
}

/// An approval that a board gave once and for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingApproval {
    /// The decision.
    pub decision: StandingId,
    /// Who proposed it.
    pub proposed_by: ActorId,
    /// What must be met before the start.
    pub conditions: Vec<FreeText>,
}

impl Requirements {
    /// No person is needed. The deadline is the one for policy to answer.
    pub(super) fn automated(deadline: Period) -> Self {
        Self {
            gates: Vec::new(),
            deadline_seconds: deadline.seconds(),
            inform: Vec::new(),
            automated: true,
            retrospective_seconds: None,
            standing: None,
        }
    }

    /// All of `gates` must be passed. A rule states at least one.
    pub(super) fn gated(gates: Vec<Gate>, deadline: Period) -> Self {
        assert!(!gates.is_empty(), "requirements without a gate would be met by nobody's approval");
        Self {
            gates,
            deadline_seconds: deadline.seconds(),
            inform: Vec::new(),
            automated: false,
            retrospective_seconds: None,
            standing: None,
        }
    }

    /// Whether members of the CAB must approve, and somebody else as well: a standing decision never stands alone.
    pub fn may_stand(&self) -> bool {
        let asks_board = self.gates.iter().any(|gate| gate.role == Role::CabMember);
        asks_board && self.gates.iter().any(|gate| gate.role != Role::CabMember)
    }

    /// The same, with a standing decision for the approval of the CAB, where one [may stand](Self::may_stand) for it.
    #[must_use]
    pub fn standing_by(mut self, standing: StandingApproval) -> Self {
        if self.may_stand() {
            self.gates.retain(|gate| gate.role != Role::CabMember);
            self.standing = Some(standing);
        }
        self
    }
}
