//! What approvals make of a change: requested, given, withdrawn, refused, their conditions met, their window missed.

use jiff::Timestamp;

use super::{Misfit, Recorded};
use crate::actor::Role;
use crate::approval::{Approval, Condition, Met, Proof, Requirements};
use crate::canonical::Digest;
use crate::change::event::{Grounds, Overridden};
use crate::change::state::{
    Assessing, Authorization, Awaiting, Change, OverriddenDecision, Rejected, RejectionReason, Retrospective,
    State,
};
use crate::risk::Assessment;
use crate::text::FreeText;

/// What an approval extends to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Digest of what was approved.
    pub(super) digest: Digest,
    /// Whether nothing more is outstanding.
    pub(super) is_complete: bool,
    /// Until when the change must be reviewed, if it must.
    pub(super) due: Option<Timestamp>,
}

pub(super) fn requested(state: State, deadline: Timestamp) -> Result<State, Misfit> {
    let State::Assessing(Assessing::Assessed { assessment, requirements }) = state else {
        return Err(Misfit::State);
    };
    let standing = requirements.standing.iter();
    let conditions = standing.flat_map(|standing| {
        let set_by = &standing.proposed_by;
        standing.conditions.iter().map(|text| Condition {
            text: text.clone(),
            set_by: set_by.clone(),
            met: None,
        })
    });
    let conditions = conditions.collect();
    Ok(State::AwaitingApproval(Awaiting {
        assessment,
        requirements,
        approvals: Vec::new(),
        conditions,
        deadline,
        stage: 0,
        escalated: false,
    }))
}

pub(super) fn stage_opened(state: State, stage: u8, deadline: Timestamp) -> Result<State, Misfit> {
    let State::AwaitingApproval(awaiting) = state else { return Err(Misfit::State) };
    Ok(State::AwaitingApproval(Awaiting { stage, deadline, escalated: false, ..awaiting }))
}

pub(super) fn escalated(state: State) -> Result<State, Misfit> {
    let State::AwaitingApproval(awaiting) = state else { return Err(Misfit::State) };
    Ok(State::AwaitingApproval(Awaiting { escalated: true, ..awaiting }))
}

/// What was decided automatically does not hold any more. Approvals were given on another footing, and are void but for
/// the mere calling in of the authority above.
pub(super) fn overridden(
    change: &mut Change,
    state: State,
    recorded: Recorded<'_>,
    role: Role,
    overridden: &Overridden,
    reason: &FreeText,
) -> Result<State, Misfit> {
    let state = match (overridden, state) {
        (Overridden::PreApproval, state) => escalated(state)?,
        (Overridden::Rejection { deadline, .. }, State::Rejected(rejected)) => {
            let Rejected { assessment, requirements, conditions, .. } = rejected;
            State::AwaitingApproval(asked_anew(assessment, requirements, conditions, *deadline))
        }
        (
            Overridden::Level { to, requirements, deadline, .. },
            State::AwaitingApproval(Awaiting { mut assessment, conditions, .. })
            | State::Approved(Authorization { mut assessment, conditions, .. }),
        ) => {
            assessment.level = *to;
            change.retrospective = Retrospective::NotRequired;
            State::AwaitingApproval(asked_anew(assessment, requirements.clone(), conditions, *deadline))
        }
        (Overridden::Rejection { .. } | Overridden::Level { .. }, _) => return Err(Misfit::State),
    };
    change.overrides.push(OverriddenDecision {
        by: recorded.by.clone(),
        role,
        at: recorded.at,
        overridden: overridden.clone(),
        reason: reason.clone(),
    });
    Ok(state)
}

fn asked_anew(
    assessment: Box<Assessment>,
    requirements: Requirements,
    conditions: Vec<Condition>,
    deadline: Timestamp,
) -> Awaiting {
    let approvals = Vec::new();
    Awaiting { assessment, requirements, approvals, conditions, deadline, stage: 0, escalated: false }
}

pub(super) fn approved(
    change: &mut Change,
    state: State,
    recorded: Recorded<'_>,
    grounds: &Grounds,
    extent: Extent,
) -> Result<State, Misfit> {
    let authorization = match (grounds, state) {
        (Grounds::Automated, State::Assessing(Assessing::Assessed { assessment, requirements })) => {
            Authorization {
                assessment,
                requirements,
                approvals: Vec::new(),
                conditions: Vec::new(),
                digest: extent.digest,
                approved_at: recorded.at,
            }
        }
        (Grounds::Authority { approval, conditions, .. }, State::AwaitingApproval(awaiting)) => {
            let awaiting = with_approval(awaiting, approval, conditions);
            if !extent.is_complete {
                return Ok(State::AwaitingApproval(awaiting));
            }
            Authorization {
                assessment: awaiting.assessment,
                requirements: awaiting.requirements,
                approvals: awaiting.approvals,
                conditions: awaiting.conditions,
                digest: extent.digest,
                approved_at: recorded.at,
            }
        }
        (Grounds::Automated | Grounds::Authority { .. }, _) => return Err(Misfit::State),
    };
    change.retrospective =
        extent.due.map_or(Retrospective::NotRequired, |by| Retrospective::Due { by, overdue: false });
    Ok(State::Approved(authorization))
}

fn with_approval(mut awaiting: Awaiting, approval: &Approval, conditions: &[FreeText]) -> Awaiting {
    let set_by = |text: &FreeText| Condition { text: text.clone(), set_by: approval.by.clone(), met: None };
    awaiting.approvals.push(approval.clone());
    awaiting.conditions.extend(conditions.iter().map(set_by));
    awaiting
}

pub(super) fn rejected(
    state: State,
    recorded: Recorded<'_>,
    reason: RejectionReason,
) -> Result<State, Misfit> {
    let (assessment, requirements, conditions) = match state {
        State::AwaitingApproval(Awaiting { assessment, requirements, conditions, .. }) => {
            (assessment, requirements, conditions)
        }
        State::Assessing(Assessing::Assessed { assessment, requirements }) => {
            (assessment, requirements, Vec::new())
        }
        State::Draft
        | State::Assessing(Assessing::Gathering)
        | State::Approved(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => return Err(Misfit::State),
    };
    Ok(State::Rejected(Rejected { reason, assessment, requirements, conditions, at: recorded.at }))
}

/// The approver's conditions stay: they are gates, and whoever has approved since relies on them.
pub(super) fn withdrawn(
    change: &mut Change,
    state: State,
    recorded: Recorded<'_>,
    deadline: Timestamp,
) -> Result<State, Misfit> {
    let is_own = |approval: &Approval| approval.people().any(|person| person == recorded.by);
    let awaiting = match state {
        State::AwaitingApproval(mut awaiting) => {
            awaiting.approvals.retain(|approval| !is_own(approval));
            Awaiting { deadline, ..awaiting }
        }
        State::Approved(authorization) => {
            let mut awaiting = awaiting_again(change, authorization, deadline);
            awaiting.approvals.retain(|approval| !is_own(approval));
            awaiting.stage =
                awaiting.in_turn(change.digest).first().map(|gate| gate.stage).unwrap_or_default();
            awaiting
        }
        State::Draft
        | State::Assessing(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => return Err(Misfit::State),
    };
    Ok(State::AwaitingApproval(awaiting))
}

/// What was approved can no longer be done in its time: nobody's approval counts any more.
pub(super) fn window_missed(change: &mut Change, state: State, deadline: Timestamp) -> Result<State, Misfit> {
    let State::Approved(authorization) = state else { return Err(Misfit::State) };
    let awaiting = awaiting_again(change, authorization, deadline);
    Ok(State::AwaitingApproval(Awaiting { approvals: Vec::new(), ..awaiting }))
}

/// The change is allowed no longer and has not been begun, so there is nothing to review either.
fn awaiting_again(change: &mut Change, authorization: Authorization, deadline: Timestamp) -> Awaiting {
    change.retrospective = Retrospective::NotRequired;
    let Authorization { assessment, requirements, approvals, conditions, .. } = authorization;
    Awaiting { assessment, requirements, approvals, conditions, deadline, stage: 0, escalated: false }
}

pub(super) fn satisfied(
    mut state: State,
    recorded: Recorded<'_>,
    index: u32,
    evidence: &FreeText,
    proof: Option<&Proof>,
) -> Result<State, Misfit> {
    let (State::AwaitingApproval(Awaiting { conditions, .. })
    | State::Approved(Authorization { conditions, .. })) = &mut state
    else {
        return Err(Misfit::State);
    };
    let condition = usize::try_from(index)
        .ok()
        .and_then(|index| conditions.get_mut(index))
        .filter(|condition| condition.met.is_none())
        .ok_or_else(|| Misfit::because(format!("condition {index} does not exist or is met already")))?;
    let (evidence, proof) = (evidence.clone(), proof.cloned());
    condition.met = Some(Met { by: recorded.by.clone(), at: recorded.at, evidence, proof });
    Ok(state)
}
