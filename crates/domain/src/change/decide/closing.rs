//! Validating, closing, reviewing, linking incidents.

use super::{Decision, acceptance, gate, rollback};
use crate::change::action::{Action, Notice};
use crate::change::command::{Command, Deadline, Facts, ReviewKind};
use crate::change::deadlines;
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::review::ReviewFinding;
use crate::change::state::{Change, Execution, Outcome, Retrospective, State, Validation};
use crate::id::IncidentId;
use crate::plan::Cause;
use crate::text::FreeText;

pub(super) fn validate(
    change: &Change,
    execution: &Execution,
    validation: &Validation,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    if validation.checks.is_empty() {
        return Err(Refusal::NothingValidated);
    }
    if validation.passed() {
        let validation = acceptance::complete(change, execution, validation)?;
        let deadline = deadlines::after(facts.now, deadlines::CLOSING_SECONDS);
        return Ok(Decision::new(
            vec![ChangeEvent::Validated { validation, deadline }],
            vec![
                Action::CancelTimer { deadline: Deadline::Validation },
                Action::SetTimer { deadline: Deadline::Closing, due_at: deadline },
            ],
        ));
    }
    let failed = Decision::event(ChangeEvent::ValidationFailed { validation: validation.clone() });
    Ok(failed.then(rollback::started(change, &Cause::ValidationFailed, facts)))
}

pub(super) fn close(change: &Change, command: &Command) -> Result<Decision, Refusal> {
    let Command::Close { outcome, follow_up, comment, documentation } = command else {
        return Err(super::illegal(change, command.name()));
    };
    let (outcome, follow_up) = (*outcome, *follow_up);
    let accepted = accepted_outcomes(&change.state);
    if !accepted.contains(&outcome) {
        return Err(Refusal::OutcomeMismatch { state: change.state_name(), outcome, accepted });
    }
    let is_completed_by_another = follow_up.is_some_and(|other| other != change.id);
    if outcome == Outcome::Partial && !is_completed_by_another {
        return Err(Refusal::FollowUpMissing);
    }
    let wanted = change.content.on_close.documentation.as_ref();
    if let (Outcome::Successful, Some(wanted), None) = (outcome, wanted, documentation) {
        return Err(Refusal::DocumentationMissing { wanted: wanted.as_str().to_owned() });
    }
    let (comment, documentation) = (comment.clone(), documentation.clone());
    Ok(ended(ChangeEvent::Closed { outcome, follow_up, comment, documentation, by_deadline: false }))
}

/// Closes a change that nobody has closed in time, whether or not anything was documented: nothing waits for ever.
pub(super) fn close_by_deadline() -> Decision {
    let (outcome, by_deadline) = (Outcome::Successful, true);
    ended(ChangeEvent::Closed { outcome, follow_up: None, comment: None, documentation: None, by_deadline })
}

fn ended(closed: ChangeEvent) -> Decision {
    let told = Action::Notify { notice: Notice::Closed };
    Decision::new(vec![closed], vec![Action::CancelTimer { deadline: Deadline::Closing }, told])
}

/// How a change in this state may be said to have ended.
fn accepted_outcomes(state: &State) -> &'static [Outcome] {
    match state {
        State::Implemented(_) => &[Outcome::Successful, Outcome::Partial],
        State::RolledBack(_) => &[Outcome::RolledBack],
        State::Failed(_) => &[Outcome::Failed],
        State::Draft
        | State::Assessing(_)
        | State::AwaitingApproval(_)
        | State::Approved(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::RollingBack(_)
        | State::Closed(_)
        | State::Rejected(_)
        | State::Cancelled => &[],
    }
}

pub(super) fn review(
    change: &Change,
    kind: ReviewKind,
    text: &FreeText,
    finding: Option<ReviewFinding>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    if finding.is_some() {
        let State::Closed(_) = change.state else {
            return Err(Refusal::NoOutcomeToFind { state: change.state_name() });
        };
        // It corrects what counts for or against whoever asked.
        gate::independent_human(change, facts)?;
    }
    let event = ChangeEvent::Reviewed { kind, text: text.clone(), finding };
    match kind {
        ReviewKind::PostImplementation => Ok(Decision::event(event)),
        ReviewKind::Retrospective => {
            let Retrospective::Due { .. } = change.retrospective else {
                return Err(Refusal::NoRetrospectiveDue);
            };
            gate::independent_human(change, facts)?;
            Ok(Decision::new(vec![event], vec![Action::CancelTimer { deadline: Deadline::Retrospective }]))
        }
    }
}

/// Linking an incident again changes nothing.
pub(super) fn link_incident(change: &Change, incident: IncidentId) -> Decision {
    if change.incidents.contains(&incident) {
        return Decision::default();
    }
    Decision::event(ChangeEvent::IncidentLinked { incident })
}
