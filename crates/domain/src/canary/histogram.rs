//! Latencies as counts in buckets that grow by one percent, so that any quantile is known to within one percent.
//!
//! Memory: at most [`BUCKETS`] buckets, of which only those from the first to the last that is used are kept.

/// How much a bucket's end is above its beginning.
const GROWTH: f64 = 1.01;
/// The end of the first bucket, in milliseconds.
const FIRST_MILLIS: f64 = 0.01;
/// Number of buckets; the last one ends after a hundred minutes.
pub(super) const BUCKETS: usize = 2_048;

/// Counts of latencies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// The bucket of the first count.
    first: usize,
    counts: Vec<u64>,
}

impl Histogram {
    /// Of latencies in milliseconds. Nothing when one of them is negative or no number.
    pub fn of_millis(latencies: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut histogram = Self::default();
        for millis in latencies {
            histogram.add(millis, 1).then_some(())?;
        }
        Some(histogram)
    }

    /// Counts `count` more at `millis`. Says no, and counts nothing, when that is negative or no number.
    #[must_use]
    pub fn add(&mut self, millis: f64, count: u64) -> bool {
        let Some(bucket) = bucket(millis) else { return false };
        self.add_to(bucket, count);
        true
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets() {
            self.add_to(bucket, count);
        }
    }

    /// Makes everything until now count for half.
    pub(super) fn halve(&mut self) {
        for count in &mut self.counts {
            *count /= 2;
        }
    }

    /// The latency in milliseconds below which a share of all lies; nothing when there are none.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let bucket = self.quantile_bucket(share)?;
        let exponent = i32::try_from(bucket).unwrap_or(i32::MAX);
        Some(FIRST_MILLIS * GROWTH.powi(exponent))
    }

    pub(super) fn quantile_bucket(&self, share: f64) -> Option<usize> {
        let wanted = share * self.count() as f64;
        let mut sum = 0_u64;
        let reached = self.buckets().find(|(_, count)| {
            sum = sum.saturating_add(*count);
            sum as f64 >= wanted
        });
        reached.map(|(bucket, _)| bucket)
    }

    /// How many lie above a bucket.
    pub(super) fn above(&self, bucket: usize) -> u64 {
        let above = self.buckets().filter(|(at, _)| *at > bucket);
        above.fold(0, |sum: u64, (_, count)| sum.saturating_add(count))
    }

    /// Every used bucket with its count, in order.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(i, count)| (self.first + i, *count))
    }

    fn add_to(&mut self, bucket: usize, count: u64) {
        if count == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let missing = self.first - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = bucket;
        }
        let place = bucket - self.first;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        if let Some(slot) = self.counts.get_mut(place) {
            *slot = slot.saturating_add(count);
        }
    }
}

/// How many buckets lie between two latencies of which one is `1 + share` times the other.
pub(super) fn buckets_of(share: f64) -> usize {
    rounded((1.0 + share).ln() / GROWTH.ln())
}

fn bucket(millis: f64) -> Option<usize> {
    if !millis.is_finite() || millis < 0.0 {
        return None;
    }
    let place = (millis.max(FIRST_MILLIS) / FIRST_MILLIS).ln() / GROWTH.ln();
    Some(rounded(place.ceil()).min(BUCKETS - 1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most a few thousand, and the conversion saturates"
)]
fn rounded(value: f64) -> usize {
    value.round().max(0.0) as usize
}
