//! The implementation of a change: how far it has come, and what a runner needs to go on with it.

use api::change as wire;
use api::run::Assignment;
use domain::change::{Change, Execution, Runner};
use domain::id::StepName;
use domain::plan::{Part, Run, StepStatus, TaskState};

use super::{texts, time, with_names};
use crate::known::Known;

/// Everything a runner needs. The fencing token is that of its lease, 0 where it holds none.
pub(crate) fn assignment(change: &Change, fencing_token: u64, lease_seconds: u64) -> Assignment {
    let content = &change.content;
    Assignment {
        change_id: change.id.to_string(),
        state: change.state_name().to_string(),
        version: change.version,
        digest: change.digest,
        fencing_token,
        lease_seconds,
        plan: content.plan.clone(),
        rollback_plan: content.rollback_plan.clone(),
        monitors: content.monitors.clone(),
        rollback_conditions: content.rollback_conditions.clone(),
        run: change.execution().map(|execution| execution.run.clone()),
    }
}

/// How far the plan has come; nothing before the start.
pub(super) fn implementation(known: &Known, change: &Change) -> Option<wire::Implementation> {
    let Execution { runner, run, started_at, finished_at, .. } = change.execution()?;
    let progress = run.progress();
    Some(wire::Implementation {
        runner: match runner {
            Runner::Held { by, .. } => Some(known.directory.name_of(by)),
            Runner::Free { .. } => None,
        },
        started_at: time(*started_at),
        finished_at: finished_at.map(time),
        auto_rollback: run.auto_rollback(),
        phase: progress.phase.to_owned(),
        done: progress.done,
        total: progress.total,
        current: progress.current.map(|task| task.to_string()),
        waiting_for: run.question().map(|question| question.to_string()),
        steps: steps(run),
        failed_targets: texts(run.failed_targets()),
        rollback_cause: run.cause().map(|cause| with_names(known, &cause.to_string())),
        not_undone: texts(run.not_undone()),
    })
}

fn steps(run: &Run) -> Vec<wire::StepProgress> {
    let row = |part: Part, name: &StepName, status: StepStatus| wire::StepProgress {
        part: part.to_string(),
        name: name.to_string(),
        status: status.to_string(),
    };
    let steps = run.step_statuses().map(|(name, status)| row(Part::Step, name, status));
    let back = rollback_step_statuses(run);
    steps.chain(back.iter().map(|(name, status)| row(Part::RollbackStep, name, *status))).collect()
}

/// Every step of the rollback plan and where it is, once a rollback has begun.
pub(crate) fn rollback_step_statuses(run: &Run) -> Vec<(StepName, StepStatus)> {
    let back = run.task_states().filter(|(task, _)| task.part == Part::RollbackStep);
    back.map(|(task, state)| (task.step, status(state))).collect()
}

/// Where a step of the rollback plan is. It goes forward, so a word of the steps' own fits each of its states.
fn status(state: &TaskState) -> StepStatus {
    match state {
        TaskState::Pending => StepStatus::Pending,
        TaskState::Started { .. } => StepStatus::Started,
        TaskState::Asked { .. } => StepStatus::Asked,
        TaskState::Succeeded { .. } => StepStatus::Succeeded,
        TaskState::Retrying { .. } | TaskState::Cleared { .. } => StepStatus::Retrying,
        TaskState::Failed { .. } => StepStatus::Failed,
        TaskState::Unknown { .. } => StepStatus::Unknown,
    }
}
