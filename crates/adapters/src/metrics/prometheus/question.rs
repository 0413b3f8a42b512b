//! A monitor's question to a Prometheus, asked again and again.

use std::time::Duration;

use domain::plan::source::{Labels, Reduce};
use domain::plan::{MetricQuery, PrometheusQuestion};
use domain::rollback::{Arms, Histogram, Measured, Requests, Verdict};

use super::arm::{Arm, Reading, selector};
use super::{Prometheus, PrometheusError, Series, number};
use crate::clock;
use crate::execute::ExecutionContext;
use crate::metrics::{Sampled, authorization};

/// Steps of a range after which its newest point is too old.
const MISSED_STEPS: u64 = 3;

/// A question and what has been counted for it.
#[derive(Debug, Default)]
pub(in crate::metrics) struct Asked {
    requests: Both<Requests>,
    latencies: Both<Histogram>,
}

#[derive(Debug, Default)]
struct Both<T> {
    canary: Arm<T>,
    baseline: Arm<T>,
}

/// The value, or why there is none.
struct Value {
    millionths: Result<i128, String>,
    /// What the value is, in words.
    what: String,
    measured: Option<Measured>,
}

impl Asked {
    pub(in crate::metrics) async fn ask(
        &mut self,
        question: &PrometheusQuestion,
        limit: Duration,
        context: &ExecutionContext,
    ) -> Sampled {
        let (authorization, masker) = match authorization(&question.source, context) {
            Ok(ready) => ready,
            Err(unfit) => return Sampled::unanswered(Verdict::Error, unfit.to_string()),
        };
        let outgoing = context.outgoing().clone();
        let value = match Prometheus::through(outgoing, &question.source.url, authorization) {
            Ok(prometheus) => self.value(question, &prometheus, limit).await,
            Err(error) => Err(error),
        };
        match value {
            Ok(value) => value.judged(question),
            Err(error @ (PrometheusError::NoData | PrometheusError::NotANumber { .. })) => {
                Sampled::unanswered(Verdict::Inconclusive, error.to_string())
            }
            Err(error) => Sampled::unanswered(Verdict::Error, masker.mask(&error.to_string())),
        }
    }

    async fn value(
        &mut self,
        question: &PrometheusQuestion,
        prometheus: &Prometheus,
        limit: Duration,
    ) -> Result<Value, PrometheusError> {
        match &question.query {
            MetricQuery::Instant { expression } => {
                Ok(Value::plain(prometheus.instant(expression, limit).await?, expression.clone()))
            }
            MetricQuery::Range { expression, over_seconds, step_seconds, reduce } => {
                let range = format!("({expression})[{over_seconds}s:{step_seconds}s]");
                let series = prometheus.points(&range, limit).await?;
                let what = format!("{reduce} of {expression} over {over_seconds} s");
                reduced(series, *over_seconds, *step_seconds, *reduce).map(|millionths| Value {
                    millionths,
                    what,
                    measured: None,
                })
            }
            MetricQuery::Saturation { used, limit: whole, labels } => {
                let of = |arm| saturation((used, whole.as_deref()), &[labels, arm]);
                let canary = prometheus.instant(&of(&question.canary), limit).await?;
                let mut what = format!("share of {used} in use is {}", shown(canary));
                if !question.baseline.is_empty() {
                    // Told beside it. What is not known of the baseline says nothing against the canary.
                    let baseline = prometheus.instant(&of(&question.baseline), limit).await;
                    what += &baseline.map_or_else(
                        |error| format!("; baseline: not known, {error}"),
                        |baseline| format!("; baseline: {}", shown(baseline)),
                    );
                }
                Ok(Value::plain(canary, what))
            }
            MetricQuery::ErrorRate { metric, labels, errors, window_seconds } => {
                let about = (metric.as_str(), *window_seconds);
                self.error_rate(question, prometheus, about, (labels, errors), limit).await
            }
            MetricQuery::Latency { metric, labels, per_mille, unit_micros, window_seconds } => {
                let about = (metric.as_str(), *window_seconds);
                let how = (labels, *unit_micros, *per_mille);
                self.latency(question, prometheus, about, how, limit).await
            }
        }
    }

    async fn error_rate(
        &mut self,
        question: &PrometheusQuestion,
        prometheus: &Prometheus,
        about: (&str, u64),
        (labels, errors): (&Labels, &Labels),
        limit: Duration,
    ) -> Result<Value, PrometheusError> {
        let (now, Both { canary, baseline }) = (seconds_now(), &mut self.requests);
        let of_canary = [labels, &question.canary];
        let canary = canary.requests(prometheus, about, (&of_canary, errors), (now, limit));
        let of_baseline = [labels, &question.baseline];
        let baseline = async {
            if question.baseline.is_empty() {
                return Ok(None);
            }
            baseline.requests(prometheus, about, (&of_baseline, errors), (now, limit)).await.map(Some)
        };
        let (canary, baseline) = tokio::try_join!(canary, baseline)?;
        let Requests { total, errors } = canary.window;
        let share = (total > 0).then(|| i128::from(errors) * 1_000_000 / i128::from(total));
        let mut what = format!("{} in {} s", canary.window, about.1);
        if let Some(other) = &baseline {
            what += &format!("; baseline: {}", other.window);
        }
        let millionths = canary.judged(share, total, question.min_requests, about.1);
        let measured = both(canary, baseline).map(Measured::Requests);
        Ok(Value { millionths, what, measured })
    }

    async fn latency(
        &mut self,
        question: &PrometheusQuestion,
        prometheus: &Prometheus,
        about: (&str, u64),
        (labels, unit_micros, per_mille): (&Labels, u64, u16),
        limit: Duration,
    ) -> Result<Value, PrometheusError> {
        let (now, Both { canary, baseline }) = (seconds_now(), &mut self.latencies);
        let of_canary = [labels, &question.canary];
        let canary = canary.latencies(prometheus, about, (&of_canary, unit_micros), (now, limit));
        let of_baseline = [labels, &question.baseline];
        let baseline = async {
            if question.baseline.is_empty() {
                return Ok(None);
            }
            baseline.latencies(prometheus, about, (&of_baseline, unit_micros), (now, limit)).await.map(Some)
        };
        let (canary, baseline) = tokio::try_join!(canary, baseline)?;
        let micros = |histogram: &Histogram| histogram.percentile_micros(per_mille);
        let told = |histogram: &Histogram| match micros(histogram) {
            Some(micros) => format!("{}.{:03} ms", micros / 1_000, micros % 1_000),
            None => "unknown".to_owned(),
        };
        let total = canary.window.total();
        let percentile = format!("p{}.{}", per_mille / 10, per_mille % 10);
        let percentile = percentile.trim_end_matches(".0");
        let mut what = format!("{percentile} of {total} requests in {} s: {}", about.1, told(&canary.window));
        if let Some(other) = &baseline {
            what += &format!("; baseline: {} of {}", told(&other.window), other.window.total());
        }
        let value = micros(&canary.window).map(i128::from);
        let millionths = canary.judged(value, total, question.min_requests, about.1);
        let measured = both(canary, baseline).map(Measured::Latencies);
        Ok(Value { millionths, what, measured })
    }
}

impl<T> Reading<T> {
    /// The value, where there is enough to judge by.
    fn judged(&self, value: Option<i128>, total: u64, enough: u64, seconds: u64) -> Result<i128, String> {
        if let Some(silent) = &self.silent {
            return Err(silent.clone());
        }
        match value {
            None => Err(format!("no requests in {seconds} s")),
            Some(_) if total < enough => {
                Err(format!("{total} requests in {seconds} s, at least {enough} are needed"))
            }
            Some(value) => Ok(value),
        }
    }
}

/// What both arms have counted since the question before.
fn both<T: Default>(canary: Reading<T>, baseline: Option<Reading<T>>) -> Option<Arms<T>> {
    // A baseline that is seen for the first time has counted nothing since.
    let baseline = baseline.map(|baseline| baseline.since.unwrap_or_default());
    canary.since.map(|canary| Arms { canary, baseline })
}

impl Value {
    fn plain(value: f64, what: String) -> Self {
        Self { millionths: millionths(value), what, measured: None }
    }

    fn judged(self, question: &PrometheusQuestion) -> Sampled {
        let Self { millionths, what, measured } = self;
        let sampled = match millionths {
            Err(missing) => Sampled::unanswered(Verdict::Inconclusive, missing),
            Ok(millionths) => {
                let verdict = if question.expect.holds(millionths) { Verdict::Pass } else { Verdict::Fail };
                let value = match &question.query {
                    MetricQuery::ErrorRate { .. }
                    | MetricQuery::Latency { .. }
                    | MetricQuery::Saturation { .. } => what,
                    MetricQuery::Instant { .. } | MetricQuery::Range { .. } => {
                        format!("{what} is {}", told(millionths))
                    }
                };
                let is_latency = matches!(question.query, MetricQuery::Latency { .. });
                Sampled {
                    verdict,
                    latency_micros: u64::try_from(millionths).ok().filter(|_| is_latency),
                    detail: format!("{value}, expected {}", question.expect),
                    measured: None,
                }
            }
        };
        Sampled { measured, ..sampled }
    }
}

/// One number of the points of a range.
fn reduced(
    series: Vec<Series>,
    over_seconds: u64,
    step_seconds: u64,
    reduce: Reduce,
) -> Result<Result<i128, String>, PrometheusError> {
    let count = series.len();
    let mut series = series.into_iter();
    let Some(Series { values, .. }) = series.next() else { return Err(PrometheusError::NoData) };
    if count > 1 {
        return Err(PrometheusError::Several { count });
    }
    // A point that is no number is a missing one.
    let points: Vec<(f64, f64)> =
        values.iter().filter_map(|point| Some((point.0, number(&point.1).ok()?))).collect();
    let wanted = usize::try_from(over_seconds / step_seconds).unwrap_or(usize::MAX);
    if points.len() * 2 < wanted.max(1) {
        return Ok(Err(format!("{} points in {over_seconds} s, of {wanted}", points.len())));
    }
    let numbers = points.iter().map(|(_, value)| *value);
    #[expect(clippy::cast_precision_loss, reason = "a thousand points and a day at most")]
    let (points_count, age_max) = (points.len() as f64, (step_seconds * MISSED_STEPS) as f64);
    let Some((newest, last)) = points.last().copied() else { return Err(PrometheusError::NoData) };
    let age = seconds_now() - newest;
    if age > age_max.max(f64::from(MISSED_SECONDS_MIN)) {
        return Ok(Err(format!(
            "the newest point is {age:.0} s old, and should come every {step_seconds} s"
        )));
    }
    Ok(millionths(match reduce {
        Reduce::Last => last,
        Reduce::Mean => numbers.sum::<f64>() / points_count,
        Reduce::Min => numbers.fold(f64::INFINITY, f64::min),
        Reduce::Max => numbers.fold(f64::NEG_INFINITY, f64::max),
    }))
}

/// Age that is never too old, in seconds: clocks differ.
const MISSED_SECONDS_MIN: u32 = 5;

fn millionths(value: f64) -> Result<i128, String> {
    format!("{:.0}", value * 1e6)
        .parse()
        .map_err(|_| format!("the value is {value}, which is no finite number"))
}

/// Millionths as a person reads them.
fn told(millionths: i128) -> String {
    match i64::try_from(millionths) {
        Ok(small) => domain::plan::source::Millionths(small).to_string(),
        Err(_) => (millionths / 1_000_000).to_string(),
    }
}

/// A value as it is told; itself where it is no number of a sensible size.
fn shown(value: f64) -> String {
    millionths(value).map_or_else(|_| value.to_string(), told)
}

/// The share in use among what has these labels.
fn saturation((used, whole): (&str, Option<&str>), labels: &[&Labels; 2]) -> String {
    match whole {
        Some(whole) => format!("sum({}) / sum({})", selector(used, labels), selector(whole, labels)),
        None => format!("max({})", selector(used, labels)),
    }
}

fn seconds_now() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit for three centuries")]
    let micros = clock::now().as_microsecond() as f64;
    micros / 1e6
}
