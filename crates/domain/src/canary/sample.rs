//! One sample of both arms.

use super::Histogram;

/// Most requests in one arm of one sample.
pub(super) const REQUESTS_MAX: u64 = 1_000_000_000;

/// What one arm did since the sample before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arm {
    /// Requests that were answered.
    pub requests: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// How long requests took; empty where it is not measured.
    pub latencies: Histogram,
}

impl Arm {
    /// Counts alone.
    pub fn counts(requests: u64, errors: u64) -> Self {
        Self { requests, errors, latencies: Histogram::default() }
    }

    /// Adds what it did besides.
    pub fn add(&mut self, more: &Self) {
        self.requests = self.requests.saturating_add(more.requests);
        self.errors = self.errors.saturating_add(more.errors);
        self.latencies.merge(&more.latencies);
    }
}

/// What both arms did since the sample before.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When it was taken, in milliseconds since the canary began to be judged.
    pub at_millis: u64,
    /// The version that ran before; nothing when it could not be asked or answered with something that is no number.
    pub baseline: Option<Arm>,
    /// The new version, likewise.
    pub canary: Option<Arm>,
}

/// Why a sample cannot be judged. The judge is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SampleRefused {
    /// Time ran backwards.
    #[error(
        "the sample at {at_millis} ms does not come after the one at {last_millis} ms: expected times that rise"
    )]
    NotAfter {
        /// The sample's time.
        at_millis: u64,
        /// The time of the one before.
        last_millis: u64,
    },
    /// More failed than there were.
    #[error("{errors} of {requests} requests failed: expected at most as many errors as requests")]
    MoreErrorsThanRequests {
        /// Failed requests.
        errors: u64,
        /// All requests.
        requests: u64,
    },
    /// A count that no service reaches.
    #[error("{requests} requests in one sample: expected at most {REQUESTS_MAX}")]
    TooMany {
        /// All requests, or all latencies.
        requests: u64,
    },
}

impl Sample {
    /// A sample of counts alone.
    pub fn counts(at_millis: u64, baseline: (u64, u64), canary: (u64, u64)) -> Self {
        let arm = |(requests, errors)| Some(Arm::counts(requests, errors));
        Self { at_millis, baseline: arm(baseline), canary: arm(canary) }
    }

    /// Refuses what cannot be.
    pub(super) fn check(&self, last_millis: Option<u64>) -> Result<(), SampleRefused> {
        if let Some(last_millis) = last_millis.filter(|last| self.at_millis <= *last) {
            return Err(SampleRefused::NotAfter { at_millis: self.at_millis, last_millis });
        }
        for arm in [&self.baseline, &self.canary].into_iter().flatten() {
            let Arm { requests, errors, ref latencies } = *arm;
            let largest = requests.max(latencies.count());
            if largest > REQUESTS_MAX {
                return Err(SampleRefused::TooMany { requests: largest });
            }
            if errors > requests {
                return Err(SampleRefused::MoreErrorsThanRequests { errors, requests });
            }
        }
        Ok(())
    }

    /// Both arms, when both are there and had traffic.
    pub(super) fn arms(&self) -> Option<(&Arm, &Arm)> {
        let baseline = self.baseline.as_ref().filter(|arm| arm.requests > 0)?;
        let canary = self.canary.as_ref().filter(|arm| arm.requests > 0)?;
        Some((baseline, canary))
    }
}
