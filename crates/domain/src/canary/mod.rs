//! Whether a canary is worse than its baseline, judged while the samples come in.
//!
//! Knows: counts and latencies of two arms, what evidence is, how far equal arms wander. Never does: ask anybody, read a
//! clock, draw a random number that its seed does not give. The same samples give the same verdict, however they are
//! handed over.
//!
//! How it judges, from the inside out:
//! - `odds`: a test martingale on events, with bets that begin anew at every restart. Valid at any time for arms whose
//!   rates differ by chance alone.
//! - `wander`: arms of real services differ by more than chance. A difference counts only when it is also beyond what the
//!   ratio of equal arms was seen, or must be feared, to wander.
//! - `metric`: both together for one metric: failed requests, requests beyond the baseline's 95th and 99th percentile,
//!   and a request of the canary slower than one of the baseline (Mann and Whitney 1947).
//! - `judge`: the average of the metrics' evidence against one budget, four verdicts, and words for all of it.
//! - `calibration`: what recordings of two equal arms say; `saved`: the same in whole numbers, as it is recorded;
//!   `calibrations`: those of all services; `arming`: whether what a plan compares rolls back by itself.
//!
//! Rejected: a two-sided bound on wandering inside the martingale (it needs evidence that the first minute cannot hold, see
//! docs/canary.md), a fixed wider tolerance (late regressions take minutes), and windows of p-values (no promise at all).

pub mod arming;
pub mod calibration;
pub mod calibrations;
mod histogram;
mod interval;
mod judge;
mod metric;
mod numeric;
mod odds;
pub mod ranks;
mod sample;
pub mod saved;
mod settings;
pub mod streams;
mod wander;

pub use calibration::{Arming, Calibration, History};
pub use calibrations::{CalibrationEvent, Calibrations};
pub use histogram::Histogram;
pub use interval::clopper_pearson;
pub use judge::{Judge, Opinion};
pub use metric::{Finding, Metric};
pub use sample::{Arm, Sample, SampleRefused};
pub use saved::Calibrated;
pub use settings::{Settings, SettingsRefused, Watch};

/// What the judge says of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A regression that matters would have been seen by now. The only one on which a rollout may go on.
    Pass,
    /// The canary is worse. Final: no later sample takes it back.
    Fail,
    /// Neither can be said yet.
    Inconclusive,
    /// There is nothing to judge: no traffic, or the samples are missing.
    NoData,
}

impl Verdict {
    /// As it is written in files and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NoData => "no_data",
        }
    }
}
