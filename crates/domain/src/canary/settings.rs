//! What the judge is asked to hold.

/// Longest rollout whose restarts have their stakes set aside, in seconds (31 days).
const HORIZON_SECONDS_MAX: u32 = 31 * 86_400;
/// Shortest and longest time between restarts, in seconds.
const RESTART_SECONDS: std::ops::RangeInclusive<u32> = 10..=3_600;

/// What is watched. Said beforehand, because the budget is shared out beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Failed requests.
    Errors,
    /// Failed requests and latencies.
    ErrorsAndLatencies,
}

/// What is held, and what counts as worse. The defaults are those of docs/canary.md.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// What is watched.
    pub watch: Watch,
    /// Odds of an error in the canary over those in the baseline up to which nobody minds.
    pub odds_tolerance: f64,
    /// How much longer all requests may take, as a share, before anybody minds.
    pub latency_tolerance: f64,
    /// Chance that a rollout of equal arms is rolled back, over all metrics and the whole rollout.
    pub budget: f64,
    /// Time between restarts, which is also the length of the blocks in which wandering is learned, in seconds.
    pub restart_seconds: u32,
    /// How long the rollout is expected to take, in seconds. Judging goes on after it, with less of the budget.
    pub horizon_seconds: u32,
    /// The smallest odds ratio whose absence has to be shown before the canary passes.
    pub odds_that_matter: f64,
    /// Added share of failing requests below which a canary passes whatever the odds are.
    pub added_share_that_matters: f64,
    /// Time without traffic after which there is no data, in seconds.
    pub stale_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            watch: Watch::Errors,
            odds_tolerance: 1.2,
            latency_tolerance: 0.05,
            budget: 0.01,
            restart_seconds: 60,
            horizon_seconds: 3_600,
            odds_that_matter: 2.0,
            added_share_that_matters: 0.005,
            stale_seconds: 30,
        }
    }
}

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{name}` is {given}: expected {accepted}")]
pub struct SettingsRefused {
    name: &'static str,
    given: f64,
    accepted: &'static str,
}

impl Settings {
    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// Names the first such setting and what is accepted.
    pub fn check(&self) -> Result<(), SettingsRefused> {
        let within = |name, given: f64, range: std::ops::RangeInclusive<f64>, accepted| {
            if range.contains(&given) { Ok(()) } else { Err(SettingsRefused { name, given, accepted }) }
        };
        let restarts = f64::from(*RESTART_SECONDS.start())..=f64::from(*RESTART_SECONDS.end());
        within("odds_tolerance", self.odds_tolerance, 1.0..=10.0, "a ratio from 1 to 10")?;
        within("latency_tolerance", self.latency_tolerance, 0.0..=1.0, "a share from 0 to 1")?;
        within("budget", self.budget, 1e-6..=0.2, "a chance from 0.000001 to 0.2")?;
        within("restart_seconds", self.restart_seconds.into(), restarts, "10 to 3600 seconds")?;
        let horizon = f64::from(self.restart_seconds)..=f64::from(HORIZON_SECONDS_MAX);
        within("horizon_seconds", self.horizon_seconds.into(), horizon, "one restart to 31 days")?;
        let matters = self.odds_tolerance..=100.0;
        within("odds_that_matter", self.odds_that_matter, matters, "a ratio from the tolerance to 100")?;
        let added = self.added_share_that_matters;
        within("added_share_that_matters", added, 0.0..=0.5, "a share from 0 to 0.5")?;
        within("stale_seconds", self.stale_seconds.into(), 1.0..=3_600.0, "1 to 3600 seconds")
    }
}
