//! Samples on their way to the server: taken along by heartbeats, bounded while the server cannot be reached.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::run::{Measured, SAMPLES_MAX, Sample};

/// Most samples that wait; then the oldest are left out. Enough for an outage as long as a lease.
const WAITING_MAX: usize = 20 * SAMPLES_MAX;

/// Samples that the server has not had.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    waiting: Mutex<VecDeque<Sample>>,
}

impl Samples {
    pub(crate) fn push(&self, sample: &domain::rollback::Sample) {
        let domain::rollback::Sample { monitor, at, verdict, latency_micros, measured } = sample;
        let mut waiting = self.lock();
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
        }
        waiting.push_back(Sample {
            monitor: monitor.to_string(),
            at: at.to_string(),
            verdict: verdict.to_string(),
            latency_micros: *latency_micros,
            measured: measured.as_ref().map(Measured::from_domain),
        });
    }

    /// As many as fit into one heartbeat, oldest first.
    pub(crate) fn take(&self) -> Vec<Sample> {
        let mut waiting = self.lock();
        let count = waiting.len().min(SAMPLES_MAX);
        waiting.drain(..count).collect()
    }

    /// Puts back what could not be handed over.
    pub(crate) fn put_back(&self, samples: Vec<Sample>) {
        let mut waiting = self.lock();
        for sample in samples.into_iter().rev() {
            if waiting.len() >= WAITING_MAX {
                break;
            }
            waiting.push_front(sample);
        }
    }

    /// Whether a whole heartbeat could be filled.
    pub(crate) fn is_plenty(&self) -> bool {
        self.lock().len() >= SAMPLES_MAX
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use domain::rollback::Verdict;

    use super::*;

    fn sample(second: i64) -> domain::rollback::Sample {
        domain::rollback::Sample {
            monitor: "front".parse().unwrap(),
            at: jiff::Timestamp::from_second(second).unwrap(),
            verdict: Verdict::Pass,
            latency_micros: Some(7),
            measured: None,
        }
    }

    #[test]
    fn samples_keep_their_order_and_are_handed_over_once() {
        let samples = Samples::default();
        (0..i64::try_from(SAMPLES_MAX).unwrap() + 2).for_each(|second| samples.push(&sample(second)));
        assert!(samples.is_plenty());
        let first = samples.take();
        assert_eq!((first.len(), first[0].at.as_str()), (SAMPLES_MAX, "1970-01-01T00:00:00Z"));
        samples.put_back(first.clone());
        assert_eq!(samples.take(), first);
        assert_eq!(samples.take().len(), 2);
        assert_eq!(samples.take(), []);
    }

    #[test]
    fn an_outage_costs_bounded_memory_and_the_oldest_samples() {
        let samples = Samples::default();
        (0..i64::try_from(WAITING_MAX).unwrap() + 3).for_each(|second| samples.push(&sample(second)));
        assert_eq!(samples.lock().len(), WAITING_MAX);
        let first = samples.take();
        assert_eq!(first[0].at, "1970-01-01T00:00:03Z");
        (0..i64::try_from(SAMPLES_MAX).unwrap()).for_each(|second| samples.push(&sample(second)));
        samples.put_back(first);
        assert_eq!(samples.lock().len(), WAITING_MAX);
    }
}
