//! Time from the start of the process to the first 200 from `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bench::{Options, Place, Places, Replica, Server, Table, median, milliseconds, shown};
use tokio::runtime::Runtime;

const ENTRIES: usize = 100_000;
const QUICK_ENTRIES: usize = 2_000;
const STARTS: usize = 15;
const QUICK_STARTS: usize = 3;
const CALLERS: usize = 64;
/// The aim, for every start.
const AIM: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let options = Options::read()?;
    let runtime = Runtime::new()?;
    let replica = Arc::new(Replica::record(&runtime, &options.program)?);
    let starts = options.count(STARTS, QUICK_STARTS);
    let mut table = Table::new(&[
        "database",
        "first start",
        "again, empty",
        "again, with a log",
        "entries",
        "changes, half of them closed",
    ]);
    let mut slowest = Duration::ZERO;
    for &kind in &options.databases {
        let places = Places::new(kind)?;
        let first = (0..starts).map(|number| start(&options, &places.place(&format!("first{number}"))?));
        let first = middle(first.collect::<Result<_>>()?);
        let empty = places.place("empty")?;
        start(&options, &empty)?;
        let again = middle((0..starts).map(|_| start(&options, &empty)).collect::<Result<_>>()?);
        let full = places.place("full")?;
        eprintln!("  {kind}: filling a log");
        let (entries, changes) =
            runtime.block_on(fill(&replica, &full, options.count(ENTRIES, QUICK_ENTRIES)))?;
        start(&options, &full)?;
        let with_log = middle((0..starts).map(|_| start(&options, &full)).collect::<Result<_>>()?);
        slowest = slowest.max(first).max(again).max(with_log);
        let times = [first, again, with_log].map(shown);
        table.row(
            [kind.to_string()].into_iter().chain(times).chain([entries.to_string(), changes.to_string()]),
        );
    }
    println!("{table}");
    let met = if slowest < AIM { "met" } else { "**not met**" };
    println!("- Slowest of these medians: {}, aim under {}: {met}.", shown(slowest), shown(AIM));
    Ok(())
}

fn start(options: &Options, place: &Place) -> Result<Duration> {
    let server = Server::start(&options.program, place)?;
    let started_in = server.started_in();
    server.kill()?;
    Ok(started_in)
}

fn middle(times: Vec<Duration>) -> Duration {
    let millis: Vec<f64> = times.into_iter().map(milliseconds).collect();
    Duration::from_secs_f64(median(&millis) / 1_000.0)
}

async fn fill(replica: &Arc<Replica>, place: &Place, entries: usize) -> Result<(u64, u64)> {
    let store = place.open().await?;
    replica.fill(&store, entries, CALLERS).await?;
    let entries = store.head().await?.size;
    let changes = store.count_changes_by_state().await?.values().sum();
    store.close().await;
    Ok((entries, changes))
}
