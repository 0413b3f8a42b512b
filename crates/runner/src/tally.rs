//! What a monitor's answers over a time come to.

use std::collections::VecDeque;

use domain::rollback::judge::WINDOW_SAMPLES_MIN;
use domain::rollback::{Sample, Verdict};

use crate::baseline::median;

/// Most latencies of a monitor from which the reported median is taken.
const LATENCIES_MAX: usize = 10_000;

/// One monitor's answers.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    inconclusive: usize,
    errors: usize,
    /// Of the newest passing answers, in microseconds.
    latencies: VecDeque<u64>,
    /// The first answer that did not pass, in words.
    first_fault: Option<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, sample: &Sample, detail: &str) {
        match sample.verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail => self.failed += 1,
            Verdict::Inconclusive => self.inconclusive += 1,
            Verdict::Error => self.errors += 1,
        }
        if sample.verdict == Verdict::Pass {
            self.latencies.extend(sample.latency_micros);
            if self.latencies.len() > LATENCIES_MAX {
                self.latencies.pop_front();
            }
        } else {
            self.first_fault.get_or_insert_with(|| detail.to_owned());
        }
    }

    /// Answers of any kind.
    pub(crate) fn count(&self) -> usize {
        self.passed + self.failed + self.inconclusive + self.errors
    }

    /// Whether enough answers passed to say anything.
    pub(crate) fn is_enough(&self) -> bool {
        self.passed >= WINDOW_SAMPLES_MIN
    }

    /// Whether every answer passed.
    pub(crate) fn is_clean(&self) -> bool {
        self.passed == self.count()
    }

    /// Whether any answer was a failure.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// How long the newest passing answers took, in microseconds.
    pub(crate) fn latencies(&self) -> Vec<u64> {
        self.latencies.iter().copied().collect()
    }

    /// The figures, in words.
    pub(crate) fn detail(&self) -> String {
        let mut detail = format!("{} of {} answers passed", self.passed, self.count());
        if let Some(micros) = median(self.latencies.iter().copied().collect()) {
            detail += &format!(", median {}.{:03} ms", micros / 1_000, micros % 1_000);
        }
        if !self.is_enough() {
            detail += &format!("; at least {WINDOW_SAMPLES_MIN} must");
        }
        if let Some(fault) = &self.first_fault {
            detail += &format!("; first fault: {fault}");
        }
        detail
    }
}
