//! How fast a log is verified: everything that the store holds, and the entries alone.
//!
//! One log was written by many callers at once, with a signed checkpoint for each group; the other one by one, with a
//! checkpoint for each change, which is what a quiet server leaves behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use audit::{Checkpoint, LogVerifier};
use bench::{Kind, Options, Places, Replica, Table, median, rate};
use store::{CHECKPOINTS_PAGE_MAX, Store, StoredCheckpoint, StoredLeaf};
use tokio::runtime::Runtime;

const ENTRIES: usize = 100_000;
const QUICK_ENTRIES: usize = 2_000;
const ROUNDS: usize = 5;
const GROUP: usize = 64;

fn main() -> Result<()> {
    let options = Options::read()?;
    let runtime = Runtime::new()?;
    let replica = Arc::new(Replica::record(&runtime, &options.program)?);
    let mut table =
        Table::new(&["log", "entries", "checkpoints", "store: entries/s", "entries alone: entries/s"]);
    for &kind in &options.databases {
        for (callers, name) in [(GROUP, "in groups"), (1, "one by one")] {
            eprintln!("  {kind}, written {name}");
            let entries = options.count(ENTRIES, QUICK_ENTRIES);
            let cells = runtime.block_on(measure(&options, &replica, kind, callers, entries))?;
            table.row([format!("{kind}, written {name}")].into_iter().chain(cells));
        }
    }
    println!("{table}");
    Ok(())
}

async fn measure(
    options: &Options,
    replica: &Arc<Replica>,
    kind: Kind,
    callers: usize,
    entries: usize,
) -> Result<[String; 4]> {
    let places = Places::new(kind)?;
    let place = places.place("verified")?;
    let store = place.open().await?;
    replica.fill(&store, entries, callers).await?;
    let size = usize::try_from(store.head().await?.size)?;
    ensure!(size >= entries, "the log has {size} entries only");
    let (mut whole, mut alone) = (Vec::new(), Vec::new());
    let loaded = Loaded::of(&store, &place.config()).await?;
    for _ in 0..options.count(ROUNDS, 1) {
        let began = Instant::now();
        let report = store.verify(|_| {}).await?;
        whole.push(rate(size, began.elapsed()));
        ensure!(usize::try_from(report.head.size)? == size, "not every entry was verified");
        alone.push(rate(size, loaded.verify()?));
    }
    store.close().await;
    let thousands = |values: &[f64]| format!("{:.0} 000", median(values) / 1_000.0);
    Ok([size.to_string(), loaded.checkpoints.len().to_string(), thousands(&whole), thousands(&alone)])
}

/// A log in memory.
struct Loaded {
    leaves: Vec<StoredLeaf>,
    checkpoints: Vec<Checkpoint>,
    head: audit::TreeHead,
}

impl Loaded {
    async fn of(store: &Store, config: &server::Config) -> Result<Self> {
        let head = store.head().await?;
        let mut leaves = Vec::new();
        for index in 0..head.size {
            leaves.push(store.event_leaf(index).await?.context("an entry is missing")?);
        }
        let key = server::store_config(config)?.signing_key;
        let mut checkpoints = Vec::new();
        let mut from = 0;
        loop {
            let page: Vec<StoredCheckpoint> = store.checkpoints(from, CHECKPOINTS_PAGE_MAX).await?;
            let Some(last) = page.last() else { return Ok(Self { leaves, checkpoints, head }) };
            from = last.head.size + 1;
            for stored in &page {
                checkpoints.push(key.verifying_key().verify(&stored.note)?);
            }
        }
    }

    /// Leaf hashes, the tree and the signed roots, without a database and without checking signatures again.
    fn verify(&self) -> Result<Duration> {
        let checkpoints = self.checkpoints.clone();
        let began = Instant::now();
        let mut log = LogVerifier::new(checkpoints)?;
        for leaf in &self.leaves {
            log.entry(leaf.index, &leaf.leaf, &leaf.leaf_hash)?;
        }
        log.finish(&self.head)?;
        Ok(began.elapsed())
    }
}
