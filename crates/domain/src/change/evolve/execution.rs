//! What carrying a plan out makes of a change: started, interrupted, done, validated, taken back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Misfit, Recorded};
use crate::change::command::Deadline;
use crate::change::state::{Accepted, Change, Execution, Runner, State, Validation};
use crate::plan::{Cause, Observation, Observed, Run};
use crate::text::FreeText;

pub(super) fn started(
    change: &Change,
    state: State,
    recorded: Recorded<'_>,
    fencing_token: u64,
    (auto_rollback, holds): (bool, bool),
) -> Result<State, Misfit> {
    let State::Approved(authorization) = state else { return Err(Misfit::State) };
    let plan = change.content.plan.as_ref().ok_or_else(no_plan)?;
    Ok(State::Implementing(Execution {
        run: Run::start_held(plan, change.content.rollback_plan.as_ref(), auto_rollback, holds),
        authorization: Box::new(authorization),
        runner: Runner::Held { by: recorded.by.clone(), fencing_token },
        started_at: recorded.at,
        finished_at: None,
        run_by: BTreeSet::from([recorded.by.clone()]),
        accepted: None,
        validations: Vec::new(),
        deadlines: BTreeMap::new(),
    }))
}

pub(super) fn taken_over(state: State, recorded: Recorded<'_>, fencing_token: u64) -> Result<State, Misfit> {
    let (State::Interrupted(mut execution) | State::RollingBack(mut execution)) = state else {
        return Err(Misfit::State);
    };
    execution.runner = Runner::Held { by: recorded.by.clone(), fencing_token };
    execution.run_by.insert(recorded.by.clone());
    execution.deadlines.remove(&Deadline::Interruption);
    let is_rolling_back = execution.run.is_rolling_back();
    Ok(if is_rolling_back { State::RollingBack(execution) } else { State::Implementing(execution) })
}

/// The state stays: what an observation leads to beyond the run is said by an event of its own.
pub(super) fn progressed(
    change: &Change,
    mut state: State,
    observation: &Observation,
) -> Result<State, Misfit> {
    let (State::Implementing(execution) | State::RollingBack(execution) | State::Interrupted(execution)) =
        &mut state
    else {
        return Err(Misfit::State);
    };
    observe(change, &mut execution.run, observation)?;
    Ok(state)
}

pub(super) fn interrupted(change: &Change, state: State, deadline: Timestamp) -> Result<State, Misfit> {
    let (State::Implementing(execution) | State::RollingBack(execution)) = state else {
        return Err(Misfit::State);
    };
    let mut execution = free(execution);
    observe(change, &mut execution.run, &Observation::RunnerLost)?;
    execution.deadlines.insert(Deadline::Interruption, deadline);
    Ok(State::Interrupted(execution))
}

pub(super) fn implemented(
    state: State,
    recorded: Recorded<'_>,
    deadline: Timestamp,
) -> Result<State, Misfit> {
    let State::Implementing(execution) = state else { return Err(Misfit::State) };
    Ok(State::Validating(Execution {
        finished_at: Some(recorded.at),
        deadlines: BTreeMap::from([(Deadline::Validation, deadline)]),
        ..free(execution)
    }))
}

pub(super) fn accepted(state: State, recorded: Recorded<'_>, text: &FreeText) -> Result<State, Misfit> {
    let State::Validating(mut execution) = state else { return Err(Misfit::State) };
    execution.accepted = Some(Accepted { by: recorded.by.clone(), at: recorded.at, text: text.clone() });
    Ok(State::Validating(execution))
}

pub(super) fn validated(state: State, validation: &Validation, deadline: Timestamp) -> Result<State, Misfit> {
    let State::Validating(mut execution) = state else { return Err(Misfit::State) };
    execution.validations.push(validation.clone());
    execution.deadlines = BTreeMap::from([(Deadline::Closing, deadline)]);
    Ok(State::Implemented(execution))
}

pub(super) fn validation_failed(state: State, validation: &Validation) -> Result<State, Misfit> {
    let State::Validating(mut execution) = state else { return Err(Misfit::State) };
    execution.validations.push(validation.clone());
    Ok(State::Validating(execution))
}

/// The run may have turned round by an observation of its own before.
pub(super) fn rollback_started(
    change: &Change,
    state: State,
    cause: &Cause,
    deadline: Timestamp,
) -> Result<State, Misfit> {
    let (State::Implementing(mut execution)
    | State::Interrupted(mut execution)
    | State::Validating(mut execution)
    | State::Implemented(mut execution)
    | State::Failed(mut execution)) = state
    else {
        return Err(Misfit::State);
    };
    if !execution.run.is_rolling_back() {
        let requested = Observation::RollbackRequested { cause: cause.clone() };
        observe(change, &mut execution.run, &requested)?;
    }
    execution.deadlines = BTreeMap::from([(Deadline::Rollback, deadline)]);
    Ok(State::RollingBack(execution))
}

pub(super) fn rolled_back(state: State) -> Result<State, Misfit> {
    Ok(State::RolledBack(ended(state)?))
}

pub(super) fn rollback_failed(state: State) -> Result<State, Misfit> {
    Ok(State::Failed(ended(state)?))
}

/// A rollback ends with its runner, or without one when its time is over.
fn ended(state: State) -> Result<Execution, Misfit> {
    let (State::RollingBack(execution) | State::Interrupted(execution)) = state else {
        return Err(Misfit::State);
    };
    Ok(Execution { deadlines: BTreeMap::new(), ..free(execution) })
}

fn free(execution: Execution) -> Execution {
    let last_fencing_token = execution.runner.fencing_token();
    Execution { runner: Runner::Free { last_fencing_token }, ..execution }
}

fn observe(change: &Change, run: &mut Run, observation: &Observation) -> Result<(), Misfit> {
    let plan = change.content.plan.as_ref().ok_or_else(no_plan)?;
    let observed = run.observe(plan, change.content.rollback_plan.as_ref(), observation);
    if let Observed::New(next) = observed.map_err(|error| Misfit::because(error.to_string()))? {
        *run = next;
    }
    Ok(())
}

fn no_plan() -> Misfit {
    Misfit::because("the change has no plan")
}
