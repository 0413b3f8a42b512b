//! User acceptance: a person whom the plan names accepts the result, or refuses it.

use super::{Decision, gate, rollback};
use crate::change::command::{ActingActor, Command, Facts};
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::state::{Change, Execution, Validation, ValidationCheck};
use crate::id::StepName;
use crate::plan::{Acceptor, Cause, Decision as Answer, UserAcceptance};
use crate::text::FreeText;

/// The acceptance that the plan asks for.
pub(super) fn wanted(change: &Change) -> Option<&UserAcceptance> {
    change.content.plan.as_ref().and_then(|plan| plan.user_acceptance.as_ref())
}

/// Records that the result is accepted, or takes the change back because it is refused.
pub(super) fn decide(
    change: &Change,
    execution: &Execution,
    command: &Command,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let Command::DecideStep { step, decision, comment } = command else {
        return Err(super::illegal(change, command.name()));
    };
    let Some(acceptance) = wanted(change).filter(|_| UserAcceptance::is_named(step)) else {
        return Err(Refusal::NoDecisionAwaited { step: step.clone() });
    };
    require_acceptor(execution, acceptance, facts)?;
    let Some(text) = comment.clone() else { return Err(Refusal::AcceptanceWithoutWords) };
    match decision {
        // Accepting again changes nothing.
        Answer::Done if execution.accepted.is_some() => Ok(Decision::default()),
        Answer::Done => Ok(Decision::event(ChangeEvent::ResultAccepted { text })),
        Answer::GiveUp => {
            let validation = Validation { checks: vec![check(step.clone(), false, text)] };
            let failed = Decision::event(ChangeEvent::ValidationFailed { validation });
            Ok(failed.then(rollback::started(change, &Cause::ValidationFailed, facts)))
        }
        Answer::Redo => Err(Refusal::NoDecisionAwaited { step: step.clone() }),
    }
}

/// A person whom the plan names, and who has not run it.
fn require_acceptor(
    execution: &Execution,
    acceptance: &UserAcceptance,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let id = gate::human(facts)?;
    if execution.run_by.contains(id) || execution.run_by.iter().any(|by| facts.people.contains(by)) {
        return Err(Refusal::AcceptedByRunner);
    }
    let ActingActor::Registered { roles, teams, .. } = facts.actor else { return Err(Refusal::HumanGate) };
    let is_named = match &acceptance.by {
        Acceptor::Role(role) => roles.contains(role),
        Acceptor::Team(team) => teams.contains(team),
    };
    if is_named { Ok(()) } else { Err(Refusal::NotAcceptor { by: acceptance.by.clone() }) }
}

/// The validation with the acceptance among its checks, where the plan asks for one.
pub(super) fn complete(
    change: &Change,
    execution: &Execution,
    validation: &Validation,
) -> Result<Validation, Refusal> {
    let mut validation = validation.clone();
    if let Some(acceptance) = wanted(change) {
        let missing = || Refusal::AcceptanceMissing { by: acceptance.by.clone() };
        let accepted = execution.accepted.as_ref().ok_or_else(missing)?;
        let name = UserAcceptance::name().map_err(|_| missing())?;
        validation.checks.push(check(name, true, accepted.text.clone()));
    }
    Ok(validation)
}

fn check(name: StepName, passed: bool, detail: FreeText) -> ValidationCheck {
    ValidationCheck { name, passed, detail }
}
