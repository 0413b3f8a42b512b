//! Watching the result: the checks that a validation hands in.
//!
//! Every monitor is asked for the whole soak, and at least as often as a rate or a median needs. Only `pass` counts as
//! well: a monitor without enough answers has not passed, and where no share of failures was agreed on, none is
//! tolerated.

use std::collections::BTreeMap;
use std::time::Duration;

use adapters::execute::ExecutionContext;
use api::command::Check;
use domain::id::StepName;
use domain::plan::{Monitor, Probe};
use domain::rollback::judge::WINDOW_SAMPLES_MIN;
use domain::rollback::{Breach, COMPARED_MIN, Comparison, Health, Judge, RollbackConditions};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::baseline::{Baselines, Latencies};
use crate::clock;
use crate::probing::{Answer, Probing, own_pace};
use crate::progress::{Progress, Reporter};
use crate::tally::Tally;

/// Name of the check over all monitors and conditions.
const CONDITIONS_CHECK: &str = "rollback conditions";
/// Name of the check that there is anything to ask.
const MONITORS_CHECK: &str = "monitors";

/// What is watched, and by which limits.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    pub(crate) monitors: &'a [Monitor],
    pub(crate) conditions: &'a RollbackConditions,
    pub(crate) baselines: &'a Baselines,
    /// How long answers took before the change; empty where that was not measured.
    pub(crate) before: &'a Latencies,
}

/// Asks every monitor for `soak`, and judges.
pub(crate) async fn soak(
    watched: &Watched<'_>,
    soak: Duration,
    context: &ExecutionContext,
    reporter: &Reporter,
    stop: &CancellationToken,
) -> Vec<Check> {
    let Watched { monitors, conditions, baselines, before } = watched;
    if monitors.is_empty() {
        let detail = "no monitor is defined, so nothing shows that the result is well: add one".to_owned();
        return vec![Check { name: MONITORS_CHECK.to_owned(), passed: false, detail }];
    }
    let mut judge = Judge::new((*conditions).clone(), monitors, baselines);
    let mut tallies: BTreeMap<StepName, Tally> =
        monitors.iter().map(|monitor| (monitor.name.clone(), Tally::default())).collect();
    let mut breach = None;
    let cancel = stop.child_token();
    let mut probing = Probing::start(monitors, own_pace, context, &cancel);
    let began = Instant::now();
    let (until, at_latest) = (began + soak, began + soak + longest_wait(monitors));
    loop {
        let is_enough = tallies.values().all(|tally| tally.count() >= WINDOW_SAMPLES_MIN);
        let end = if is_enough { until } else { at_latest };
        let answer = tokio::select! {
            answer = probing.next() => answer,
            () = sleep_until(end) => None,
        };
        let Some(Answer { sample, detail }) = answer else { break };
        if let Some(tally) = tallies.get_mut(&sample.monitor) {
            tally.add(&sample, &detail);
        }
        let (monitor, verdict) = (sample.monitor.clone(), sample.verdict);
        reporter.tell(Progress::Monitor { monitor, verdict, detail });
        breach = judge.observe(&sample);
        if breach.is_some() {
            // The result is not well: whoever waits for it should not wait longer.
            break;
        }
    }
    let is_stopped = stop.is_cancelled();
    let health = judge.health(clock::now());
    let tolerates_failures = conditions.error_rate.is_some();
    let mut compared = Vec::new();
    let mut checks = Vec::new();
    for (name, tally) in &tallies {
        let mut check = monitor_check(name, tally, tolerates_failures);
        if monitors.iter().any(|monitor| monitor.name == *name && tells_performance(&monitor.probe)) {
            match performance(before.get(name).map_or(&[], Vec::as_slice), tally) {
                Ok(comparison) => compared.push(performance_check(name, &comparison)),
                Err(why) => check.detail += &format!("; not compared with before: {why}"),
            }
        }
        checks.push(check);
    }
    checks.extend(compared);
    checks.push(conditions_check(breach.as_ref(), &health, is_stopped, began.elapsed()));
    checks
}

/// Time in which every monitor can have answered often enough.
fn longest_wait(monitors: &[Monitor]) -> Duration {
    let longest_millis = |monitor: &Monitor| monitor.interval_millis.max(monitor.probe.timeout_millis());
    let longest = Duration::from_millis(monitors.iter().map(longest_millis).max().unwrap_or(0));
    longest * u32::try_from(WINDOW_SAMPLES_MIN + 1).unwrap_or(u32::MAX)
}

/// Whether how long an answer takes tells of what has changed. How long a program runs tells more of the machine.
fn tells_performance(probe: &Probe) -> bool {
    match probe {
        Probe::Http { .. } | Probe::Prometheus(_) => true,
        Probe::Command { .. } | Probe::Alertmanager(_) | Probe::Findings(_) => false,
    }
}

/// How much longer answers take than before the change, or why that cannot be said.
fn performance(before: &[u64], tally: &Tally) -> Result<Comparison, String> {
    let after = tally.latencies();
    Comparison::of(before, &after).ok_or_else(|| match before.len() {
        0 => "this runner has measured no answers before the change".to_owned(),
        known if known < COMPARED_MIN => {
            format!("{known} answers before, at least {COMPARED_MIN} are needed")
        }
        _ => format!("{} answers since, at least {COMPARED_MIN} are needed", after.len()),
    })
}

fn performance_check(monitor: &StepName, compared: &Comparison) -> Check {
    let name = format!("performance {monitor}");
    Check { name, passed: !compared.is_degraded(), detail: compared.to_string() }
}

fn conditions_check(breach: Option<&Breach>, health: &Health, is_stopped: bool, time: Duration) -> Check {
    let (passed, detail) = match (breach, health) {
        _ if is_stopped => (false, "the watch was stopped before its end".to_owned()),
        (Some(breach), _) => (false, breach.to_string()),
        (None, Health::Unhealthy { why }) => (false, why.clone()),
        (None, Health::Unknown { why }) => (false, format!("cannot be judged: {why}")),
        (None, Health::Healthy) => (true, format!("kept for {} s", time.as_secs())),
    };
    Check { name: CONDITIONS_CHECK.to_owned(), passed, detail }
}

fn monitor_check(monitor: &StepName, tally: &Tally, tolerates_failures: bool) -> Check {
    // With an agreed share of failures the share is judged with the other conditions.
    let passed = tally.is_enough() && (tally.is_clean() || tolerates_failures);
    Check { name: format!("monitor {monitor}"), passed, detail: tally.detail() }
}
