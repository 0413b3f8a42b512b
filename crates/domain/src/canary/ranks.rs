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

/// How much the values of one list are above those of another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The median of all differences (Hodges and Lehmann 1963).
    pub estimate: f64,
    /// Lower end of its confidence interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
}

/// Halvings of a bisection; after these a bound is as fine as the numbers.
const HALVINGS: u32 = 80;
/// How close the root of a statistic is found. Coarse on purpose: the judges that this one is compared with have the same.
const ROOT_TOLERANCE: f64 = 1e-4;
/// Most steps to a root.
const STEPS_MAX: u32 = 1_000;

/// The shift of `values` against `others`, by normal approximation with correction for ties and continuity, as
/// `wilcox.test(conf.int = TRUE, exact = FALSE)` of R has it. Nothing when a list is empty.
pub fn shift(values: &[f64], others: &[f64], confidence: f64) -> Option<Shift> {
    let test = Ranked::new(values, others)?;
    let z = normal_quantile(1.0 - (1.0 - confidence) / 2.0);
    Some(Shift { estimate: test.root(0.0), low: test.root(z), high: test.root(-z) })
}

/// Whether the lower end of the interval of [`shift`] is above a share of the estimate; much cheaper when it is not above 0.
pub fn is_above(values: &[f64], others: &[f64], confidence: f64, share: f64) -> bool {
    let Some(test) = Ranked::new(values, others) else { return false };
    let z = normal_quantile(1.0 - (1.0 - confidence) / 2.0);
    test.excess(0.0, z) > 0.0 && test.root(z) > share * test.root(0.0).abs()
}

/// Two lists, and the range in which their shift must lie.
struct Ranked<'a> {
    values: &'a [f64],
    others: &'a [f64],
    range: (f64, f64),
}

impl<'a> Ranked<'a> {
    fn new(values: &'a [f64], others: &'a [f64]) -> Option<Self> {
        let ends = |list: &[f64]| {
            let low = list.iter().copied().reduce(f64::min)?;
            Some((low, list.iter().copied().reduce(f64::max)?))
        };
        let ((low, high), (others_low, others_high)) = (ends(values)?, ends(others)?);
        Some(Self { values, others, range: (low - others_high, high - others_low) })
    }

    /// The shift after which the statistic is `z` standard deviations above its mean.
    fn root(&self, z: f64) -> f64 {
        let (low, high) = self.range;
        if low >= high || self.excess(low, z) <= 0.0 {
            return low;
        }
        if self.excess(high, z) >= 0.0 {
            return high;
        }
        zero((low, self.excess(low, z)), (high, self.excess(high, z)), |shift| self.excess(shift, z))
    }

    /// By how much the statistic of the values less `shift` exceeds `z`, in standard deviations.
    fn excess(&self, shift: f64, z: f64) -> f64 {
        let (n, m) = (self.values.len() as f64, self.others.len() as f64);
        let shifted = self.values.iter().map(|value| (value - shift, true));
        let mut all: Vec<(f64, bool)> =
            shifted.chain(self.others.iter().map(|other| (*other, false))).collect();
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
        for tied in all.chunk_by(|one, other| one.0 == other.0) {
            let count = tied.len() as f64;
            let own = tied.iter().filter(|(_, is_value)| *is_value).count() as f64;
            rank_sum += own * (before + (count + 1.0) / 2.0);
            ties += count.powi(3) - count;
            before += count;
        }
        let excess = rank_sum - n * (n + 1.0) / 2.0 - n * m / 2.0;
        let correction = if z == 0.0 { 0.0 } else { 0.5 * z.signum() };
        let variance = n * m / 12.0 * ((n + m + 1.0) - ties / ((n + m) * (n + m - 1.0)));
        if variance <= 0.0 { -z } else { (excess - correction) / variance.sqrt() - z }
    }
}

/// Where a function that changes its sign between two points is zero (Brent 1973, "zeroin").
fn zero(one: (f64, f64), other: (f64, f64), f: impl Fn(f64) -> f64) -> f64 {
    let ((mut a, mut fa), (mut b, mut fb)) = (one, other);
    let (mut c, mut fc) = (a, fa);
    for _ in 0..STEPS_MAX {
        let before = b - a;
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let tolerance = 2.0 * f64::EPSILON * b.abs() + ROOT_TOLERANCE / 2.0;
        let mut step = (c - b) / 2.0;
        if step.abs() <= tolerance || fb == 0.0 {
            break;
        }
        if before.abs() >= tolerance && fa.abs() > fb.abs() {
            let to_c = c - b;
            let (p, q) = if a == c {
                let t = fb / fa;
                (to_c * t, 1.0 - t)
            } else {
                let (q, s, t) = (fa / fc, fb / fc, fb / fa);
                (t * (to_c * q * (q - s) - (b - a) * (s - 1.0)), (q - 1.0) * (s - 1.0) * (t - 1.0))
            };
            let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
            if p < 0.75 * to_c * q - (tolerance * q).abs() / 2.0 && p < (before * q / 2.0).abs() {
                step = p / q;
            }
        }
        if step.abs() < tolerance {
            step = tolerance.copysign(step);
        }
        (a, fa) = (b, fb);
        b += step;
        fb = f(b);
        if (fb > 0.0) == (fc > 0.0) {
            (c, fc) = (a, fa);
        }
    }
    b
}

/// The value below which a standard normal lies with a chance, found by bisection.
fn normal_quantile(chance: f64) -> f64 {
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if 1.0 - super::numeric::normal_upper_tail(middle) < chance { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}
