//! Approvals: required, given and outstanding, stage by stage.

use api::change as wire;
use domain::Timestamp;
use domain::actor::Role;
use domain::approval::{Approval, Condition, Outstanding, Proof, Requirements, outstanding};
use domain::canonical::Digest;
use domain::change::{Assessing, Awaiting, Change, Overridden, OverriddenDecision, State};

use super::{standing_in_words, texts, time};
use crate::known::Known;

/// What has to be approved, and how far that has come; nothing before the assessment and once a change is refused.
pub(super) fn approval(known: &Known, change: &Change) -> Option<wire::ApprovalView> {
    let of = |requirements, approvals, conditions, open| {
        let grounds = Grounds { requirements, approvals, conditions, digest: change.digest, open };
        view(known, grounds, &change.overrides)
    };
    match &change.state {
        State::Draft | State::Assessing(Assessing::Gathering) | State::Rejected(_) | State::Cancelled => None,
        State::Assessing(Assessing::Assessed { requirements, .. }) => Some(of(requirements, &[], &[], None)),
        State::AwaitingApproval(awaiting) => {
            Some(of(&awaiting.requirements, &awaiting.approvals, &awaiting.conditions, Some(awaiting)))
        }
        State::Approved(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Closed(_) => change.authorization().map(|authorization| {
            of(&authorization.requirements, &authorization.approvals, &authorization.conditions, None)
        }),
    }
}

struct Grounds<'a> {
    requirements: &'a Requirements,
    approvals: &'a [Approval],
    conditions: &'a [Condition],
    digest: Digest,
    /// Where authorities are asked still.
    open: Option<&'a Awaiting>,
}

fn view(known: &Known, grounds: Grounds<'_>, overrides: &[OverriddenDecision]) -> wire::ApprovalView {
    let Grounds { requirements, approvals, conditions, digest, open } = grounds;
    let gates = outstanding(requirements, approvals, digest);
    wire::ApprovalView {
        automated: requirements.automated,
        required: requirements.gates.iter().map(|required| gate(required.role, required.count)).collect(),
        given: approvals.iter().map(|approval| given(known, approval)).collect(),
        outstanding: gates.iter().map(|open| gate(open.role, open.missing)).collect(),
        stages: stages(requirements, &gates, open.map(|awaiting| awaiting.deadline)),
        escalated_to: open.map(|awaiting| roles(&escalated_to(awaiting, digest))).unwrap_or_default(),
        overrides: overrides.iter().map(|one| overridden(known, one)).collect(),
        conditions: conditions.iter().enumerate().map(|(at, one)| condition(known, at, one)).collect(),
        deadline: open.map(|awaiting| time(awaiting.deadline)),
        standing: requirements.standing.as_ref().map(|standing| wire::StandingApproval {
            standing_id: standing.decision.to_string(),
            text: standing_in_words(known, standing.decision),
        }),
    }
}

fn gate(role: Role, count: u8) -> wire::Gate {
    wire::Gate { role: role.to_string(), count }
}

/// The stages in order; none where no person is needed.
fn stages(
    requirements: &Requirements,
    gates: &[Outstanding],
    deadline: Option<Timestamp>,
) -> Vec<wire::Stage> {
    if requirements.automated {
        return Vec::new();
    }
    let of = requirements.stage_count();
    let open = gates.iter().map(|gate| gate.stage).min();
    let stage = |stage: u8| {
        let required = requirements.gates.iter().filter(|required| required.stage == stage);
        let (state, deadline) = match open {
            Some(open) if open == stage => ("open", deadline.map(time)),
            Some(open) if open < stage => ("later", None),
            Some(_) | None => ("complete", None),
        };
        wire::Stage {
            number: stage.saturating_add(1),
            of,
            state: state.to_owned(),
            required: required.map(|required| gate(required.role, required.count)).collect(),
            seconds: requirements.stage_seconds(stage),
            deadline,
        }
    };
    (0..of).map(stage).collect()
}

/// The stage whose turn it is.
pub(super) fn open_stage(awaiting: &Awaiting, digest: Digest) -> wire::Stage {
    let gates = outstanding(&awaiting.requirements, &awaiting.approvals, digest);
    let stages = stages(&awaiting.requirements, &gates, Some(awaiting.deadline));
    let open = stages.into_iter().find(|stage| stage.state == "open");
    open.unwrap_or_else(|| wire::Stage {
        number: 1,
        of: 1,
        state: "open".to_owned(),
        required: Vec::new(),
        seconds: awaiting.requirements.deadline_seconds,
        deadline: Some(time(awaiting.deadline)),
    })
}

/// Gates whose turn it is.
pub(super) fn in_turn(awaiting: &Awaiting, digest: Digest) -> Vec<wire::Gate> {
    awaiting.in_turn(digest).iter().map(|open| gate(open.role, open.missing)).collect()
}

/// Those who may decide too, because the time of those who are asked is nearly over.
pub(super) fn escalated_to(awaiting: &Awaiting, digest: Digest) -> Vec<Role> {
    let asked: Vec<_> = awaiting.in_turn(digest).iter().map(|gate| gate.role).collect();
    awaiting.asked(digest).into_iter().filter(|role| !asked.contains(role)).collect()
}

/// Roles as the wire has them.
pub(super) fn roles(roles: &[Role]) -> Vec<String> {
    texts(roles)
}

fn given(known: &Known, approval: &Approval) -> wire::GivenApproval {
    wire::GivenApproval {
        by: known.directory.name_of(&approval.by),
        role: approval.role.to_string(),
        at: time(approval.at),
        digest: approval.digest.to_string(),
        in_place_of: approval.delegated_by.as_ref().map(|other| known.directory.name_of(other)),
        instead_of: Some(approval.passes()).filter(|below| *below != approval.role).map(|it| it.to_string()),
    }
}

fn overridden(known: &Known, one: &OverriddenDecision) -> wire::OverriddenDecision {
    let (decision, from, to) = match &one.overridden {
        Overridden::PreApproval => ("pre_approval", None, None),
        Overridden::Rejection { was, .. } => ("rejection", Some(was.to_string()), None),
        Overridden::Level { from, to, .. } => ("level", Some(from.to_string()), Some(to.to_string())),
    };
    wire::OverriddenDecision {
        decision: decision.to_owned(),
        from,
        to,
        by: known.directory.name_of(&one.by),
        role: one.role.to_string(),
        at: time(one.at),
        reason: one.reason.to_string(),
    }
}

fn condition(known: &Known, index: usize, condition: &Condition) -> wire::Condition {
    let met = condition.met.as_ref();
    let proof = met.and_then(|met| met.proof.as_ref());
    wire::Condition {
        index,
        text: condition.text.to_string(),
        set_by: known.directory.name_of(&condition.set_by),
        state: if met.is_some() { "met" } else { "open" }.to_owned(),
        evidence: met.map(|met| met.evidence.to_string()),
        link: proof.and_then(|proof| match proof {
            Proof::Link { url } => Some(url.to_string()),
            Proof::File { .. } => None,
        }),
        sha256: proof.and_then(|proof| match proof {
            Proof::Link { .. } => None,
            Proof::File { sha256 } => Some(sha256.to_string()),
        }),
        met_by: met.map(|met| known.directory.name_of(&met.by)),
        met_at: met.map(|met| time(met.at)),
    }
}

/// A role as people call it.
pub(crate) fn role_title(role: Role) -> &'static str {
    match role {
        Role::Requester => "requester",
        Role::Implementer => "implementer",
        Role::TechnicalLead => "technical lead",
        Role::CabMember => "CAB member",
        Role::Ciso => "CISO",
        Role::Cto => "CTO",
        Role::HipaaAuthority => "HIPAA authority",
        Role::EcabMember => "e-CAB member",
        Role::ChangeManager => "change manager",
        Role::Auditor => "auditor",
        Role::Administrator => "administrator",
    }
}
