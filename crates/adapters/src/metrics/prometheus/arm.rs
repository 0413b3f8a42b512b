//! One arm under comparison: its requests and how long they took, since the last question and over the window.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use domain::plan::source::{Labels, PATTERN_MARK};
use domain::rollback::measured::BUCKETS_MAX;
use domain::rollback::{Histogram, Requests};

use super::counters::{Counted, Counters, Key, whole};
use super::{Prometheus, PrometheusError, Series, number};

/// The label of a bucket's upper bound.
const BOUND: &str = "le";
/// So long before the window a counter is looked for that appears after the first question, in seconds: six hours.
const LOOKED_BACK_SECONDS: u64 = 6 * 3_600;
/// Most answers that a window is made of.
const HISTORY_MAX: usize = 10_000;

/// What was counted since the question before, and over the window.
#[derive(Debug)]
pub(super) struct Reading<T> {
    /// Nothing the first time: what went before is not the change's.
    pub(super) since: Option<T>,
    /// Over the window.
    pub(super) window: T,
    /// Why the window says nothing.
    pub(super) silent: Option<String>,
}

/// What is counted together over a window.
pub(super) trait Sum: Clone + Default {
    fn plus(&self, other: &Self) -> Self;
}

impl Sum for Requests {
    fn plus(&self, other: &Self) -> Self {
        Requests::plus(*self, *other)
    }
}

impl Sum for Histogram {
    fn plus(&self, other: &Self) -> Self {
        Histogram::plus(self, other)
    }
}

/// What an arm remembers between two questions.
#[derive(Debug, Default)]
pub(super) struct Arm<T> {
    counters: Counters,
    /// Newest instant of each answer, and what it counted.
    history: VecDeque<(f64, T)>,
    /// Counters that are known to count failures, or not to.
    counts_failures: BTreeMap<Key, bool>,
}

impl<T: Sum> Arm<T> {
    /// Counters that appear after the first question but had points `before` the window: a target that was not scraped for a
    /// while, whose count is older than the change.
    async fn back(
        &self,
        prometheus: &Prometheus,
        all: &[Series],
        before: &str,
        limit: Duration,
    ) -> Result<BTreeSet<Key>, PrometheusError> {
        if !self.counters.have_new(all) {
            return Ok(BTreeSet::new());
        }
        let known = prometheus.points(before, limit).await?;
        Ok(known.into_iter().map(|series| series.metric).collect())
    }

    /// Takes in what was counted.
    fn reading(
        &mut self,
        counted: &Counted,
        now: f64,
        window_seconds: u64,
        sum: impl Fn(&[(Key, f64)]) -> Result<T, PrometheusError>,
    ) -> Result<Reading<T>, PrometheusError> {
        let since = counted.since.as_deref().map(&sum).transpose()?;
        let newly = match &since {
            Some(since) => since.clone(),
            None => sum(&counted.before)?,
        };
        self.history.push_back((counted.newest.unwrap_or(now), newly));
        #[expect(clippy::cast_precision_loss, reason = "a window of at most a day")]
        let oldest = now - window_seconds as f64;
        while self.history.len() > HISTORY_MAX || self.history.front().is_some_and(|(at, _)| *at < oldest) {
            self.history.pop_front();
        }
        let window = self.history.iter().fold(T::default(), |sum, (_, more)| sum.plus(more));
        Ok(Reading { since, window, silent: counted.is_silent(now, window_seconds) })
    }
}

impl Arm<Requests> {
    /// Asks for the requests with these labels, and which of them failed.
    pub(super) async fn requests(
        &mut self,
        prometheus: &Prometheus,
        (metric, window_seconds): (&str, u64),
        (labels, errors): (&[&Labels], &Labels),
        (now, limit): (f64, Duration),
    ) -> Result<Reading<Requests>, PrometheusError> {
        let all = prometheus.points(&range(metric, labels, window_seconds), limit).await?;
        let is_new = |key: &Key| !self.counts_failures.contains_key(key);
        let new: Vec<Key> = all.iter().map(|series| series.metric.clone()).filter(is_new).collect();
        if !new.is_empty() {
            // Once for each counter. Looked for over a longer time, so that none has gone meanwhile.
            let labels: Vec<&Labels> = labels.iter().copied().chain([errors]).collect();
            let failed = prometheus.points(&range(metric, &labels, window_seconds * 2), limit).await?;
            let failed: BTreeSet<Key> = failed.into_iter().map(|series| series.metric).collect();
            self.counts_failures.extend(new.into_iter().map(|key| (key.clone(), failed.contains(&key))));
        }
        let back = self.back(prometheus, &all, &before(metric, labels, window_seconds), limit).await?;
        let counted = self.counters.take(all, &back)?;
        let counts_failures = std::mem::take(&mut self.counts_failures);
        let sum = |counts: &[(Key, f64)]| {
            let total: f64 = counts.iter().map(|(_, count)| count).sum();
            let is_failure = |key: &Key| counts_failures.get(key).copied().unwrap_or(false);
            let errors: f64 = counts.iter().filter(|(key, _)| is_failure(key)).map(|(_, count)| count).sum();
            let total = whole(total);
            Ok(Requests { total, errors: whole(errors).min(total) })
        };
        let reading = self.reading(&counted, now, window_seconds, sum);
        self.counts_failures = counts_failures;
        reading
    }
}

impl Arm<Histogram> {
    /// Asks how long the requests with these labels took.
    pub(super) async fn latencies(
        &mut self,
        prometheus: &Prometheus,
        (metric, window_seconds): (&str, u64),
        (labels, unit_micros): (&[&Labels], u64),
        (now, limit): (f64, Duration),
    ) -> Result<Reading<Histogram>, PrometheusError> {
        let buckets = format!("{metric}_bucket");
        let all = prometheus.points(&range(&buckets, labels, window_seconds), limit).await?;
        let back = self.back(prometheus, &all, &before(&buckets, labels, window_seconds), limit).await?;
        let counted = self.counters.take(all, &back)?;
        self.reading(&counted, now, window_seconds, |counts| histogram(&buckets, counts, unit_micros))
    }
}

/// Requests by bucket. Each target's buckets hold the requests of the smaller ones too, and targets may have different ones.
fn histogram(metric: &str, counts: &[(Key, f64)], unit_micros: u64) -> Result<Histogram, PrometheusError> {
    let fault = |problem: String| PrometheusError::Histogram { metric: metric.to_owned(), problem };
    let mut targets = BTreeMap::<Key, BTreeMap<u64, u64>>::new();
    for (key, count) in counts {
        let mut target = key.clone();
        let bound = target.remove(BOUND).ok_or_else(|| fault(format!("a series has no label `{BOUND}`")))?;
        targets.entry(target).or_default().insert(bound_micros(&bound, unit_micros)?, whole(*count));
    }
    let mut buckets = BTreeMap::<u64, u64>::new();
    for target in targets.values() {
        let mut below = 0;
        for (bound, count) in target {
            let within: &mut u64 = buckets.entry(*bound).or_default();
            *within = within.saturating_add(count.saturating_sub(below));
            below = below.max(*count);
        }
    }
    match buckets.len() {
        0 => Ok(Histogram::default()),
        count if count > BUCKETS_MAX => {
            Err(fault(format!("{count} buckets, at most {BUCKETS_MAX} are read")))
        }
        _ => Histogram::new(buckets.into_iter().collect()).map_err(|error| fault(error.to_string())),
    }
}

fn bound_micros(bound: &str, unit_micros: u64) -> Result<u64, PrometheusError> {
    if bound == "+Inf" {
        return Ok(Histogram::UNBOUNDED);
    }
    #[expect(clippy::cast_precision_loss, reason = "a million at most")]
    let micros = number(bound)?.max(0.0) * unit_micros as f64;
    Ok(whole(micros))
}

/// The last point that each counter had in the hours before the window, as a range of one or two instants.
fn before(metric: &str, labels: &[&Labels], window_seconds: u64) -> String {
    let counters = selector(metric, labels);
    format!("last_over_time({counters}[{LOOKED_BACK_SECONDS}s] offset {window_seconds}s)[2s:1s]")
}

/// The points of a metric over the time just past.
fn range(metric: &str, labels: &[&Labels], seconds: u64) -> String {
    format!("{}[{seconds}s]", selector(metric, labels))
}

/// A metric with all of these labels, as PromQL.
pub(super) fn selector(metric: &str, labels: &[&Labels]) -> String {
    let matcher = |(name, value): (&String, &String)| {
        let (operator, value) =
            value.strip_prefix(PATTERN_MARK).map_or(("=", value.as_str()), |pattern| ("=~", pattern));
        format!("{name}{operator}\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
    };
    let matchers: Vec<String> = labels.iter().copied().flatten().map(matcher).collect();
    format!("{metric}{{{}}}", matchers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn no_label_breaks_out_of_its_quotes() {
        let one = labels(&[("service", "shop"), ("path", r#"a"b\c"} or vector(0"#)]);
        let errors = labels(&[("code", "~5..")]);
        let text = selector("http_requests_total", &[&one, &errors]);
        let expected = r#"http_requests_total{path="a\"b\\c\"} or vector(0",service="shop",code=~"5.."}"#;
        assert_eq!(text, expected);
        assert_eq!(selector("up", &[]), "up{}");
    }

    #[test]
    fn targets_with_different_buckets_are_added_up() {
        let key = |pod: &str, bound: &str| labels(&[("pod", pod), ("le", bound)]);
        let counts = [
            (key("a", "0.1"), 5.0),
            (key("a", "0.5"), 8.0),
            (key("a", "+Inf"), 10.0),
            (key("b", "0.25"), 3.0),
            (key("b", "+Inf"), 4.0),
        ];
        let histogram = histogram("x_bucket", &counts, 1_000_000).unwrap();
        let expected = [(100_000, 5), (250_000, 3), (500_000, 3), (Histogram::UNBOUNDED, 3)];
        assert_eq!(histogram.buckets(), expected);
        assert_eq!(super::histogram("x_bucket", &[], 1).unwrap(), Histogram::default());
        let broken = [(labels(&[("pod", "a")]), 1.0)];
        assert!(super::histogram("x_bucket", &broken, 1).unwrap_err().to_string().contains("no label `le`"));
    }
}
