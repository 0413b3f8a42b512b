//! How long answers take after a change, compared with before, by ranks: which of the two samples has the longer answers,
//! whatever their distribution, and by what factor, with an interval (Hodges and Lehmann 1963).
//!
//! Deterministic, and whole numbers but for one root. Budget: at most [`COMPARED_MAX`]² pairs.

use std::fmt;

use crate::number::Share;

/// Most latencies of each side that are compared: the newest.
pub const COMPARED_MAX: usize = 200;
/// Fewest latencies of a side that say anything.
pub const COMPARED_MIN: usize = 5;
/// Degradation from which on a validation fails, in basis points of how it was before: a tenth.
pub const DEGRADATION_BASIS_POINTS_MAX: i64 = 1_000;
/// Degradation that nobody notices, in microseconds, however large its share.
pub const DIFFERENCE_MICROS_MIN: u64 = 5_000;
/// Standard deviations on each side of an interval of 95 %.
const DEVIATIONS: f64 = 1.96;

/// How much longer answers take than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// Median before, in microseconds.
    pub before_micros: u64,
    /// Median after, in microseconds.
    pub after_micros: u64,
    /// How much longer it takes, in basis points: 1,000 is a tenth longer, below 0 is shorter.
    pub change: i64,
    /// Where that lies, in 95 of 100 cases.
    pub interval: (i64, i64),
}

impl Comparison {
    /// Compares the newest latencies of both sides, in microseconds; nothing when one side has too few.
    pub fn of(before: &[u64], after: &[u64]) -> Option<Self> {
        let newest = |all: &[u64]| {
            let mut kept: Vec<u64> = all.iter().rev().take(COMPARED_MAX).copied().collect();
            kept.sort_unstable();
            (kept.len() >= COMPARED_MIN).then_some(kept)
        };
        let (before, after) = (newest(before)?, newest(after)?);
        let mut ratios: Vec<i64> =
            before.iter().flat_map(|before| after.iter().map(move |after| ratio(*after, *before))).collect();
        ratios.sort_unstable();
        let at = |index: usize| ratios.get(index.min(ratios.len() - 1)).copied().unwrap_or_default();
        let outside = pairs_outside(before.len(), after.len());
        let median = |all: &[u64]| all.get(all.len() / 2).copied().unwrap_or_default();
        Some(Self {
            before_micros: median(&before),
            after_micros: median(&after),
            change: at(ratios.len() / 2),
            interval: (at(outside), at(ratios.len() - 1 - outside.min(ratios.len() - 1))),
        })
    }

    /// Whether answers take longer by more than is accepted, beyond what chance explains and by enough to matter.
    pub fn is_degraded(&self) -> bool {
        let is_slower = self.change > DEGRADATION_BASIS_POINTS_MAX && self.interval.0 > 0;
        is_slower && self.after_micros.saturating_sub(self.before_micros) >= DIFFERENCE_MICROS_MIN
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |micros: u64| format!("{}.{:03} ms", micros / 1_000, micros % 1_000);
        let percent =
            |change: i64| format!("{}{}.{} %", sign(change), change.abs() / 100, change.abs() % 100 / 10);
        write!(
            f,
            "median {} before, {} after: {}, between {} and {} in 95 of 100 cases; accepted are {}",
            millis(self.before_micros),
            millis(self.after_micros),
            percent(self.change),
            percent(self.interval.0),
            percent(self.interval.1),
            percent(DEGRADATION_BASIS_POINTS_MAX),
        )
    }
}

fn sign(change: i64) -> &'static str {
    if change < 0 { "-" } else { "+" }
}

/// How much longer `after` is, in basis points.
fn ratio(after: u64, before: u64) -> i64 {
    let whole = i128::from(Share::MAX.get());
    let ratio = i128::from(after.max(1)) * whole / i128::from(before.max(1)) - whole;
    i64::try_from(ratio).unwrap_or(i64::MAX)
}

/// Pairs below, and above, the interval: by the normal approximation of the rank sum.
fn pairs_outside(before: usize, after: usize) -> usize {
    let [before, after] = [before, after].map(|count| u32::try_from(count).map_or(f64::MAX, f64::from));
    let pairs = before * after;
    let spread = (pairs * (before + after + 1.0) / 12.0).sqrt();
    let outside = (pairs / 2.0 - DEVIATIONS * spread).max(0.0);
    // As text, because no conversion of numbers says what does not fit.
    format!("{:.0}", outside.floor()).parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(millis: u64, count: u64) -> Vec<u64> {
        (0..count).map(|at| millis * 1_000 + at * 37 % 1_000).collect()
    }

    #[test]
    fn a_tenth_more_is_a_degradation_and_as_much_is_none() {
        let before = around(100, 30);
        let slower = Comparison::of(&before, &around(130, 30)).unwrap();
        assert!(slower.is_degraded(), "{slower}");
        assert!((2_900..3_100).contains(&slower.change), "{slower}");
        assert!(slower.interval.0 <= slower.change && slower.change <= slower.interval.1);
        let alike = Comparison::of(&before, &around(100, 20)).unwrap();
        assert!(!alike.is_degraded() && alike.interval.0 <= 0 && alike.interval.1 >= 0, "{alike}");
        let little = Comparison::of(&before, &around(105, 30)).unwrap();
        assert!(!little.is_degraded(), "{little}");
        let quicker = Comparison::of(&before, &around(50, 30)).unwrap();
        assert!(!quicker.is_degraded() && quicker.change < -4_000, "{quicker}");
    }

    #[test]
    fn what_nobody_notices_and_what_chance_explains_is_no_degradation() {
        let tiny = Comparison::of(&[400; 30], &[900; 30]).unwrap();
        assert!(tiny.change > 10_000 && !tiny.is_degraded(), "{tiny}");
        let wild: Vec<u64> = (1..=12).map(|at| at * 10_000).collect();
        let shifted: Vec<u64> = (1..=6).map(|at| at * 24_000).collect();
        let unclear = Comparison::of(&wild, &shifted).unwrap();
        assert!(unclear.change > 1_000 && unclear.interval.0 < 0 && !unclear.is_degraded(), "{unclear}");
    }

    #[test]
    fn too_few_answers_are_no_comparison() {
        assert_eq!(Comparison::of(&[1; 4], &[1; 30]), None);
        assert_eq!(Comparison::of(&[1; 30], &[]), None);
        assert!(Comparison::of(&[0; 5], &[0; 5]).is_some_and(|same| same.change == 0));
    }

    #[test]
    fn it_is_told_with_its_interval() {
        let told = Comparison::of(&[100_000; 10], &[115_500; 10]).unwrap().to_string();
        let expected = "median 100.000 ms before, 115.500 ms after: +15.5 %, between +15.5 % and +15.5 % in 95 of 100 \
                        cases; accepted are +10.0 %";
        assert_eq!(told, expected);
    }
}
