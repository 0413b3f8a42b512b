//! How long answers take before the change: what `2x_baseline` is compared with, and what a validation compares the result
//! with.
//!
//! Measured once, right before the first step, when every monitor is asked anyway, and kept on this machine for whoever takes over or validates. A change
//! that has begun can no longer be measured: without the kept figures there is no baseline, and none is made up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::id::{ChangeId, StepName};
use domain::plan::{Monitor, MonitorAnswer, Observation};
use domain::rollback::judge::WINDOW_SAMPLES_MIN;
use domain::rollback::{LatencyThreshold, RollbackConditions, Verdict};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::error::RunnerError;
use crate::probing::Probing;
use crate::progress::Progress;
use crate::session::Session;

/// Passing answers of each monitor from which the median is taken.
const ANSWERS: usize = 2 * WINDOW_SAMPLES_MIN;
/// Longest pause between two questions while the baseline is measured.
const PACE_MAX: Duration = Duration::from_millis(500);
/// Longest time the measurement may take.
const MEASURING_MAX: Duration = Duration::from_secs(30);
/// Longest time it may take where no condition needs it: what is compared later, or only that the monitors answer.
const COMPARING_MAX: Duration = Duration::from_secs(5);
const FILE: &str = "baseline.json";
/// Where the single latencies are kept.
const LATENCIES_FILE: &str = "latencies.json";

/// Each monitor's latencies before the change, in microseconds, as they were measured.
pub(crate) type Latencies = BTreeMap<StepName, Vec<u64>>;
/// Each monitor's median latency before the change, in microseconds.
pub(crate) type Baselines = BTreeMap<StepName, u64>;

/// What was measured before the change.
#[derive(Debug, Default)]
struct Measured {
    latencies: Latencies,
    /// Each monitor's last answer.
    verdicts: BTreeMap<StepName, Verdict>,
}

/// Asks every monitor before the first step, reports what it said, and measures the baseline; or reads the one that was
/// measured before the change began.
///
/// # Errors
/// When the lease is lost.
pub(crate) async fn obtain(session: &Session) -> Result<Baselines, RunnerError> {
    let file = file(&session.machine.state_folder, session.change);
    let view = session.view();
    if view.run.has_begun() {
        return Ok(read(&file).await);
    }
    let is_needed = is_needed(&session.script.conditions);
    let is_compared = session.script.plan.soak_seconds > 0;
    let limit = if is_needed { MEASURING_MAX } else { COMPARING_MAX };
    let passes = if is_needed || is_compared { ANSWERS } else { 0 };
    let Measured { latencies, verdicts } = tokio::select! {
        measured = measure(session, passes, limit) => measured,
        () = session.interrupt().cancelled() => return Ok(Baselines::new()),
        () = session.until(|view| (view.run.is_rolling_back()).then_some(())) => return Ok(Baselines::new()),
    };
    if view.run.watched().is_none() {
        report(session, view.version, &verdicts).await?;
    }
    let median_of = |(monitor, all): (&StepName, &Vec<u64>)| Some((monitor.clone(), median(all.clone())?));
    let baselines: Baselines = latencies.iter().filter_map(median_of).collect();
    for monitor in session.script.monitors.iter().filter(|_| is_needed) {
        let latency_micros = baselines.get(&monitor.name).copied();
        session.reporter.tell(Progress::Baseline { monitor: monitor.name.clone(), latency_micros });
    }
    if is_needed || is_compared {
        let single = file.with_file_name(LATENCIES_FILE);
        let written = async {
            write(&file, &baselines).await?;
            write(&single, &latencies).await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, file = %file.display(), "the baseline is not kept for a takeover or validation");
        }
    }
    Ok(baselines)
}

/// Puts on record that the change is watched from here on. What a monitor says holds nothing up: a change may mend what
/// fails.
async fn report(
    session: &Session,
    decided: u64,
    verdicts: &BTreeMap<StepName, Verdict>,
) -> Result<(), RunnerError> {
    let answer = |monitor: &Monitor| MonitorAnswer {
        monitor: monitor.name.clone(),
        verdict: verdicts.get(&monitor.name).copied().unwrap_or(Verdict::Error),
    };
    let answers: Vec<_> = session.script.monitors.iter().map(answer).collect();
    session.reporter.tell(Progress::MonitorsAsked { answers: answers.clone() });
    session.report(decided, Observation::MonitorsAsked { answers }).await.map(|_reported| ())
}

/// The baseline that was kept on this machine for a change.
pub(crate) async fn kept(state_folder: &Path, change: ChangeId) -> Baselines {
    read(&file(state_folder, change)).await
}

/// The single latencies that were kept on this machine for a change.
pub(crate) async fn kept_latencies(state_folder: &Path, change: ChangeId) -> Latencies {
    read(&file(state_folder, change).with_file_name(LATENCIES_FILE)).await
}

fn is_needed(conditions: &RollbackConditions) -> bool {
    conditions.latency.is_some_and(|latency| match latency.threshold {
        LatencyThreshold::BaselineMultipleHundredths(_) => true,
        LatencyThreshold::Millis(_) => false,
    })
}

/// Asks until every monitor has answered, and has passed so often.
async fn measure(session: &Session, passes: usize, limit: Duration) -> Measured {
    let monitors = &session.script.monitors;
    let pace = |monitor: &Monitor| Duration::from_millis(monitor.interval_millis).min(PACE_MAX);
    let mut probing = Probing::start(monitors, pace, &session.machine.context, session.interrupt());
    let mut measured = Measured::default();
    let collect = async {
        let Measured { latencies, verdicts } = &mut measured;
        while let Some(answer) = probing.next().await {
            session.samples.push(&answer.sample);
            verdicts.insert(answer.sample.monitor.clone(), answer.sample.verdict);
            if let (Verdict::Pass, Some(micros)) = (answer.sample.verdict, answer.sample.latency_micros) {
                latencies.entry(answer.sample.monitor).or_default().push(micros);
            }
            let passed = |monitor: &Monitor| latencies.get(&monitor.name).map_or(0, Vec::len);
            let is_enough =
                |monitor: &Monitor| verdicts.contains_key(&monitor.name) && passed(monitor) >= passes;
            if monitors.iter().all(is_enough) {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    // What has been collected by then is judged by whether it is enough, not by who was waited for.
    let _elapsed = timeout(limit, collect).await;
    measured
}

/// The median of enough values.
pub(crate) fn median(mut values: Vec<u64>) -> Option<u64> {
    if values.len() < WINDOW_SAMPLES_MIN {
        return None;
    }
    let middle = values.len() / 2;
    let (_, median, _) = values.select_nth_unstable(middle);
    Some(*median)
}

fn file(state_folder: &Path, change: ChangeId) -> PathBuf {
    state_folder.join(change.to_string()).join(FILE)
}

async fn read<T: DeserializeOwned + Default>(file: &Path) -> T {
    let Ok(json) = tokio::fs::read(file).await else { return T::default() };
    serde_json::from_slice(&json).unwrap_or_else(|error| {
        tracing::warn!(%error, file = %file.display(), "the kept baseline cannot be read: there is none");
        T::default()
    })
}

/// Written beside and renamed, so that there is never half of it.
async fn write(file: &Path, baselines: &impl Serialize) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(file);
    tokio::fs::create_dir_all(folder).await?;
    let prepared = file.with_extension("json.new");
    tokio::fs::write(&prepared, serde_json::to_vec(baselines)?).await?;
    tokio::fs::rename(&prepared, file).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_needs_enough_values() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![5, 1, 4, 2]), None);
        assert_eq!(median(vec![5, 1, 4, 2, 3]), Some(3));
        assert_eq!(median(vec![9, 9, 9, 1, 1, 1]), Some(9));
    }

    #[tokio::test]
    async fn what_is_written_is_read_again_and_damage_is_no_baseline() {
        let folder = tempfile::tempdir().unwrap();
        let change = "CHG-2026-000001".parse().unwrap();
        assert_eq!(kept(folder.path(), change).await, Baselines::new());
        let baselines = Baselines::from([("front".parse().unwrap(), 7)]);
        let file = file(folder.path(), change);
        write(&file, &baselines).await.unwrap();
        assert_eq!(kept(folder.path(), change).await, baselines);
        std::fs::write(&file, "{\"front\": -1}").unwrap();
        assert_eq!(kept(folder.path(), change).await, Baselines::new());
    }
}
