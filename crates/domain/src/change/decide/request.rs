//! Asking for a change: create, submit, amend, assess, cancel.

use super::Decision;
use super::approval::TIME_TO_DECIDE;
use crate::approval::Requirements;
use crate::canonical::Digest;
use crate::change::action::{Action, Notice};
use crate::change::command::{Deadline, Facts};
use crate::change::content::{Content, Window};
use crate::change::deadlines;
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::state::{Change, State};
use crate::plan::Rehearsal;
use crate::risk::Assessment;
use crate::text::FreeText;

pub(super) fn create(content: Content, draft: bool, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let digest = checked_digest(&content)?;
    require_window_ahead(&content, facts)?;
    let actions = if draft { Vec::new() } else { vec![assessment_timer(facts)] };
    Ok(Decision::new(vec![ChangeEvent::Created { content: Box::new(content), digest, draft }], actions))
}

pub(super) fn submit(change: &Change, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    require_window_ahead(&change.content, facts)?;
    Ok(Decision::new(vec![ChangeEvent::Submitted], vec![assessment_timer(facts)]))
}

pub(super) fn amend(change: &Change, content: &Content, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let digest = checked_digest(content)?;
    require_window_ahead(content, facts)?;
    let mut actions = Vec::new();
    if !matches!(change.state, State::Draft) {
        actions.extend(TIME_TO_DECIDE.map(|deadline| Action::CancelTimer { deadline }));
        let void = [Deadline::Window, Deadline::Retrospective];
        actions.extend(void.map(|deadline| Action::CancelTimer { deadline }));
        actions.push(assessment_timer(facts));
    }
    Ok(Decision::new(vec![ChangeEvent::Amended { content: Box::new(content.clone()), digest }], actions))
}

/// The assessment's deadline goes on until the route is chosen, so that nothing stays here unnoticed.
pub(super) fn record_assessment(assessment: &Assessment, requirements: &Requirements) -> Decision {
    let (assessment, requirements) = (Box::new(assessment.clone()), requirements.clone());
    Decision::event(ChangeEvent::RiskAssessed { assessment, requirements })
}

/// Evidence is of what the change asks for now, and of nothing else.
pub(super) fn rehearse(change: &Change, rehearsal: &Rehearsal) -> Result<Decision, Refusal> {
    if rehearsal.digest != change.digest {
        return Err(Refusal::DigestMismatch { given: rehearsal.digest, current: change.digest });
    }
    let plan = change.content.plan.as_ref().ok_or(Refusal::NoPlan)?;
    let checked = rehearsal.check(plan, change.content.rollback_plan.as_ref());
    checked.map_err(|error| Refusal::InvalidContent(error.to_string()))?;
    Ok(Decision::event(ChangeEvent::Rehearsed { rehearsal: Box::new(rehearsal.clone()) }))
}

pub(super) fn cancel(reason: &FreeText) -> Decision {
    let deadlines = [Deadline::Assessment, Deadline::Window, Deadline::Retrospective];
    let mut actions = deadlines.map(|deadline| Action::CancelTimer { deadline }).to_vec();
    actions.extend(TIME_TO_DECIDE.map(|deadline| Action::CancelTimer { deadline }));
    actions.push(Action::Notify { notice: Notice::Cancelled });
    Decision::new(vec![ChangeEvent::Cancelled { reason: reason.clone() }], actions)
}

fn assessment_timer(facts: &Facts<'_>) -> Action {
    let due_at = deadlines::after(facts.now, deadlines::ASSESSMENT_SECONDS);
    Action::SetTimer { deadline: Deadline::Assessment, due_at }
}

/// A window that is over admits no start any more, so nobody is asked to approve one.
pub(super) fn require_window_ahead(content: &Content, facts: &Facts<'_>) -> Result<(), Refusal> {
    match content.window.filter(|window| window.end <= facts.now) {
        Some(Window { start, end }) => Err(Refusal::OutsideWindow { start, end, now: facts.now }),
        None => Ok(()),
    }
}

fn checked_digest(content: &Content) -> Result<Digest, Refusal> {
    content.validate().map_err(|error| Refusal::InvalidContent(error.to_string()))?;
    content.digest().map_err(|error| Refusal::InvalidContent(error.to_string()))
}
