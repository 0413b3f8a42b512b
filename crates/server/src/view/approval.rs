//! Approvals: required, given and outstanding.

use api::change as wire;
use domain::Timestamp;
use domain::actor::Role;
use domain::approval::{Approval, Condition, Requirements, outstanding};
use domain::canonical::Digest;
use domain::change::{Assessing, Change, State};

use super::{standing_in_words, time};
use crate::known::Known;

/// What has to be approved, and how far that has come; nothing before the assessment and once a change is refused.
pub(super) fn approval(known: &Known, change: &Change) -> Option<wire::ApprovalView> {
    let of = |requirements, approvals, conditions, deadline| {
        view(known, Grounds { requirements, approvals, conditions, digest: change.digest }, deadline)
    };
    match &change.state {
        State::Draft | State::Assessing(Assessing::Gathering) | State::Rejected(_) | State::Cancelled => None,
        State::Assessing(Assessing::Assessed { requirements, .. }) => Some(of(requirements, &[], &[], None)),
        State::AwaitingApproval(awaiting) => Some(of(
            &awaiting.requirements,
            &awaiting.approvals,
            &awaiting.conditions,
            Some(awaiting.deadline),
        )),
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
}

fn view(known: &Known, grounds: Grounds<'_>, deadline: Option<Timestamp>) -> wire::ApprovalView {
    let Grounds { requirements, approvals, conditions, digest } = grounds;
    let gate = |role: Role, count| wire::Gate { role: role.to_string(), count };
    wire::ApprovalView {
        automated: requirements.automated,
        required: requirements.gates.iter().map(|required| gate(required.role, required.count)).collect(),
        given: approvals.iter().map(|approval| given(known, approval)).collect(),
        outstanding: outstanding(requirements, approvals, digest)
            .iter()
            .map(|open| gate(open.role, open.missing))
            .collect(),
        conditions: conditions.iter().enumerate().map(|(at, one)| condition(known, at, one)).collect(),
        deadline: deadline.map(time),
        standing: requirements.standing.as_ref().map(|standing| wire::StandingApproval {
            standing_id: standing.decision.to_string(),
            text: standing_in_words(known, standing.decision),
        }),
    }
}

fn given(known: &Known, approval: &Approval) -> wire::GivenApproval {
    wire::GivenApproval {
        by: known.directory.name_of(&approval.by),
        role: approval.role.to_string(),
        at: time(approval.at),
        digest: approval.digest.to_string(),
    }
}

fn condition(known: &Known, index: usize, condition: &Condition) -> wire::Condition {
    wire::Condition {
        index,
        text: condition.text.to_string(),
        set_by: known.directory.name_of(&condition.set_by),
        evidence: condition.met.as_ref().map(|met| met.evidence.to_string()),
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
        Role::EcabMember => "e-CAB member",
        Role::ChangeManager => "change manager",
        Role::Auditor => "auditor",
        Role::Administrator => "administrator",
    }
}
