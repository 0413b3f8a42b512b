//! Real traffic: so many requests a second through the proxy, and what became of each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::http::get;

/// Requests a second.
pub(super) const RATE: u64 = 320;
/// Time from which on an answer counts as slow. Good ones take a few milliseconds.
const SLOW: Duration = Duration::from_millis(50);
/// Requests under way at once.
const UNDER_WAY_MAX: usize = 256;

/// What became of the requests so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Load(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    total: AtomicU64,
    failed: AtomicU64,
    slow: AtomicU64,
    by_new: AtomicU64,
}

/// How many requests there were, and how many of them were harmed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) total: u64,
    pub(super) failed: u64,
    pub(super) slow: u64,
    /// Answered by the new version's server.
    pub(super) by_new: u64,
}

impl Load {
    /// Sends requests to the proxy for as long as it is waited for.
    pub(super) async fn send(self, frontend: SocketAddr) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(RATE).unwrap_or(1));
        let mut under_way = JoinSet::new();
        loop {
            ticks.tick().await;
            while under_way.try_join_next().is_some() {}
            if under_way.len() >= UNDER_WAY_MAX {
                under_way.join_next().await;
            }
            let load = self.clone();
            under_way.spawn(async move { load.ask(frontend).await });
        }
    }

    async fn ask(&self, frontend: SocketAddr) {
        let began = Instant::now();
        let answer = get(frontend, "/").await.unwrap_or_default();
        let add = |counter: &AtomicU64, is_so: bool| counter.fetch_add(u64::from(is_so), Ordering::Relaxed);
        add(&self.0.total, true);
        add(&self.0.failed, !answer.starts_with("HTTP/1.1 200"));
        add(&self.0.slow, began.elapsed() >= SLOW);
        add(&self.0.by_new, answer.contains("server: new\r\n"));
    }

    pub(super) fn seen(&self) -> Seen {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Seen {
            total: read(&self.0.total),
            failed: read(&self.0.failed),
            slow: read(&self.0.slow),
            by_new: read(&self.0.by_new),
        }
    }
}

impl Seen {
    /// What came since then.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            total: self.total - before.total,
            failed: self.failed - before.failed,
            slow: self.slow - before.slow,
            by_new: self.by_new - before.by_new,
        }
    }
}
