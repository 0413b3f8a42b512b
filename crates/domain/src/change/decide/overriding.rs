//! Overriding what was decided automatically: that a low risk needs the usual authority, a rejection, a level.
//!
//! The authority above those who would decide does so, with a reason, never about a change of its own side. A person
//! always decides in the end: an override asks other people, or asks them again, and approves nothing by itself.

use super::{Decision, approval, gate, request};
use crate::approval::Requirements;
use crate::change::action::{Action, Notice};
use crate::change::command::{Command, Deadline, Facts, Override};
use crate::change::deadlines::{self, OVERRIDE_SECONDS};
use crate::change::event::{ChangeEvent, Overridden};
use crate::change::kind::ChangeType;
use crate::change::refusal::Refusal;
use crate::change::state::{Authorization, Awaiting, Change, RejectionReason, State};
use crate::change::transition::StateName;
use crate::risk::Level;

pub(super) fn decide(change: &Change, command: &Command, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let Command::Override { instead, digest, reason } = command else {
        return Err(nothing(change.state_name()));
    };
    let requirements = change.requirements().ok_or_else(|| nothing(change.state_name()))?;
    let role = requirements.overridden_by();
    gate::own_authority(change, role, facts)?;
    if *digest != change.digest {
        return Err(Refusal::DigestMismatch { given: *digest, current: change.digest });
    }
    request::require_window_ahead(&change.content, facts)?;
    let event = |overridden| ChangeEvent::DecisionOverridden { role, overridden, reason: reason.clone() };
    match (instead, &change.state) {
        (Override::PreApproval, State::AwaitingApproval(awaiting)) => {
            require_refused_pre_approval(change, awaiting)?;
            let actions = vec![
                Action::CancelTimer { deadline: Deadline::ApprovalEscalation },
                Action::Notify { notice: Notice::ApprovalEscalated },
            ];
            Ok(Decision::new(vec![event(Overridden::PreApproval)], actions))
        }
        (Override::Rejection, State::Rejected(rejected)) => {
            if rejected.reason == RejectionReason::Authority {
                let sentence = "an authority rejected the change: only automated decisions are overridden";
                return Err(Refusal::NothingToOverride(sentence.to_owned()));
            }
            let latest = deadlines::after(rejected.at, OVERRIDE_SECONDS);
            if facts.now >= latest {
                return Err(Refusal::DeadlinePassed { deadline: latest });
            }
            let deadline = approval::stage_deadline(requirements, 0, facts);
            let overridden = Overridden::Rejection { was: rejected.reason, deadline };
            Ok(approval::reopened(event(overridden), deadline, requirements, 0))
        }
        (
            Override::Level { level, requirements },
            State::AwaitingApproval(Awaiting { assessment, .. })
            | State::Approved(Authorization { assessment, .. }),
        ) => {
            require_other_level(change, assessment.level, *level, requirements)?;
            let deadline = approval::stage_deadline(requirements, 0, facts);
            let (from, to) = (assessment.level, *level);
            let overridden = Overridden::Level { from, to, requirements: requirements.clone(), deadline };
            Ok(approval::reopened(event(overridden), deadline, requirements, 0))
        }
        (Override::PreApproval | Override::Rejection | Override::Level { .. }, state) => {
            Err(nothing(state.name()))
        }
    }
}

/// Policy asked for a person although the risk is low, and the authority above may not decide yet.
fn require_refused_pre_approval(change: &Change, awaiting: &Awaiting) -> Result<(), Refusal> {
    let is_low = awaiting.assessment.level == Level::Low;
    let is_refused = is_low && change.content.change_type != ChangeType::Emergency && !awaiting.escalated;
    if is_refused {
        return Ok(());
    }
    let sentence =
        "only a low risk that policy did not approve without a person is decided by the authority above";
    Err(Refusal::NothingToOverride(sentence.to_owned()))
}

fn require_other_level(
    change: &Change,
    from: Level,
    to: Level,
    requirements: &Requirements,
) -> Result<(), Refusal> {
    let sentence = if change.content.change_type == ChangeType::Emergency {
        "an emergency is authorised by the e-CAB whatever its level".to_owned()
    } else if from == to {
        format!("the level is {to} already")
    } else if requirements.automated || requirements.gates.is_empty() {
        "an override always asks for a person".to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::NothingToOverride(sentence))
}

fn nothing(state: StateName) -> Refusal {
    Refusal::NothingToOverride(format!("a change that is {state} has no such automated decision"))
}
