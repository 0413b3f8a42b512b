//! How often changes of somebody, or to something, failed: rates that fade with time and know nothing too early.
//!
//! Each rate counts successes and failures, both halved every thirty days, and shrinks them towards the base rate as if
//! some changes of base risk had been seen before. An outcome is handed in when the change happens but counts only from
//! the moment it is known, so replaying the past gives each change the rates of its own moment. An outcome that is found
//! later to have been another one is counted as that from then on, as faded as it is by then.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Most names a tracker remembers per kind; beyond it the oldest go.
pub const NAMES_MAX: usize = 500_000;
/// A day in the unit of time, seconds.
pub const DAY_SECONDS: i64 = 86_400;

/// How a tracker counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSettings {
    /// After this many seconds an outcome counts half.
    pub half_life_seconds: f64,
    /// How many changes of base risk are imagined before the first one.
    pub prior_changes: f64,
    /// The base rate before anything is known.
    pub base_rate: f64,
}

/// Rates of many names, for example of all authors.
#[derive(Debug, Clone)]
pub struct Rates {
    settings: RateSettings,
    counts: BTreeMap<usize, Count>,
    all: Count,
    /// What is not known yet, by when it will be.
    waiting: BinaryHeap<Reverse<(i64, u64, usize, News)>>,
    arrivals: u64,
}

/// What becomes known of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    /// What came of it.
    Outcome { failed: bool },
    /// That what was known of it since `known_at` is to be turned round.
    Correction { known_at: i64, failed: bool },
}

/// Fading counts.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    changes: f64,
    failures: f64,
    as_of: i64,
}

/// What is known of a name at some moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The share that failed, shrunk towards the base.
    pub rate: f64,
    /// How many changes it rests on, after fading.
    pub changes: f64,
}

impl Default for RateSettings {
    /// A month's half-life; five changes of 2 %.
    fn default() -> Self {
        Self { half_life_seconds: 30.0 * DAY_SECONDS as f64, prior_changes: 5.0, base_rate: 0.02 }
    }
}

impl Count {
    fn faded(self, at: i64, half_life_seconds: f64) -> Self {
        let passed = at.saturating_sub(self.as_of).max(0) as f64;
        let left = (-passed / half_life_seconds).exp2();
        Self { changes: self.changes * left, failures: self.failures * left, as_of: self.as_of.max(at) }
    }

    /// With one more, which counts in part when it was known some time ago.
    fn with(self, failed: bool, counted: f64) -> Self {
        Self {
            changes: self.changes + counted,
            failures: self.failures + counted * crate::number::indicator(failed),
            ..self
        }
    }

    /// With one that was known at `known_at`. One that is told late has faded since.
    fn with_known(self, known_at: i64, failed: bool, half_life_seconds: f64) -> Self {
        let faded = self.faded(known_at, half_life_seconds);
        let passed = faded.as_of.saturating_sub(known_at).max(0) as f64;
        faded.with(failed, (-passed / half_life_seconds).exp2())
    }

    /// With what is left of one that was known at `known_at` on the other side.
    fn corrected(self, known_at: i64, failed: bool, half_life_seconds: f64) -> Self {
        let passed = self.as_of.saturating_sub(known_at).max(0) as f64;
        let left = (-passed / half_life_seconds).exp2();
        // What was forgotten meanwhile cannot change sides.
        Self { failures: (self.failures + toward(failed) * left).min(self.changes).max(0.0), ..self }
    }
}

/// What a correction adds to the failures.
fn toward(failed: bool) -> f64 {
    if failed { 1.0 } else { -1.0 }
}

impl Rates {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(settings: RateSettings) -> Self {
        Self {
            settings,
            counts: BTreeMap::new(),
            all: Count::default(),
            waiting: BinaryHeap::new(),
            arrivals: 0,
        }
    }

    /// Takes in a change of `name` whose outcome is known at `known_at`. It counts from then on.
    pub fn add(&mut self, name: usize, known_at: i64, failed: bool) {
        self.wait(known_at, name, News::Outcome { failed });
    }

    /// Takes in that a change of `name`, whose outcome was known at `known_at` and taken in as the other one, had failed or
    /// not. From `at` on it counts as if that had been known from the first; before, nothing changes.
    pub fn correct(&mut self, name: usize, known_at: i64, at: i64, failed: bool) {
        self.wait(at.max(known_at), name, News::Correction { known_at, failed });
    }

    fn wait(&mut self, at: i64, name: usize, news: News) {
        self.arrivals += 1;
        self.waiting.push(Reverse((at, self.arrivals, name, news)));
    }

    /// What is known of `name` at `at`. Moments must not go back.
    pub fn of(&mut self, name: Option<usize>, at: i64) -> Rate {
        self.settle(at);
        let RateSettings { half_life_seconds, prior_changes, base_rate } = self.settings;
        // The base does not fade, so that it rests on many changes.
        let all = self.all;
        let base = (all.failures + prior_changes * base_rate) / (all.changes + prior_changes);
        let known = name.and_then(|name| self.counts.get(&name)).copied().unwrap_or_default();
        let Count { changes, failures, .. } = known.faded(at, half_life_seconds);
        Rate { rate: (failures + prior_changes * base) / (changes + prior_changes), changes }
    }

    /// Takes the outcomes in that are known at `at`.
    pub fn settle(&mut self, at: i64) {
        while let Some(Reverse((known_at, _, name, news))) = self.waiting.peek().copied() {
            if known_at > at {
                break;
            }
            self.waiting.pop();
            let half_life = self.settings.half_life_seconds;
            match news {
                News::Outcome { failed } => {
                    let count = self.counts.entry(name).or_default();
                    *count = count.with_known(known_at, failed, half_life);
                    self.all = self.all.with(failed, 1.0);
                }
                News::Correction { known_at, failed } => {
                    if let Some(count) = self.counts.get_mut(&name) {
                        *count = count.corrected(known_at, failed, half_life);
                    }
                    self.all.failures += toward(failed);
                }
            }
        }
        if self.counts.len() > NAMES_MAX {
            self.forget();
        }
    }

    /// Drops the half that was heard of longest ago.
    fn forget(&mut self) {
        let mut times: Vec<i64> = self.counts.values().map(|count| count.as_of).collect();
        times.sort_unstable();
        if let Some(&middle) = times.get(times.len() / 2) {
            self.counts.retain(|_, count| count.as_of > middle);
        }
    }
}
