//! Implementing: start, take over, progress, pause, finish, interruption.

use super::{Decision, gate, rollback};
use crate::approval::outstanding;
use crate::canonical::Digest;
use crate::change::action::{Action, Notice};
use crate::change::command::{Command, Deadline, Facts};
use crate::change::deadlines;
use crate::change::event::ChangeEvent;
use crate::change::refusal::Refusal;
use crate::change::state::{Authorization, Change, Execution, Runner, State};
use crate::id::StepName;
use crate::plan::{Decision as StepDecision, Observation, Observed, Phase, Plan, Run};

pub(super) fn start(
    change: &Change,
    authorization: &Authorization,
    command: &Command,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let Command::Start { digest, commit, fencing_token, auto_rollback, holds } = command else {
        return Err(Refusal::IllegalTransition { state: change.state_name(), command: command.name() });
    };
    if change.content.plan.is_none() {
        return Err(Refusal::NoPlan);
    }
    require_authorized(change, authorization, *digest)?;
    require_commit(change, commit.as_deref())?;
    if let Some(window) = change.content.window.filter(|window| !window.contains(facts.now)) {
        return Err(Refusal::OutsideWindow { start: window.start, end: window.end, now: facts.now });
    }
    Ok(Decision::new(
        vec![ChangeEvent::ImplementationStarted {
            digest: *digest,
            fencing_token: *fencing_token,
            auto_rollback: *auto_rollback,
            holds: *holds,
        }],
        vec![Action::CancelTimer { deadline: Deadline::Window }, Action::Notify { notice: Notice::Started }],
    ))
}

/// Approvals complete and bound to the current digest, conditions met.
fn require_authorized(change: &Change, authorization: &Authorization, digest: Digest) -> Result<(), Refusal> {
    for current in [change.digest, authorization.digest] {
        if digest != current {
            return Err(Refusal::DigestMismatch { given: digest, current });
        }
    }
    let missing = outstanding(&authorization.requirements, &authorization.approvals, change.digest);
    if !missing.is_empty() {
        return Err(Refusal::ApprovalsOutstanding { outstanding: missing });
    }
    let unmet: Vec<_> =
        authorization.unmet_conditions().map(|condition| condition.text.as_str().to_owned()).collect();
    if unmet.is_empty() { Ok(()) } else { Err(Refusal::ConditionsUnmet { unmet }) }
}

/// A change that names a commit runs only from a working tree at that commit.
fn require_commit(change: &Change, given: Option<&str>) -> Result<(), Refusal> {
    let Some(approved) = change.content.source.as_ref().and_then(|source| source.commit.as_deref()) else {
        return Ok(());
    };
    if given == Some(approved) {
        return Ok(());
    }
    let given = given.unwrap_or("none").to_owned();
    Err(Refusal::CommitMismatch { given, approved: approved.to_owned() })
}

pub(super) fn take_over(
    change: &Change,
    digest: Digest,
    commit: Option<&str>,
    fencing_token: u64,
) -> Result<Decision, Refusal> {
    let execution = execution(change)?;
    let current = execution.runner.fencing_token();
    let is_held = matches!(execution.runner, Runner::Held { .. });
    if is_held || fencing_token <= current {
        return Err(Refusal::StaleLease { given: fencing_token, current });
    }
    if digest != execution.authorization.digest {
        return Err(Refusal::DigestMismatch { given: digest, current: execution.authorization.digest });
    }
    // Nothing stands in the way of a rollback: whoever has no clean working tree at hand can still undo.
    if !execution.run.is_rolling_back() {
        require_commit(change, commit)?;
    }
    Ok(Decision::new(
        vec![ChangeEvent::TakenOver { fencing_token }],
        vec![Action::CancelTimer { deadline: Deadline::Interruption }],
    ))
}

pub(super) fn report(
    change: &Change,
    observation: &Observation,
    fencing_token: u64,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    require_runners_own(observation)?;
    observation.validate().map_err(|error| Refusal::IllegalObservation(error.to_string()))?;
    require_own_monitors(change, observation)?;
    require_lease(execution(change)?, fencing_token, facts)?;
    record(change, observation, facts)
}

/// What people and the product itself observe has its own commands; a runner cannot report it.
fn require_runners_own(observation: &Observation) -> Result<(), Refusal> {
    let is_of_others = observation.is_from_a_person()
        || matches!(observation, Observation::RunnerLost | Observation::PauseRequested);
    if is_of_others {
        let sentence = format!("a runner cannot report `{observation}`");
        return Err(Refusal::IllegalObservation(sentence));
    }
    Ok(())
}

/// Every monitor of the change is asked before the first step, and no other.
fn require_own_monitors(change: &Change, observation: &Observation) -> Result<(), Refusal> {
    let Observation::MonitorsAsked { answers } = observation else { return Ok(()) };
    let monitors = change.content.monitors.iter().map(|monitor| &monitor.name);
    if answers.iter().map(|answer| &answer.monitor).eq(monitors.clone()) {
        return Ok(());
    }
    let monitors: Vec<_> = monitors.map(|name| format!("`{name}`")).collect();
    let sentence =
        format!("`{observation}`: expected one answer of each monitor in order: {}", monitors.join(", "));
    Err(Refusal::IllegalObservation(sentence))
}

pub(super) fn decide_step(
    change: &Change,
    step: &StepName,
    decision: StepDecision,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let id = gate::human(facts)?;
    let refusal = || Refusal::NoDecisionAwaited { step: step.clone() };
    let observation = execution(change)?.run.answer(step, decision, id).ok_or_else(refusal)?;
    record(change, &observation, facts)
}

/// Folds the observation into the run and records what follows from it.
pub(super) fn record(
    change: &Change,
    observation: &Observation,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let run = match observe(change, &execution(change)?.run, observation)? {
        Observed::Already => return Ok(Decision::default()),
        Observed::New(run) => run,
    };
    let progressed = Decision::event(ChangeEvent::Progressed { observation: Box::new(observation.clone()) });
    let is_rolling_back = matches!(change.state, State::RollingBack(_));
    Ok(match run.phase() {
        Phase::Forward | Phase::Paused | Phase::Holding { .. } | Phase::Finished => progressed,
        Phase::RollingBack { .. } if is_rolling_back => progressed,
        Phase::RollingBack { cause } => progressed.then(rollback::started(change, cause, facts)),
        Phase::RolledBack => progressed.then(rollback::rolled_back()),
        Phase::RollbackFailed { .. } => progressed.then(rollback::failed(&run)),
    })
}

pub(super) fn observe(change: &Change, run: &Run, observation: &Observation) -> Result<Observed, Refusal> {
    let (plan, rollback_plan) = (plan(change)?, change.content.rollback_plan.as_ref());
    let observed = run.observe(plan, rollback_plan, observation);
    observed.map_err(|error| Refusal::IllegalObservation(error.to_string()))
}

pub(super) fn finish(
    change: &Change,
    execution: &Execution,
    fencing_token: u64,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    require_lease(execution, fencing_token, facts)?;
    if !matches!(execution.run.phase(), Phase::Finished) {
        return Err(Refusal::PlanNotDone(format!("it is {}", execution.run.phase().as_str())));
    }
    let deadline = deadlines::validation(plan(change)?, facts.now);
    Ok(Decision::new(
        vec![ChangeEvent::Implemented { deadline }],
        vec![Action::SetTimer { deadline: Deadline::Validation, due_at: deadline }],
    ))
}

/// Nobody can be lost where nobody holds the lease.
pub(super) fn interrupt(change: &Change, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    if matches!(execution(change)?.runner, Runner::Free { .. }) {
        return Ok(Decision::default());
    }
    let deadline = deadlines::after(facts.now, deadlines::INTERRUPTION_SECONDS);
    Ok(Decision::new(
        vec![ChangeEvent::Interrupted { deadline }],
        vec![
            Action::SetTimer { deadline: Deadline::Interruption, due_at: deadline },
            Action::Notify { notice: Notice::Interrupted },
        ],
    ))
}

/// Only the holder of the current lease reports progress.
fn require_lease(execution: &Execution, given: u64, facts: &Facts<'_>) -> Result<(), Refusal> {
    let current = execution.runner.fencing_token();
    let is_holder = match &execution.runner {
        Runner::Held { by, fencing_token } => *fencing_token == given && *by == facts.actor.id(),
        Runner::Free { .. } => false,
    };
    if is_holder { Ok(()) } else { Err(Refusal::StaleLease { given, current }) }
}

pub(super) fn plan(change: &Change) -> Result<&Plan, Refusal> {
    change.content.plan.as_ref().ok_or(Refusal::NoPlan)
}

pub(super) fn execution(change: &Change) -> Result<&Execution, Refusal> {
    change.execution().ok_or(Refusal::NoPlan)
}
