//! A record of equal versions, made up: nobody waits three hours for a demo. What it is made of is what the shop is like.

use std::fmt::Write as _;

use domain::canary::streams::{Family, Latencies, LatencySource, Row, Wander};

use super::load::RATE;

/// How long the record is: a hundred and twenty bakes.
const SECONDS: u32 = 120 * super::BAKE_SECONDS;
/// Time that one row covers.
const ROW_SECONDS: usize = 5;
/// Latencies of each arm that are told for each second.
const LATENCIES: usize = 24;
const SEED: u64 = 1;

/// The record as `canary calibrate` reads it.
pub(super) fn record() -> String {
    let family = Family {
        seconds: SECONDS,
        baseline_rate: f64::from(u32::try_from(RATE).unwrap_or(u32::MAX)) * 0.75,
        canary_rate: f64::from(u32::try_from(RATE).unwrap_or(u32::MAX)) * 0.25,
        error_share: 0.002,
        wander: Wander::Own { deviation: 0.2, block_seconds: 10, correlation: 0.5 },
        ..Family::equal("shop")
    };
    let latencies = Latencies { shift: 0.0, tail: 0.0, wander: 0.04, correlation: 0.0 };
    let (mut baseline, mut canary) = (LatencySource::new(SEED + 1), LatencySource::new(SEED + 2));
    let rows: Vec<Row> = family.rows(SEED).collect();
    let mut text = "t,n_base,err_base,n_can,err_can,lat_base,lat_can\n".to_owned();
    for (place, rows) in rows.chunks(ROW_SECONDS).enumerate() {
        let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
        let millis = |source: &mut LatencySource| {
            let seconds = rows.iter().flat_map(|_| source.second(latencies, LATENCIES));
            seconds.map(|millis| format!("{millis:.1}")).collect::<Vec<_>>().join(" ")
        };
        // Writing into a text does not fail.
        let _written = writeln!(
            text,
            "{},{},{},{},{},{},{}",
            place * ROW_SECONDS,
            sum(|row| row.baseline.0),
            sum(|row| row.baseline.1),
            sum(|row| row.canary.0),
            sum(|row| row.canary.1),
            millis(&mut baseline),
            millis(&mut canary)
        );
    }
    text
}
