//! The rank test of Mann and Whitney (1947), for two arms in histograms and for two lists of numbers.
//!
//! The chance `a` that a request of the canary takes longer than one of the baseline is what the test looks at. Its odds
//! `a / (1 - a)` (Agresti 1980) vary, when the arms are equal, like those of `3·n·m / (n + m)` tosses of a coin: the variance
//! of `a` is `(1/n + 1/m) / 12`, that of a share of tosses `1 / (4·tosses)`. So a comparison of ranks is told to the judge as
//! that many events, of which the share `a` is the canary's.

use super::histogram::Histogram;
use super::odds::Tally;

/// What a comparison of two arms says, with the canary's latencies taken to be so many buckets lower than they were.
pub(super) fn tally(baseline: &Histogram, canary: &Histogram, tolerated_buckets: usize) -> Tally {
    let (n, m) = (baseline.count() as f64, canary.count() as f64);
    let mut slower = 0.0;
    let mut below = baseline.buckets().peekable();
    let mut passed = 0.0;
    for (bucket, count) in canary.buckets() {
        let bucket = bucket.saturating_sub(tolerated_buckets);
        while let Some((_, faster)) = below.next_if(|(at, _)| *at < bucket) {
            passed += faster as f64;
        }
        let tied = below.peek().filter(|(at, _)| *at == bucket).map_or(0, |(_, count)| *count);
        slower += count as f64 * (passed + 0.5 * tied as f64);
    }
    let pairs = n * m;
    let share = if pairs > 0.0 { slower / pairs } else { 0.5 };
    let tosses = if pairs > 0.0 { 3.0 * pairs / (n + m) } else { 0.0 };
    Tally { baseline_events: tosses * (1.0 - share), canary_events: tosses * share, exposure_ratio: 1.0 }
}
