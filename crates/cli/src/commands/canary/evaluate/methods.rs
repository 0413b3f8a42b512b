//! Our judge, and what others do, each as a function from a stream to the second at which it fails the canary.

use domain::canary::ranks::is_above;
use domain::canary::streams::{Latencies, LatencySource, Row};
use domain::canary::{Arm, Histogram, Judge, Sample, Settings, Watch};

/// A method by its name.
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) fails_at: fn(&[Row]) -> Option<u32>,
}

/// All that are compared, ours first.
pub(super) const METHODS: [Method; 6] = [
    Method { name: "ours", fails_at: ours },
    Method { name: "1 %/min, 5 failures", fails_at: |rows| threshold(rows, 5) },
    Method { name: "1 %/min, failure limit 3", fails_at: |rows| threshold(rows, 4) },
    Method { name: "Mann–Whitney, hourly", fails_at: ranks_hourly },
    Method { name: "Mann–Whitney, last 10 min", fails_at: ranks_rolling },
    Method { name: "z-test, peeked", fails_at: z_test },
];
/// Those for latencies.
pub(super) const LATENCY_METHODS: [&str; 2] = ["ours", "p99 over 500 ms, 5 min"];

/// Share of failing requests above which a minute is a failed check.
const SHARE_MAX: f64 = 0.01;
/// Confidence of the rank test and the share of the shift that its interval must exceed: what Kayenta's judge is set to.
const RANK_CONFIDENCE: f64 = 0.98;
const RANK_TOLERANCE: f64 = 0.25;
/// Fewest points of each arm in a rank test.
const RANK_POINTS_MIN: usize = 10;
/// Points of ten seconds in the last ten minutes.
const RANK_POINTS: usize = 60;
/// The value that a standard normal exceeds with a chance of 1 %.
const Z_ONE_PERCENT: f64 = 2.326_347_9;
/// Latency in milliseconds above which a minute's 99th percentile is a failed check, and how many of these end a rollout.
const P99_MILLIS_MAX: f64 = 500.0;
const P99_FAILURES: u32 = 5;
/// Requests per second of each arm where latencies are judged.
const LATENCIES_PER_SECOND: usize = 50;
const HOUR_SECONDS: u32 = 3_600;

fn ours(rows: &[Row]) -> Option<u32> {
    let mut judge = Judge::new(Settings::default()).ok()?;
    (1_u32..).zip(rows).find_map(|(second, row)| {
        judge.observe(&Sample::counts(u64::from(second) * 1_000, row.baseline, row.canary)).ok()?;
        judge.has_failed().then_some(second)
    })
}

/// Fails at the `failures`th minute of which more than 1 % of the canary's requests failed.
fn threshold(rows: &[Row], failures: usize) -> Option<u32> {
    let failed = (1_u32..)
        .zip(rows.chunks_exact(60))
        .filter(|(_, minute)| share(minute, |row| row.canary) > SHARE_MAX);
    failed.map(|(minute, _)| minute * 60).nth(failures.saturating_sub(1))
}

/// Points of a minute, once after the hour.
fn ranks_hourly(rows: &[Row]) -> Option<u32> {
    let points = |of: fn(&Row) -> (u64, u64)| -> Vec<f64> {
        rows.chunks_exact(60).map(|it| 100.0 * share(it, of)).collect()
    };
    let is_worse =
        is_above(&points(|row| row.canary), &points(|row| row.baseline), RANK_CONFIDENCE, RANK_TOLERANCE);
    is_worse.then_some(u32::try_from(rows.len()).unwrap_or(u32::MAX))
}

/// Points of ten seconds from the last ten minutes, each minute.
fn ranks_rolling(rows: &[Row]) -> Option<u32> {
    let points = |of: fn(&Row) -> (u64, u64)| -> Vec<f64> {
        rows.chunks_exact(10).map(|it| 100.0 * share(it, of)).collect()
    };
    let (canary, baseline) = (points(|row| row.canary), points(|row| row.baseline));
    let is_worse = |until: usize| {
        let from = until.saturating_sub(RANK_POINTS);
        let window = canary.get(from..until).zip(baseline.get(from..until));
        window.is_some_and(|(canary, baseline)| {
            canary.len() >= RANK_POINTS_MIN && is_above(canary, baseline, RANK_CONFIDENCE, RANK_TOLERANCE)
        })
    };
    let until = (6..=canary.len()).step_by(6).find(|until| is_worse(*until));
    until.map(|until| u32::try_from(until * 10).unwrap_or(u32::MAX))
}

/// The pooled test of two shares on all counts so far, every ten seconds, as if it were looked at once.
fn z_test(rows: &[Row]) -> Option<u32> {
    let (mut baseline, mut canary) = ((0, 0), (0, 0));
    (1_u32..).zip(rows).find_map(|(second, row)| {
        for (sum, more) in [(&mut baseline, row.baseline), (&mut canary, row.canary)] {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
        (second.is_multiple_of(10) && z(baseline, canary) > Z_ONE_PERCENT).then_some(second)
    })
}

fn z((n, errors): (u64, u64), (m, canary_errors): (u64, u64)) -> f64 {
    let (n, m) = (n as f64, m as f64);
    let pooled = (errors + canary_errors) as f64 / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    if variance > 0.0 { (canary_errors as f64 / m - errors as f64 / n) / variance.sqrt() } else { 0.0 }
}

fn share(rows: &[Row], of: fn(&Row) -> (u64, u64)) -> f64 {
    let (requests, errors) = rows.iter().map(of).fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
    if requests > 0 { errors as f64 / requests as f64 } else { 0.0 }
}

/// An hour of latencies, of which the canary's are as said and the baseline's are as long as usual.
pub(super) fn latencies(canary: Latencies, seed: u64) -> Vec<Option<u32>> {
    let usual = Latencies { shift: 0.0, tail: 0.0, ..canary };
    let mut of_baseline = LatencySource::new(seed.wrapping_mul(2));
    let mut of_canary = LatencySource::new(seed.wrapping_mul(2) + 1);
    let settings = Settings { watch: Watch::ErrorsAndLatencies, ..Settings::default() };
    let Ok(mut judge) = Judge::new(settings) else { return vec![None, None] };
    let (mut ours, mut theirs, mut failures) = (None, None, 0);
    let mut minute = Histogram::default();
    for second in 1..=HOUR_SECONDS {
        let arm = |source: &mut LatencySource, latencies| {
            let latencies =
                Histogram::of_millis(source.second(latencies, LATENCIES_PER_SECOND)).unwrap_or_default();
            Arm { latencies, ..Arm::counts(LATENCIES_PER_SECOND as u64, 0) }
        };
        let (baseline, canary) = (arm(&mut of_baseline, usual), arm(&mut of_canary, canary));
        minute.merge(&canary.latencies);
        if second.is_multiple_of(60) {
            failures += u32::from(minute.quantile(0.99).is_some_and(|p99| p99 > P99_MILLIS_MAX));
            minute = Histogram::default();
            theirs = theirs.or((failures >= P99_FAILURES).then_some(second));
        }
        if ours.is_none() {
            let at_millis = u64::from(second) * 1_000;
            let observed =
                judge.observe(&Sample { at_millis, baseline: Some(baseline), canary: Some(canary) });
            ours = (observed.is_ok() && judge.has_failed()).then_some(second);
        }
        if ours.is_some() && theirs.is_some() {
            break;
        }
    }
    vec![ours, theirs]
}
