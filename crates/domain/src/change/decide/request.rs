//! Asking for a change: create, submit, amend, assess, cancel.

use super::Decision;
use crate::approval::Requirements;
use crate::change::action::Action;
use crate::change::command::{Deadline, Facts};
use crate::change::content::Content;
use crate::change::deadlines;
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::state::Change;
use crate::risk::Assessment;
use crate::text::FreeText;

pub(super) fn create(content: Content, draft: bool, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let digest = checked_digest(&content)?;
    let actions = if draft { Vec::new() } else { vec![assessment_timer(facts)] };
    Ok(Decision::new(vec![ChangeEvent::Created { content: Box::new(content), digest, draft }], actions))
}

pub(super) fn submit(facts: &Facts<'_>) -> Decision {
    Decision::new(vec![ChangeEvent::Submitted], vec![assessment_timer(facts)])
}

pub(super) fn amend(change: &Change, content: &Content, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let digest = checked_digest(content)?;
    let mut actions = vec![
        Action::CancelTimer { deadline: Deadline::Approval },
        Action::CancelTimer { deadline: Deadline::Window },
    ];
    if !matches!(change.state, crate::change::state::State::Draft) {
        actions.push(assessment_timer(facts));
    }
    Ok(Decision::new(vec![ChangeEvent::Amended { content: Box::new(content.clone()), digest }], actions))
}

pub(super) fn record_assessment(assessment: &Assessment, requirements: &Requirements) -> Decision {
    Decision::new(
        vec![ChangeEvent::RiskAssessed {
            assessment: Box::new(assessment.clone()),
            requirements: requirements.clone(),
        }],
        vec![Action::CancelTimer { deadline: Deadline::Assessment }],
    )
}

pub(super) fn cancel(reason: &FreeText) -> Decision {
    Decision::new(
        vec![ChangeEvent::Cancelled { reason: reason.clone() }],
        [Deadline::Assessment, Deadline::Approval, Deadline::Window, Deadline::Retrospective]
            .map(|deadline| Action::CancelTimer { deadline })
            .to_vec(),
    )
}

fn assessment_timer(facts: &Facts<'_>) -> Action {
    let due_at = deadlines::after(facts.now, deadlines::ASSESSMENT_SECONDS);
    Action::SetTimer { deadline: Deadline::Assessment, due_at }
}

fn checked_digest(content: &Content) -> Result<crate::canonical::Digest, Refusal> {
    content.validate().map_err(|error| Refusal::InvalidContent(error.to_string()))?;
    content.digest().map_err(|error| Refusal::InvalidContent(error.to_string()))
}
