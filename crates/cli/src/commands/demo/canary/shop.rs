//! The service of the story: two servers, each of the version that its slot's file names, with metrics of their own.
//!
//! A version is a line: its name, the share of requests that fail and the share that are slow, in percent. The file is read for
//! every request, so that replacing it is a deployment.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::http::{Answer, JSON, METRICS};

/// Upper bounds of the histogram's buckets, in milliseconds.
const BOUNDS_MILLIS: [u64; 10] = [2, 4, 6, 8, 12, 16, 24, 40, 80, 160];
/// Time that every request takes, in milliseconds.
const WORK_MILLIS: u64 = 2;
/// Time that a slow request takes, in milliseconds.
pub(super) const SLOW_MILLIS: u64 = 60;

/// One server.
#[derive(Debug, Clone)]
pub(super) struct Shop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: &'static str,
    file: PathBuf,
    served: AtomicU64,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    good: u64,
    failed: u64,
    seconds: f64,
    buckets: [u64; BOUNDS_MILLIS.len()],
}

impl Shop {
    pub(super) fn new(name: &'static str, file: &Path) -> Self {
        let (served, counts) = (AtomicU64::new(0), Mutex::default());
        Self(Arc::new(Inner { name, file: file.to_owned(), served, counts }))
    }

    pub(super) async fn answer(self, path: String) -> Answer {
        let server = self.0.name;
        match path.as_str() {
            "/metrics" => Answer { status: "200 OK", server, kind: METRICS, body: self.metrics() },
            "/healthz" => Answer { status: "200 OK", server, kind: JSON, body: "\"healthy\"".to_owned() },
            _ => self.work().await,
        }
    }

    async fn work(&self) -> Answer {
        let began = Instant::now();
        let version = tokio::fs::read_to_string(&self.0.file).await.unwrap_or_default();
        let mut words = version.split_whitespace();
        let name = words.next().unwrap_or("none").to_owned();
        let mut percent = || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        let (failing, slow) = (percent(), percent());
        let number = self.0.served.fetch_add(1, Ordering::Relaxed);
        let millis = if lot(number, 1) < slow { SLOW_MILLIS } else { WORK_MILLIS };
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let is_failed = lot(number, 2) < failing;
        self.count(began.elapsed(), is_failed);
        let status = if is_failed { "500 Internal Server Error" } else { "200 OK" };
        Answer { status, server: self.0.name, kind: JSON, body: format!("\"shop {name}\"") }
    }

    fn count(&self, took: Duration, is_failed: bool) {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if is_failed {
            counts.failed += 1;
        } else {
            counts.good += 1;
        }
        counts.seconds += took.as_secs_f64();
        for (bound, bucket) in BOUNDS_MILLIS.iter().zip(counts.buckets.iter_mut()) {
            *bucket += u64::from(took <= Duration::from_millis(*bound));
        }
    }

    /// The metrics as Prometheus reads them.
    fn metrics(&self) -> String {
        let counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let total = counts.good + counts.failed;
        let mut text = format!(
            "http_requests_total{{code=\"200\"}} {}\nhttp_requests_total{{code=\"500\"}} {}\n",
            counts.good, counts.failed
        );
        for (bound, bucket) in BOUNDS_MILLIS.iter().zip(&counts.buckets) {
            let (whole, rest) = (bound / 1_000, bound % 1_000);
            text += &format!("http_request_duration_seconds_bucket{{le=\"{whole}.{rest:03}\"}} {bucket}\n");
        }
        text += &format!("http_request_duration_seconds_bucket{{le=\"+Inf\"}} {total}\n");
        text += &format!("http_request_duration_seconds_count{{}} {total}\n");
        text
    }
}

/// A lot from 0 to 99 for a request: the same for the same number, and spread without a pattern.
fn lot(number: u64, salt: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_fall_as_often_as_they_should() {
        for percent in [1, 10, 30] {
            let drawn = (0..10_000).filter(|number| lot(*number, 1) < percent).count();
            let expected = usize::try_from(percent * 100).unwrap();
            assert!(drawn.abs_diff(expected) < expected / 5 + 20, "{drawn} of 10000 at {percent} %");
        }
    }
}
