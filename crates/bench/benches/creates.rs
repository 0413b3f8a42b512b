//! Durable creates per second through the API, against the raw ceiling of each database in the same run.
//!
//! Every round measures, one directly after the other: the server under callers that each wait for their answer, the
//! same rows by plain SQL in transactions of as many changes as there are callers, and the store alone under as many
//! callers. Before and after, the server's own count must agree with the answers; at the end the server is killed, and
//! every acknowledged change must be in a log that verifies.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bench::{
    Ceiling, Kind, Load, Options, Place, Places, Replica, Server, Staff, Table, append_all, median,
    milliseconds, mixed, own_processor_time, rate, shown, spread,
};

use store::Store;
use tokio::runtime::Runtime;

/// Callers at once, and creates of one round for each.
const LOADS: [(usize, usize); 3] = [(1, 1_000), (16, 6_000), (64, 12_000)];
/// A quick round has this share of the creates.
const QUICK_DIVISOR: usize = 50;
const ROUNDS: usize = 5;
const WARM_UP_CREATES: usize = 2_000;
/// The aim for 64 callers: share of the raw ceiling, and processor time of one create.
const AIM_SHARE: f64 = 0.5;
const AIM_MILLIS: f64 = 0.4;

/// Figures of all rounds with the same number of callers.
#[derive(Debug, Default)]
struct Figures {
    served: Vec<f64>,
    raw: Vec<f64>,
    stored: Vec<f64>,
    processor_millis: Vec<f64>,
    /// Of the callers, who share the machine.
    callers_millis: Vec<f64>,
    p50_millis: Vec<f64>,
    p99_millis: Vec<f64>,
}

fn main() -> Result<()> {
    let options = Options::read()?;
    let runtime = Runtime::new()?;
    let replica = Arc::new(Replica::record(&runtime, &options.program)?);
    let (events, bytes) = replica.events_and_bytes();
    let mut table = Table::new(&[
        "database, callers",
        "creates/s",
        "raw ceiling/s",
        "share",
        "store alone/s",
        "share",
        "p50",
        "p99",
        "CPU per create",
    ]);
    let mut aims = Vec::new();
    for &kind in &options.databases {
        let places = Places::new(kind)?;
        let mut contest = Contest::begin(&options, &runtime, &replica, &places)?;
        let figures = contest.rounds(&options)?;
        contest.end()?;
        for ((callers, _), figures) in LOADS.into_iter().zip(&figures) {
            table.row(figures.cells(&format!("{kind}, {callers}")));
        }
        aims.extend(figures.last().map(|figures| figures.against_aims(kind)));
    }
    println!(
        "One create is {events:.1} events with {bytes:.0} bytes on average. Rates are medians of the rounds, with the"
    );
    println!("lowest and the highest.\n");
    println!("{table}");
    println!("{}", aims.join("\n"));
    Ok(())
}

/// The three that are compared, each on a database of its own on the same disk.
struct Contest<'a> {
    runtime: &'a Runtime,
    replica: Arc<Replica>,
    served: Place,
    server: Server,
    staff: Staff,
    load: Load,
    raw: Ceiling,
    store: Store,
    /// Changes that the server has acknowledged.
    acknowledged: u64,
    /// Changes that were appended to the store.
    appended: u32,
}

impl<'a> Contest<'a> {
    fn begin(
        options: &Options,
        runtime: &'a Runtime,
        replica: &Arc<Replica>,
        places: &Places,
    ) -> Result<Self> {
        let served = places.place("served")?;
        let server = Server::start(&options.program, &served)?;
        let staff = runtime.block_on(server.furnish())?;
        let load = Load::new(server.address(), &staff.token, &mixed());
        let raw = Ceiling::start(&options.ceiling()?, &replica.place, &places.place("raw")?)?;
        let stored = places.place("stored")?;
        let store = runtime.block_on(async {
            let store = stored.open().await?;
            replica.lay_base(&store).await?;
            anyhow::Ok(store)
        })?;
        let replica = Arc::clone(replica);
        Ok(Self { runtime, replica, served, server, staff, load, raw, store, acknowledged: 0, appended: 0 })
    }

    fn rounds(&mut self, options: &Options) -> Result<Vec<Figures>> {
        let mut warm_up = Figures::default();
        self.round(16, options.count(WARM_UP_CREATES, WARM_UP_CREATES / QUICK_DIVISOR), &mut warm_up)?;
        let mut figures: Vec<Figures> = LOADS.iter().map(|_| Figures::default()).collect();
        for round in 1..=options.count(ROUNDS, 1) {
            for ((callers, creates), figures) in LOADS.into_iter().zip(&mut figures) {
                eprintln!("  round {round}, {callers} callers");
                self.round(callers, options.count(creates, creates / QUICK_DIVISOR), figures)?;
            }
        }
        Ok(figures)
    }

    fn round(&mut self, callers: usize, creates: usize, figures: &mut Figures) -> Result<()> {
        let (server_before, callers_before) = (self.server.processor_time()?, own_processor_time()?);
        let measured = self.load.round(callers, creates)?;
        let server = self.server.processor_time()?.saturating_sub(server_before);
        let own = own_processor_time()?.saturating_sub(callers_before);
        self.acknowledged += creates as u64;
        ensure!(
            self.server.changes(&self.staff)? == self.acknowledged,
            "the server does not count what it has acknowledged"
        );
        figures.served.push(rate(creates, measured.took));
        figures.processor_millis.push(milliseconds(server) / creates as f64);
        figures.callers_millis.push(milliseconds(own) / creates as f64);
        figures.p50_millis.push(milliseconds(measured.permille(500)));
        figures.p99_millis.push(milliseconds(measured.permille(990)));

        figures.raw.push(rate(creates, self.raw.round(callers, creates)?));

        let numbers = self.appended..self.appended + u32::try_from(creates)?;
        self.appended = numbers.end;
        let replica = Arc::clone(&self.replica);
        let appending = append_all(&self.store, numbers, callers, move |number| replica.created(number));
        figures.stored.push(rate(creates, self.runtime.block_on(appending)?));
        Ok(())
    }

    /// Kills the server and looks for everything that it has acknowledged.
    fn end(self) -> Result<()> {
        self.server.kill()?;
        let kept = self.runtime.block_on(self.served.count_verified())?;
        ensure!(kept == self.acknowledged, "{kept} changes were kept, {} acknowledged", self.acknowledged);
        self.runtime.block_on(self.store.close());
        Ok(())
    }
}

impl Figures {
    fn cells(&self, name: &str) -> [String; 9] {
        let millis = |values: &[f64]| shown(Duration::from_secs_f64(median(values) / 1_000.0));
        let percent = |of: &[f64]| format!("{:.0} %", 100.0 * median(&self.served) / median(of));
        [
            name.to_owned(),
            spread(&self.served),
            spread(&self.raw),
            percent(&self.raw),
            spread(&self.stored),
            percent(&self.stored),
            millis(&self.p50_millis),
            millis(&self.p99_millis),
            millis(&self.processor_millis),
        ]
    }

    fn against_aims(&self, kind: Kind) -> String {
        let met = |is_met: bool| if is_met { "met" } else { "**not met**" };
        let share = median(&self.served) / median(&self.raw);
        let cost = median(&self.processor_millis);
        format!(
            "- {kind}, 64 callers: {share:.2} of the raw ceiling, aim {AIM_SHARE:.2}: {}; {cost:.2} ms of CPU per create, \
             aim under {AIM_MILLIS:.2} ms: {}. The callers took a further {:.2} ms.",
            met(share >= AIM_SHARE),
            met(cost < AIM_MILLIS),
            median(&self.callers_millis),
        )
    }
}
