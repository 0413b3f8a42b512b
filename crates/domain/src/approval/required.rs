//! What must be approved, by which roles and until when.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::settings::{Period, Quorum};
use crate::actor::Role;
use crate::board::StandingId;
use crate::change::ChangeType;
use crate::cmdb::ComplianceScope;
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
    /// Whether it reaches protected health information.
    pub health_information: bool,
    /// Whether a step says of itself that nothing takes it back.
    pub irreversible: bool,
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
            health_information: assessment.compliance.iter().any(ComplianceScope::is_health_information),
            irreversible: assessment.way_back.as_ref().is_some_and(|back| !back.irreversible.is_empty()),
            pre_approval_permitted,
        }
    }

    /// Whether nothing but the level stands between this change and an approval without a person.
    pub(super) fn may_be_automated(self) -> bool {
        self.clear && self.pre_approval_permitted && !self.health_information && !self.irreversible
    }
}

/// Most stages of one change.
pub const STAGES_MAX: usize = 4;

/// So many approvals by holders of one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The role to be exercised.
    pub role: Role,
    /// How many people.
    pub count: u8,
    /// The stage it belongs to, from 0; a later one opens once the earlier ones are complete.
    #[serde(default, skip_serializing_if = "is_first")]
    pub stage: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the serialiser hands a reference over")]
fn is_first(stage: &u8) -> bool {
    *stage == 0
}

impl Gate {
    /// One person with `role`.
    pub(super) fn one(role: Role) -> Self {
        Self { role, count: 1, stage: 0 }
    }

    /// As many people with `role` as the quorum says.
    pub(super) fn quorum(role: Role, quorum: Quorum) -> Self {
        Self { role, count: quorum.get(), stage: 0 }
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
    /// Time for all gates, in seconds; afterwards the change is rejected. With several stages, the time of all of them.
    pub deadline_seconds: u64,
    /// Time for each stage, in seconds from its opening, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<u64>,
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
            stages: Vec::new(),
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
            stages: Vec::new(),
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
            self.close_ranks();
        }
        self
    }

    /// Numbers the stages anew that are left.
    fn close_ranks(&mut self) {
        let left: BTreeSet<u8> = self.gates.iter().map(|gate| gate.stage).collect();
        let seconds: Vec<_> = left.iter().map(|stage| self.stage_seconds(*stage)).collect();
        for gate in &mut self.gates {
            let before = left.iter().filter(|stage| **stage < gate.stage).count();
            gate.stage = u8::try_from(before).unwrap_or(u8::MAX);
        }
        self.deadline_seconds = seconds.iter().copied().fold(0, u64::saturating_add);
        self.stages = if seconds.len() > 1 { seconds } else { Vec::new() };
    }

    /// All gates of one stage after those of the other, each stage with its own time. A rule states at least one gate for
    /// each, and at most [`STAGES_MAX`] stages.
    pub(super) fn staged(stages: Vec<(Vec<Gate>, Period)>) -> Self {
        assert!(stages.len() <= STAGES_MAX, "more stages than a change may have");
        let seconds: Vec<_> = stages.iter().map(|(_, deadline)| deadline.seconds()).collect();
        let gates = (0_u8..).zip(stages).flat_map(|(stage, (gates, _))| {
            assert!(!gates.is_empty(), "a stage without a gate would never be complete");
            gates.into_iter().map(move |gate| Gate { stage, ..gate })
        });
        Self {
            gates: gates.collect(),
            deadline_seconds: seconds.iter().copied().fold(0, u64::saturating_add),
            stages: seconds,
            inform: Vec::new(),
            automated: false,
            retrospective_seconds: None,
            standing: None,
        }
    }

    /// Time for a stage, in seconds from its opening.
    pub fn stage_seconds(&self, stage: u8) -> u64 {
        self.stages.get(usize::from(stage)).copied().unwrap_or(self.deadline_seconds)
    }

    /// Number of stages; 1 where no person is needed.
    pub fn stage_count(&self) -> u8 {
        self.gates.iter().map(|gate| gate.stage).max().map_or(1, |last| last.saturating_add(1))
    }

    /// Who may override what was decided automatically about such a change: the authority above the highest that it
    /// needs, or that one where nobody is above it.
    pub fn overridden_by(&self) -> Role {
        let above = self.gates.iter().map(|gate| gate.role.authority_above().unwrap_or(gate.role));
        above.max_by_key(|role| rank(*role)).unwrap_or(Role::CabMember)
    }
}

/// How far up a role decides.
fn rank(role: Role) -> u8 {
    match role {
        Role::TechnicalLead | Role::HipaaAuthority => 1,
        Role::CabMember | Role::EcabMember => 2,
        Role::Ciso => 3,
        Role::Cto => 4,
        Role::Requester | Role::Implementer | Role::ChangeManager | Role::Auditor | Role::Administrator => 0,
    }
}
