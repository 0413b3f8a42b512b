//! The judge of one rollout.

use super::Verdict;
use super::calibration::History;
use super::histogram::{Histogram, buckets_of};
use super::interval;
use super::metric::{Channel, Finding, Metric, Terms};
use super::numeric::ln_sum_exp;
use super::odds::Tally;
use super::ranks;
use super::sample::{Arm, Sample, SampleRefused};
use super::settings::{Settings, SettingsRefused, Watch};
use super::wander::Beliefs;

/// How long latencies are gathered before they are compared by rank, in milliseconds. Latencies of one moment resemble each
/// other; what both arms share cancels within such a pair.
const PAIR_MILLIS: u64 = 5_000;
/// Fewest latencies of each arm that are compared by rank.
const PAIR_COUNT_MIN: u64 = 20;
/// Events that the baseline must have had beyond a percentile before the percentile is used.
const BEYOND_MIN: f64 = 10.0;
/// Requests of the canary below which it does not pass.
const REQUESTS_TO_PASS_MIN: u64 = 100;
/// Chance of either bound being wrong that a pass may take.
const PASS_ALPHA: f64 = 0.05;
/// Standard deviations of wandering that are added to an upper bound before it lets a canary pass.
const PASS_WANDER: f64 = 1.64;

/// How the budget is shared out: errors first, as they hurt most.
const SHARES: [(Metric, f64); 4] = [
    (Metric::Errors, 0.5),
    (Metric::LatencyShift, 0.2),
    (Metric::LatencyP95, 0.15),
    (Metric::LatencyP99, 0.15),
];

/// Judges samples as they come. Its memory is bounded, and the same samples give the same verdict.
///
/// Averaged evidence is evidence (Vovk and Wang 2021), whatever the metrics have to do with each other: the canary fails
/// when the sum of every metric's evidence, each weighted by its share, reaches one over the budget.
#[derive(Debug, Clone)]
pub struct Judge {
    settings: Settings,
    channels: Vec<Channel>,
    /// What the baseline's latencies were until now; older ones count for less.
    baseline_latencies: Histogram,
    /// Latencies of baseline and canary that wait to be compared, and since when.
    pair: (Histogram, Histogram),
    pair_begin_millis: u64,
    decayed_millis: u64,
    baseline: Arm,
    canary: Arm,
    at_millis: Option<u64>,
    traffic_millis: Option<u64>,
    failed: Option<Box<Opinion>>,
    /// Whether there is anything to decide; not so while equal arms are recorded.
    decides: bool,
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// The verdict.
    pub verdict: Verdict,
    /// The time of the last sample that counted, in milliseconds since the beginning.
    pub at_millis: u64,
    /// The reason in a sentence.
    pub reason: String,
    /// Requests and errors of the baseline until then.
    pub baseline: (u64, u64),
    /// Requests and errors of the canary until then.
    pub canary: (u64, u64),
    /// Natural logarithm of all metrics' weighted evidence.
    pub ln_evidence: f64,
    /// What it must reach.
    pub ln_evidence_needed: f64,
    /// What each metric says.
    pub findings: Vec<Finding>,
}

impl Judge {
    /// A judge that knows nothing of the service.
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn new(settings: Settings) -> Result<Self, SettingsRefused> {
        Self::build(settings, |_| None)
    }

    /// A judge that knows how far equal arms of the service wander.
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn with_history(settings: Settings, history: &History) -> Result<Self, SettingsRefused> {
        Self::build(settings, |metric| history.beliefs(metric))
    }

    fn build(
        settings: Settings,
        history: impl Fn(Metric) -> Option<Beliefs>,
    ) -> Result<Self, SettingsRefused> {
        settings.check()?;
        let shares: Vec<(Metric, f64)> = match settings.watch {
            Watch::Errors => vec![(Metric::Errors, 1.0)],
            Watch::ErrorsAndLatencies => SHARES.to_vec(),
        };
        let terms = |(metric, weight)| Terms {
            metric,
            weight,
            budget: settings.budget,
            odds_tolerance: settings.odds_tolerance,
            restart_seconds: settings.restart_seconds,
            horizon_seconds: settings.horizon_seconds,
            history: history(metric),
        };
        Ok(Self {
            settings,
            channels: shares.into_iter().map(|share| Channel::new(terms(share))).collect(),
            baseline_latencies: Histogram::default(),
            pair: (Histogram::default(), Histogram::default()),
            pair_begin_millis: 0,
            decayed_millis: 0,
            baseline: Arm::default(),
            canary: Arm::default(),
            at_millis: None,
            traffic_millis: None,
            failed: None,
            decides: true,
        })
    }

    /// Takes a sample in. After a failure nothing changes any more.
    ///
    /// # Errors
    /// When the sample cannot be; it then counts for nothing.
    pub fn observe(&mut self, sample: &Sample) -> Result<(), SampleRefused> {
        sample.check(self.at_millis)?;
        if self.failed.is_some() {
            return Ok(());
        }
        self.at_millis = Some(sample.at_millis);
        for channel in &mut self.channels {
            channel.advance(sample.at_millis);
        }
        if let Some((baseline, canary)) = sample.arms() {
            self.traffic_millis = Some(sample.at_millis);
            self.count(baseline, canary);
            self.compare_latencies(sample.at_millis, baseline, canary);
        }
        if self.decides && self.ln_beyond() >= self.ln_needed() {
            self.failed = Some(Box::new(self.opinion_of(Verdict::Fail)));
        }
        Ok(())
    }

    /// Whether the canary has failed. Cheaper than [`Self::verdict`].
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// The verdict on all samples until now.
    pub fn verdict(&self) -> Verdict {
        if self.failed.is_some() {
            return Verdict::Fail;
        }
        let (Some(at), Some(traffic)) = (self.at_millis, self.traffic_millis) else { return Verdict::NoData };
        let silent_millis = at - traffic;
        if silent_millis >= u64::from(self.settings.stale_seconds) * 1_000 {
            return Verdict::NoData;
        }
        let is_enough = self.canary.requests >= REQUESTS_TO_PASS_MIN && silent_millis == 0;
        if is_enough && self.channels.iter().all(|channel| self.passes(channel)) {
            return Verdict::Pass;
        }
        Verdict::Inconclusive
    }

    /// The verdict with its reasons.
    pub fn opinion(&self) -> Opinion {
        self.failed.as_deref().cloned().unwrap_or_else(|| self.opinion_of(self.verdict()))
    }

    /// The logarithm of the evidence, and of what it must reach: for a picture of how it grew.
    pub fn ln_evidence(&self) -> (f64, f64) {
        let sum =
            ln_sum_exp(self.channels.iter().map(|channel| channel.weight().ln() + channel.ln_evidence().0));
        (sum, self.ln_needed())
    }

    /// Only learns from now on.
    pub(super) fn never_fail(&mut self) {
        self.decides = false;
    }

    pub(super) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn ln_needed(&self) -> f64 {
        -self.settings.budget.ln()
    }

    fn ln_beyond(&self) -> f64 {
        ln_sum_exp(self.channels.iter().map(|channel| channel.weight().ln() + channel.ln_evidence().1))
    }

    fn count(&mut self, baseline: &Arm, canary: &Arm) {
        for (sum, arm) in [(&mut self.baseline, baseline), (&mut self.canary, canary)] {
            sum.requests = sum.requests.saturating_add(arm.requests);
            sum.errors = sum.errors.saturating_add(arm.errors);
        }
        let tally = Tally {
            baseline_events: baseline.errors as f64,
            canary_events: canary.errors as f64,
            exposure_ratio: canary.requests as f64 / baseline.requests as f64,
        };
        self.tell(Metric::Errors, tally);
    }

    fn tell(&mut self, metric: Metric, tally: Tally) {
        if let Some(channel) = self.channels.iter_mut().find(|channel| channel.metric() == metric)
            && tally.baseline_events + tally.canary_events > 0.0
        {
            channel.add(tally);
        }
    }

    fn compare_latencies(&mut self, at_millis: u64, baseline: &Arm, canary: &Arm) {
        let (of_baseline, of_canary) = (&baseline.latencies, &canary.latencies);
        if self.settings.watch == Watch::Errors {
            return;
        }
        if of_baseline.count() > 0 && of_canary.count() > 0 {
            self.count_beyond(Metric::LatencyP95, 0.95, of_baseline, of_canary);
            self.count_beyond(Metric::LatencyP99, 0.99, of_baseline, of_canary);
        }
        let block_millis = u64::from(self.settings.restart_seconds) * 1_000;
        if at_millis >= self.decayed_millis + block_millis {
            self.decayed_millis = at_millis;
            self.baseline_latencies.halve();
        }
        self.baseline_latencies.merge(of_baseline);
        self.pair.0.merge(of_baseline);
        self.pair.1.merge(of_canary);
        let is_full = self.pair.0.count().min(self.pair.1.count()) >= PAIR_COUNT_MIN;
        if at_millis >= self.pair_begin_millis + PAIR_MILLIS && is_full {
            let (one, other) = std::mem::take(&mut self.pair);
            self.pair_begin_millis = at_millis;
            let tally = ranks::tally(&one, &other, buckets_of(self.settings.latency_tolerance));
            self.tell(Metric::LatencyShift, tally);
        }
    }

    /// Counts requests that are slower than a percentile of what the baseline showed before this sample.
    fn count_beyond(&mut self, metric: Metric, share: f64, baseline: &Histogram, canary: &Histogram) {
        let beyond = self.baseline_latencies.count() as f64 * (1.0 - share);
        if beyond < BEYOND_MIN {
            return;
        }
        let Some(bucket) = self.baseline_latencies.quantile_bucket(share) else { return };
        let tolerated = buckets_of(self.settings.latency_tolerance);
        let tally = Tally {
            baseline_events: baseline.above(bucket) as f64,
            canary_events: canary.above(bucket + tolerated) as f64,
            exposure_ratio: canary.count() as f64 / baseline.count() as f64,
        };
        self.tell(metric, tally);
    }

    /// Whether a regression of a metric that matters can be ruled out.
    fn passes(&self, channel: &Channel) -> bool {
        let blocks = channel.blocks().iter().flatten().count().max(1) as f64;
        let margin = || (PASS_WANDER * channel.wander() / blocks.sqrt()).exp();
        let by_odds = || {
            channel.overall().is_some_and(|(_, _, high)| {
                high <= self.settings.odds_that_matter && high * margin() <= self.settings.odds_that_matter
            })
        };
        if channel.metric() != Metric::Errors {
            return by_odds();
        }
        let share = |arm: &Arm| interval::share(arm.errors as f64, arm.requests as f64, PASS_ALPHA);
        share(&self.canary).1 - share(&self.baseline).0 <= self.settings.added_share_that_matters || by_odds()
    }

    fn opinion_of(&self, verdict: Verdict) -> Opinion {
        let findings: Vec<Finding> =
            self.channels.iter().map(|channel| channel.finding(self.verdict_of(channel, verdict))).collect();
        Opinion {
            verdict,
            at_millis: self.at_millis.unwrap_or(0),
            reason: self.reason(verdict, &findings),
            baseline: (self.baseline.requests, self.baseline.errors),
            canary: (self.canary.requests, self.canary.errors),
            ln_evidence: self.ln_evidence().0,
            ln_evidence_needed: self.ln_needed(),
            findings,
        }
    }

    fn verdict_of(&self, channel: &Channel, overall: Verdict) -> Verdict {
        match overall {
            // The metric alone suffices, or it is one of several that do so together.
            Verdict::Fail if channel.ln_evidence().1 > f64::NEG_INFINITY => Verdict::Fail,
            Verdict::NoData => Verdict::NoData,
            Verdict::Fail | Verdict::Pass | Verdict::Inconclusive if self.passes(channel) => Verdict::Pass,
            Verdict::Fail | Verdict::Pass | Verdict::Inconclusive => Verdict::Inconclusive,
        }
    }

    fn reason(&self, verdict: Verdict, findings: &[Finding]) -> String {
        let at = self.at_millis.unwrap_or(0) / 1_000;
        // What wandering explains decides nothing, so it is not told as the reason of a failure either.
        let evidence = |channel: &Channel, finding: &Finding| match verdict {
            Verdict::Fail => channel.weight().ln() + finding.ln_evidence_beyond_wander,
            Verdict::Pass | Verdict::Inconclusive | Verdict::NoData => finding.ln_evidence,
        };
        let leading = || {
            let pairs = self.channels.iter().zip(findings);
            let leading =
                pairs.max_by(|one, other| evidence(one.0, one.1).total_cmp(&evidence(other.0, other.1)));
            leading.map(|(channel, finding)| channel.words(finding)).unwrap_or_default()
        };
        match verdict {
            Verdict::Fail => format!("at second {at} the canary is worse; {}", leading()),
            Verdict::Pass => format!("at second {at} a regression that matters is ruled out; {}", leading()),
            Verdict::Inconclusive => {
                format!("at second {at} neither a regression nor its absence is shown; {}", leading())
            }
            Verdict::NoData => match self.traffic_millis {
                Some(traffic) => format!("no traffic in both arms since second {}", traffic / 1_000),
                None => "no traffic in both arms yet".to_owned(),
            },
        }
    }
}
