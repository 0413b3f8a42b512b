//! The implementation of a change: how far it has come, and what a runner needs to go on with it.

use api::change as wire;
use api::run::Assignment;
use domain::Timestamp;
use domain::change::{Change, ChangeEvent, Execution, Runner};
use domain::id::StepName;
use domain::plan::{Observation, Part, Plan, Run, StepKind, StepStatus, Task, TaskState};
use domain::rollback::Percent;
use jiff::SignedDuration;

use super::{texts, time, with_names};
use crate::known::Known;
use crate::record::Recorded;

/// Everything a runner needs. The fencing token is that of its lease, 0 where it holds none.
pub(crate) fn assignment(
    known: &Known,
    change: &Change,
    fencing_token: u64,
    lease_seconds: u64,
) -> Assignment {
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
        calibration: super::bound(known, change).cloned(),
        run: change.execution().map(|execution| execution.run.clone()),
    }
}

/// How far the plan has come; nothing before the start.
pub(super) fn implementation(
    known: &Known,
    change: &Change,
    trail: &[Recorded<ChangeEvent>],
) -> Option<wire::Implementation> {
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
        stages: change.content.plan.as_ref().map_or_else(Vec::new, |plan| stages(run, plan)),
        bake: baking(change, trail).map(|baking| wire::BakeProgress {
            step: baking.step.to_string(),
            since: time(baking.since),
            until: time(baking.until),
            at_latest: time(baking.at_latest),
            verdict: None,
            detail: None,
        }),
        quarantine: run.quarantine().map(str::to_owned),
        failed_targets: texts(run.failed_targets()),
        rollback_cause: run.cause().map(|cause| with_names(known, &cause.to_string())),
        not_undone: texts(run.not_undone()),
    })
}

fn stages(run: &Run, plan: &Plan) -> Vec<wire::StageProgress> {
    let statuses = run.stage_statuses(plan).into_iter();
    let stages = statuses.map(|(stage, status)| wire::StageProgress {
        name: stage.name.to_string(),
        weight: stage.weight.map(|weight| Percent(weight).to_string()),
        status: status.to_string(),
    });
    stages.collect()
}

/// A bake that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Baking {
    /// The bake.
    pub step: StepName,
    /// When it began.
    pub since: Timestamp,
    /// When it ends, where all is well then.
    pub until: Timestamp,
    /// When it ends at the latest.
    pub at_latest: Timestamp,
}

/// The bake that is under way, if one is; when it began stands in the trail.
pub(crate) fn baking(change: &Change, trail: &[Recorded<ChangeEvent>]) -> Option<Baking> {
    let (plan, run) = (change.content.plan.as_ref()?, &change.execution()?.run);
    let is_started = |(_, state): &(Task, &TaskState)| matches!(state, TaskState::Started { .. });
    let (task, _) = run.task_states().find(is_started)?;
    let Some(StepKind::Bake(bake)) = task.kind_in(plan, change.content.rollback_plan.as_ref()) else {
        return None;
    };
    let starts = |recorded: &&Recorded<ChangeEvent>| {
        let ChangeEvent::Progressed { observation } = &recorded.event else { return false };
        matches!(observation.as_ref(), Observation::Started { task: started, .. } if *started == task)
    };
    let since = trail.iter().rev().find(starts)?.envelope.at;
    let after = |from: Timestamp, millis: u64| {
        let millis = i64::try_from(millis).ok().map(SignedDuration::from_millis);
        millis.and_then(|millis| from.checked_add(millis).ok()).unwrap_or(from)
    };
    let until = after(since, bake.duration_millis);
    Some(Baking { step: task.step, since, until, at_latest: after(until, bake.extension_millis) })
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
