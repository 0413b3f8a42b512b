//! The newest rehearsal of a change.

use api::rehearsal::{RehearsalView, RehearsedTask};
use domain::change::{Change, Rehearsed};
use domain::plan::{self, Rehearsal};

use super::{texts, time};
use crate::known::Known;

/// What came of it, and whether it is still evidence of anything; nothing where there was none.
pub(crate) fn rehearsal(known: &Known, change: &Change) -> Option<RehearsalView> {
    let Rehearsed { by, at, rehearsal } = change.rehearsed.as_deref()?;
    let Rehearsal { digest, target, host, duration_millis, tasks, left_out, captures, .. } = rehearsal;
    let mut differing = texts(rehearsal.differing.iter().map(|capture| &capture.step));
    differing.dedup();
    Some(RehearsalView {
        at: time(*at),
        by: known.directory.name_of(by),
        target: target.to_string(),
        host: host.to_string(),
        digest: digest.to_string(),
        is_current: *digest == change.digest,
        passed: rehearsal.passed(),
        duration_ms: *duration_millis,
        tasks: tasks.iter().map(task).collect(),
        left_out: texts(left_out),
        captures: *captures,
        differing,
        left_in_place: texts(&rehearsal.left_in_place),
    })
}

fn task(rehearsed: &plan::RehearsedTask) -> RehearsedTask {
    let failure = rehearsed.outcome.failure();
    RehearsedTask {
        task: rehearsed.task.to_string(),
        succeeded: failure.is_none(),
        failure: failure.map(ToString::to_string),
        duration_ms: rehearsed.duration_millis,
    }
}
