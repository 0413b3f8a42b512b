//! Samples on their way to the server: taken along by heartbeats, bounded while the server cannot be reached.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::run::{Measured, SAMPLES_MAX, Sample};

/// Most samples that wait, and most bytes of them; then the oldest are left out. Enough for an outage as long as a lease.
const WAITING_MAX: usize = 20 * SAMPLES_MAX;
const WAITING_BYTES_MAX: usize = 20 * BEAT_BYTES_MAX;
/// Most bytes of the samples of one heartbeat: half of what a body may have. A sample alone is far smaller, with all
/// buckets of two arms about 5 KiB.
const BEAT_BYTES_MAX: usize = api::BODY_BYTES_MAX / 2;

/// Samples that the server has not had.
#[derive(Debug, Default)]
pub(crate) struct Samples(Mutex<Waiting>);

/// Samples in the order in which they were taken, each with its bytes on the wire.
#[derive(Debug, Default)]
struct Waiting {
    samples: VecDeque<(Sample, usize)>,
    bytes: usize,
}

impl Samples {
    pub(crate) fn push(&self, sample: &domain::rollback::Sample) {
        let domain::rollback::Sample { monitor, at, verdict, latency_micros, measured } = sample;
        let sample = Sample {
            monitor: monitor.to_string(),
            at: at.to_string(),
            verdict: verdict.to_string(),
            latency_micros: *latency_micros,
            measured: measured.as_ref().map(Measured::from_domain),
        };
        let bytes = bytes(&sample);
        let mut waiting = self.lock();
        while !waiting.has_room(bytes) && waiting.pop().is_some() {}
        waiting.bytes += bytes;
        waiting.samples.push_back((sample, bytes));
    }

    /// As many as fit into one heartbeat, oldest first.
    pub(crate) fn take(&self) -> Vec<Sample> {
        let (mut waiting, mut taken, mut room) = (self.lock(), Vec::new(), BEAT_BYTES_MAX);
        while taken.len() < SAMPLES_MAX
            && waiting.samples.front().is_some_and(|(_, bytes)| *bytes <= room || taken.is_empty())
        {
            let Some((sample, bytes)) = waiting.pop() else { break };
            room = room.saturating_sub(bytes);
            taken.push(sample);
        }
        taken
    }

    /// Puts back what could not be handed over.
    pub(crate) fn put_back(&self, samples: Vec<Sample>) {
        let mut waiting = self.lock();
        for sample in samples.into_iter().rev() {
            let bytes = bytes(&sample);
            if !waiting.has_room(bytes) {
                break;
            }
            waiting.bytes += bytes;
            waiting.samples.push_front((sample, bytes));
        }
    }

    /// Whether a whole heartbeat could be filled.
    pub(crate) fn is_plenty(&self) -> bool {
        let waiting = self.lock();
        waiting.samples.len() >= SAMPLES_MAX || waiting.bytes >= BEAT_BYTES_MAX
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_room(&self, bytes: usize) -> bool {
        self.samples.len() < WAITING_MAX && self.bytes.saturating_add(bytes) <= WAITING_BYTES_MAX
    }

    /// The oldest one.
    fn pop(&mut self) -> Option<(Sample, usize)> {
        let oldest = self.samples.pop_front();
        self.bytes -= oldest.as_ref().map_or(0, |(_, bytes)| *bytes);
        oldest
    }
}

/// How long a sample is in a heartbeat. One that cannot be written, which none is, counts as a whole one.
fn bytes(sample: &Sample) -> usize {
    serde_json::to_vec(sample).map_or(BEAT_BYTES_MAX, |written| written.len())
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
        assert_eq!(samples.lock().samples.len(), WAITING_MAX);
        let first = samples.take();
        assert_eq!(first[0].at, "1970-01-01T00:00:03Z");
        (0..i64::try_from(SAMPLES_MAX).unwrap()).for_each(|second| samples.push(&sample(second)));
        samples.put_back(first);
        assert_eq!(samples.lock().samples.len(), WAITING_MAX);
    }

    #[test]
    fn a_heartbeat_of_large_samples_fits_into_a_body() {
        let samples = Samples::default();
        let buckets = (0..64).map(|bucket| (u64::MAX / 2 + bucket, u64::MAX / 128)).collect();
        let arm = domain::rollback::Histogram::new(buckets).unwrap();
        let arms = domain::rollback::Arms { canary: arm.clone(), baseline: Some(arm) };
        let measured = Some(domain::rollback::Measured::Latencies(arms));
        let large = domain::rollback::Sample { measured, ..sample(0) };
        (0..WAITING_MAX).for_each(|_| samples.push(&large));
        assert!(samples.lock().bytes <= WAITING_BYTES_MAX && samples.is_plenty());
        let taken = samples.take();
        let bytes = serde_json::to_vec(&taken).unwrap().len();
        assert!(taken.len() > 50 && bytes < api::BODY_BYTES_MAX, "{} samples, {bytes} bytes", taken.len());
        samples.put_back(taken.clone());
        assert_eq!(samples.take(), taken);
    }
}
