//! Folding events into a change. Total over recorded logs: an event that cannot follow is a damaged log and reported.

use jiff::Timestamp;

use super::command::ReviewKind;
use super::event::{ChangeEvent, Grounds};
use super::state::{
    Assessing, Authorization, Awaiting, Change, Closed, Execution, Rejected, Retrospective, Runner, State,
};
use crate::approval::{Condition, Met};
use crate::id::{ActorId, ChangeId};
use crate::plan::{Cause, Observation, Observed, Run};

/// The log holds an event that cannot follow the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "event {version} of {id} cannot follow the earlier ones ({why}): verify the log with `cortex-change audit verify`"
)]
pub struct CorruptChange {
    id: ChangeId,
    version: u64,
    why: String,
}

/// When and by whom an event was recorded.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: &'a ActorId,
    /// For whom, when not for the recorder.
    pub on_behalf_of: Option<&'a ActorId>,
}

/// Folds one event into a change.
///
/// # Errors
/// When the event cannot follow the earlier ones.
pub fn evolve(
    change: Option<Change>,
    id: ChangeId,
    recorded: Recorded<'_>,
    event: &ChangeEvent,
) -> Result<Change, CorruptChange> {
    let Some(mut change) = change else {
        return created(id, recorded, event);
    };
    change.version += 1;
    change.updated_at = recorded.at;
    let version = change.version;
    let corrupt = |why: &str| CorruptChange { id, version, why: why.to_owned() };
    apply(&mut change, recorded, event).map_err(|why| corrupt(&why))?;
    Ok(change)
}

fn created(id: ChangeId, recorded: Recorded<'_>, event: &ChangeEvent) -> Result<Change, CorruptChange> {
    let ChangeEvent::Created { content, digest, draft } = event else {
        return Err(CorruptChange {
            id,
            version: 1,
            why: "the first event does not create the change".to_owned(),
        });
    };
    Ok(Change {
        id,
        version: 1,
        created_at: recorded.at,
        created_by: recorded.by.clone(),
        on_behalf_of: recorded.on_behalf_of.cloned(),
        updated_at: recorded.at,
        content: content.as_ref().clone(),
        digest: *digest,
        amendments: 0,
        state: if *draft { State::Draft } else { State::Assessing(Assessing::Gathering) },
        retrospective: Retrospective::NotRequired,
        incidents: Vec::new(),
        reviews: 0,
    })
}

/// Applies the event; the error says what is wrong.
fn apply(change: &mut Change, recorded: Recorded<'_>, event: &ChangeEvent) -> Result<(), String> {
    match event {
        ChangeEvent::Created { .. } => return Err("the change exists already".to_owned()),
        ChangeEvent::Submitted => change.state = State::Assessing(Assessing::Gathering),
        ChangeEvent::Amended { content, digest } => {
            change.content = content.as_ref().clone();
            change.digest = *digest;
            change.amendments += 1;
            if !matches!(change.state, State::Draft) {
                change.state = State::Assessing(Assessing::Gathering);
            }
        }
        ChangeEvent::Commented { .. } | ChangeEvent::AttentionNeeded { .. } => {}
        ChangeEvent::IncidentLinked { incident } => change.incidents.push(*incident),
        ChangeEvent::Reviewed { kind, .. } => reviewed(change, recorded, *kind),
        ChangeEvent::RetrospectiveOverdue => {
            if let Retrospective::Due { overdue, .. } = &mut change.retrospective {
                *overdue = true;
            }
        }
        ChangeEvent::RiskAssessed { assessment, requirements } => {
            let (assessment, requirements) = (assessment.clone(), requirements.clone());
            change.state = State::Assessing(Assessing::Assessed { assessment, requirements });
        }
        ChangeEvent::Cancelled { .. } => {
            change.state = State::Cancelled;
            change.retrospective = Retrospective::NotRequired;
        }
        ChangeEvent::ApprovalRequested { .. }
        | ChangeEvent::Approved { .. }
        | ChangeEvent::Rejected { .. }
        | ChangeEvent::ApprovalWithdrawn { .. }
        | ChangeEvent::ConditionSatisfied { .. }
        | ChangeEvent::WindowMissed { .. } => return approvals(change, recorded, event),
        ChangeEvent::ImplementationStarted { .. }
        | ChangeEvent::TakenOver { .. }
        | ChangeEvent::Progressed { .. }
        | ChangeEvent::Interrupted { .. }
        | ChangeEvent::Implemented { .. }
        | ChangeEvent::Validated { .. }
        | ChangeEvent::ValidationFailed { .. }
        | ChangeEvent::RollbackStarted { .. }
        | ChangeEvent::RolledBack
        | ChangeEvent::RollbackFailed { .. }
        | ChangeEvent::Closed { .. } => return execution(change, recorded, event),
    }
    Ok(())
}

fn reviewed(change: &mut Change, recorded: Recorded<'_>, kind: ReviewKind) {
    change.reviews += 1;
    match (kind, &change.retrospective) {
        (ReviewKind::Retrospective, Retrospective::Due { overdue, by }) => {
            let late = *overdue || recorded.at >= *by;
            change.retrospective = Retrospective::Done { at: recorded.at, by: recorded.by.clone(), late };
        }
        (ReviewKind::Retrospective, Retrospective::NotRequired | Retrospective::Done { .. })
        | (ReviewKind::PostImplementation, _) => {}
    }
}

/// Events between the assessment and the start.
fn approvals(change: &mut Change, recorded: Recorded<'_>, event: &ChangeEvent) -> Result<(), String> {
    let state = std::mem::replace(&mut change.state, State::Draft);
    change.state = match (event, state) {
        (
            ChangeEvent::ApprovalRequested { deadline },
            State::Assessing(Assessing::Assessed { assessment, requirements }),
        ) => State::AwaitingApproval(Awaiting {
            assessment,
            requirements,
            approvals: Vec::new(),
            conditions: Vec::new(),
            deadline: *deadline,
        }),
        (
            ChangeEvent::Approved { grounds: Grounds::Automated, digest, .. },
            State::Assessing(Assessing::Assessed { assessment, requirements }),
        ) => State::Approved(Authorization {
            assessment,
            requirements,
            approvals: Vec::new(),
            conditions: Vec::new(),
            digest: *digest,
            approved_at: recorded.at,
        }),
        (ChangeEvent::Approved { .. }, State::AwaitingApproval(awaiting)) => {
            let (state, retrospective) = approved(awaiting, recorded, event)?;
            change.retrospective = retrospective.unwrap_or_else(|| change.retrospective.clone());
            state
        }
        (ChangeEvent::Rejected { reason, .. }, State::AwaitingApproval(Awaiting { assessment, .. }))
        | (ChangeEvent::Rejected { reason, .. }, State::Assessing(Assessing::Assessed { assessment, .. })) => {
            State::Rejected(Rejected { reason: *reason, assessment })
        }
        (ChangeEvent::ApprovalWithdrawn { deadline, .. }, State::AwaitingApproval(mut awaiting)) => {
            awaiting.approvals.retain(|approval| approval.by != *recorded.by);
            State::AwaitingApproval(Awaiting { deadline: *deadline, ..awaiting })
        }
        (ChangeEvent::ApprovalWithdrawn { deadline, .. }, State::Approved(authorization)) => {
            change.retrospective = Retrospective::NotRequired;
            let approvals =
                authorization.approvals.into_iter().filter(|approval| approval.by != *recorded.by).collect();
            State::AwaitingApproval(Awaiting {
                assessment: authorization.assessment,
                requirements: authorization.requirements,
                approvals,
                conditions: authorization.conditions,
                deadline: *deadline,
            })
        }
        (ChangeEvent::ConditionSatisfied { .. }, State::AwaitingApproval(mut awaiting)) => {
            satisfy(&mut awaiting.conditions, recorded, event)?;
            State::AwaitingApproval(awaiting)
        }
        (ChangeEvent::ConditionSatisfied { .. }, State::Approved(mut authorization)) => {
            satisfy(&mut authorization.conditions, recorded, event)?;
            State::Approved(authorization)
        }
        (ChangeEvent::WindowMissed { deadline }, State::Approved(authorization)) => {
            State::AwaitingApproval(Awaiting {
                assessment: authorization.assessment,
                requirements: authorization.requirements,
                approvals: Vec::new(),
                conditions: authorization.conditions,
                deadline: *deadline,
            })
        }
        (_, state) => {
            change.state = state;
            return Err(format!("the change is {}", change.state_name()));
        }
    };
    Ok(())
}

fn approved(
    mut awaiting: Awaiting,
    recorded: Recorded<'_>,
    event: &ChangeEvent,
) -> Result<(State, Option<Retrospective>), String> {
    let ChangeEvent::Approved {
        grounds: Grounds::Authority { approval, conditions, .. },
        digest,
        complete,
        retrospective_due,
    } = event
    else {
        return Err("an automated approval cannot follow a request for approval".to_owned());
    };
    awaiting.approvals.push(approval.clone());
    awaiting.conditions.extend(conditions.iter().map(|text| Condition {
        text: text.clone(),
        set_by: approval.by.clone(),
        met: None,
    }));
    if !complete {
        return Ok((State::AwaitingApproval(awaiting), None));
    }
    let authorization = Authorization {
        assessment: awaiting.assessment,
        requirements: awaiting.requirements,
        approvals: awaiting.approvals,
        conditions: awaiting.conditions,
        digest: *digest,
        approved_at: recorded.at,
    };
    let retrospective = retrospective_due.map(|by| Retrospective::Due { by, overdue: false });
    Ok((State::Approved(authorization), retrospective))
}

fn satisfy(conditions: &mut [Condition], recorded: Recorded<'_>, event: &ChangeEvent) -> Result<(), String> {
    let ChangeEvent::ConditionSatisfied { index, evidence } = event else {
        return Err("not a satisfied condition".to_owned());
    };
    let condition = usize::try_from(*index)
        .ok()
        .and_then(|index| conditions.get_mut(index))
        .ok_or_else(|| format!("condition {index} does not exist"))?;
    condition.met = Some(Met { by: recorded.by.clone(), at: recorded.at, evidence: evidence.clone() });
    Ok(())
}

/// Events from the start to the end.
fn execution(change: &mut Change, recorded: Recorded<'_>, event: &ChangeEvent) -> Result<(), String> {
    let state = std::mem::replace(&mut change.state, State::Draft);
    let by = recorded.by.clone();
    change.state = match (event, state) {
        (
            ChangeEvent::ImplementationStarted { fencing_token, auto_rollback, .. },
            State::Approved(authorization),
        ) => {
            let plan = change.content.plan.as_ref().ok_or("the change has no plan")?;
            State::Implementing(Execution {
                run: Run::start(plan, change.content.rollback_plan.as_ref(), *auto_rollback),
                authorization: Box::new(authorization),
                runner: Runner::Held { by, fencing_token: *fencing_token },
                started_at: recorded.at,
                finished_at: None,
                validations: Vec::new(),
            })
        }
        (ChangeEvent::TakenOver { fencing_token }, State::Interrupted(execution)) => {
            let execution = held(execution, by, *fencing_token);
            if execution.run.is_rolling_back() {
                State::RollingBack(execution)
            } else {
                State::Implementing(execution)
            }
        }
        (ChangeEvent::TakenOver { fencing_token }, State::RollingBack(execution)) => {
            State::RollingBack(held(execution, by, *fencing_token))
        }
        (ChangeEvent::Progressed { observation }, State::Implementing(execution)) => {
            State::Implementing(observed(change, execution, observation)?)
        }
        (ChangeEvent::Progressed { observation }, State::RollingBack(execution)) => {
            State::RollingBack(observed(change, execution, observation)?)
        }
        (ChangeEvent::Interrupted { .. }, State::Implementing(execution) | State::RollingBack(execution)) => {
            let execution = observed(change, execution, &Observation::RunnerLost)?;
            State::Interrupted(free(execution))
        }
        (ChangeEvent::Implemented { .. }, State::Implementing(execution)) => {
            State::Validating(free(Execution { finished_at: Some(recorded.at), ..execution }))
        }
        (ChangeEvent::Validated { validation, .. }, State::Validating(mut execution)) => {
            execution.validations.push(validation.clone());
            State::Implemented(execution)
        }
        (ChangeEvent::ValidationFailed { validation }, State::Validating(mut execution)) => {
            execution.validations.push(validation.clone());
            State::Validating(execution)
        }
        (
            ChangeEvent::RollbackStarted { cause, .. },
            State::Implementing(execution)
            | State::Interrupted(execution)
            | State::Validating(execution)
            | State::Implemented(execution)
            | State::Failed(execution),
        ) => State::RollingBack(rolling_back(change, execution, cause)?),
        (ChangeEvent::RolledBack, State::RollingBack(execution)) => State::RolledBack(free(execution)),
        (
            ChangeEvent::RollbackFailed { .. },
            State::RollingBack(execution) | State::Interrupted(execution),
        ) => State::Failed(free(execution)),
        (
            ChangeEvent::Closed { outcome, follow_up, .. },
            State::Implemented(execution) | State::RolledBack(execution) | State::Failed(execution),
        ) => State::Closed(Closed { outcome: *outcome, follow_up: *follow_up, execution }),
        (_, state) => {
            change.state = state;
            return Err(format!("the change is {}", change.state_name()));
        }
    };
    Ok(())
}

fn held(execution: Execution, by: ActorId, fencing_token: u64) -> Execution {
    Execution { runner: Runner::Held { by, fencing_token }, ..execution }
}

fn free(execution: Execution) -> Execution {
    let last_fencing_token = execution.runner.fencing_token();
    Execution { runner: Runner::Free { last_fencing_token }, ..execution }
}

/// Starts rolling back, unless the run does so already because of its own observation.
fn rolling_back(change: &Change, execution: Execution, cause: &Cause) -> Result<Execution, String> {
    if execution.run.is_rolling_back() {
        return Ok(execution);
    }
    observed(change, execution, &Observation::RollbackRequested { cause: cause.clone() })
}

fn observed(change: &Change, execution: Execution, observation: &Observation) -> Result<Execution, String> {
    let plan = change.content.plan.as_ref().ok_or("the change has no plan")?;
    let observed = execution.run.observe(plan, change.content.rollback_plan.as_ref(), observation);
    match observed.map_err(|error| error.to_string())? {
        Observed::Already => Ok(execution),
        Observed::New(run) => Ok(Execution { run, ..execution }),
    }
}
