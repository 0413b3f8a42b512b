//! What a sample has measured, beside its verdict: requests and how long they took, of what has changed and of what it is
//! compared with. Every request is in one sample of its monitor only.

use std::fmt;

/// Most buckets of a histogram, the last one included.
pub const BUCKETS_MAX: usize = 64;

/// What a sample has measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// Requests since the sample before.
    Requests(Arms<Requests>),
    /// How long the requests since the sample before took.
    Latencies(Arms<Histogram>),
    /// Findings at or above the severity that counts.
    Findings(u64),
}

/// Two arms under comparison, or one arm alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arms<T> {
    /// What has changed.
    pub canary: T,
    /// What it is compared with.
    pub baseline: Option<T>,
}

/// Requests of one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// How many.
    pub total: u64,
    /// How many of them failed; at most `total`.
    pub errors: u64,
}

/// How long the requests of one arm took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// By rising bounds: requests that took at most so many microseconds and longer than the bound before. The last one
    /// may be [`Histogram::UNBOUNDED`].
    buckets: Vec<(u64, u64)>,
}

/// Buckets that are no histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHistogram {
    /// None, or too many.
    #[error("{count} buckets: expected 1 to {BUCKETS_MAX}")]
    Count {
        /// How many.
        count: usize,
    },
    /// Not in order.
    #[error("the bounds of the buckets do not rise")]
    Order,
}

impl Histogram {
    /// The bound of the bucket that has none.
    pub const UNBOUNDED: u64 = u64::MAX;

    /// A histogram of `(bound in microseconds, requests in this bucket)`.
    ///
    /// # Errors
    /// When there are no buckets, too many, or their bounds do not rise.
    pub fn new(buckets: Vec<(u64, u64)>) -> Result<Self, InvalidHistogram> {
        if buckets.is_empty() || buckets.len() > BUCKETS_MAX {
            return Err(InvalidHistogram::Count { count: buckets.len() });
        }
        if !buckets.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(InvalidHistogram::Order);
        }
        Ok(Self { buckets })
    }

    /// Bound in microseconds and requests of each bucket, by rising bounds.
    pub fn buckets(&self) -> &[(u64, u64)] {
        &self.buckets
    }

    /// How many requests.
    pub fn total(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The requests of both; bounds that only one of them has are kept.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = std::collections::BTreeMap::<u64, u64>::new();
        for (bound, count) in self.buckets.iter().chain(&other.buckets) {
            let all = sum.entry(*bound).or_default();
            *all = all.saturating_add(*count);
        }
        Self { buckets: sum.into_iter().collect() }
    }

    /// The percentile in microseconds, taken as evenly spread within its bucket, as Prometheus does. Where it lies beyond
    /// the last bound, that bound. Nothing without requests.
    pub fn percentile_micros(&self, per_mille: u16) -> Option<u64> {
        let total = u128::from(self.total());
        if total == 0 {
            return None;
        }
        let rank_thousandths = total * u128::from(per_mille.min(1_000));
        let (mut below, mut lower) = (0_u128, 0_u64);
        for (bound, count) in &self.buckets {
            let within = u128::from(*count);
            if within > 0 && (below + within) * 1_000 >= rank_thousandths {
                if *bound == Self::UNBOUNDED {
                    return Some(lower);
                }
                let into_thousandths = rank_thousandths.saturating_sub(below * 1_000);
                let width = u128::from(bound - lower);
                let micros = u128::from(lower) + width * into_thousandths / (within * 1_000);
                return u64::try_from(micros).ok();
            }
            below += within;
            if *bound != Self::UNBOUNDED {
                lower = *bound;
            }
        }
        Some(lower)
    }
}

impl Requests {
    /// The requests of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            total: self.total.saturating_add(other.total),
            errors: self.errors.saturating_add(other.errors),
        }
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} requests failed", self.errors, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_lies_within_its_bucket() {
        let histogram =
            Histogram::new(vec![(100_000, 50), (200_000, 40), (400_000, 10), (Histogram::UNBOUNDED, 0)])
                .unwrap();
        assert_eq!(histogram.total(), 100);
        for (per_mille, micros) in
            [(10, 2_000), (500, 100_000), (700, 150_000), (900, 200_000), (950, 300_000), (1_000, 400_000)]
        {
            assert_eq!(histogram.percentile_micros(per_mille), Some(micros), "{per_mille}");
        }
    }

    #[test]
    fn beyond_the_last_bound_and_without_requests() {
        let beyond = Histogram::new(vec![(100_000, 1), (Histogram::UNBOUNDED, 9)]).unwrap();
        assert_eq!(beyond.percentile_micros(990), Some(100_000));
        let empty = Histogram::new(vec![(100_000, 0), (Histogram::UNBOUNDED, 0)]).unwrap();
        assert_eq!(empty.percentile_micros(500), None);
        assert_eq!(Histogram::default().percentile_micros(500), None);
    }

    #[test]
    fn buckets_are_in_order_and_bounded() {
        assert!(Histogram::new(vec![]).is_err());
        assert!(Histogram::new(vec![(2, 1), (2, 1)]).is_err());
        assert!(Histogram::new((0..65).map(|bound| (bound, 0)).collect()).is_err());
        let one = Histogram::new(vec![(1, 1), (3, 1)]).unwrap();
        let sum = one.plus(&Histogram::new(vec![(2, 5), (3, 1)]).unwrap());
        assert_eq!(sum.buckets(), [(1, 1), (2, 5), (3, 2)]);
    }
}
