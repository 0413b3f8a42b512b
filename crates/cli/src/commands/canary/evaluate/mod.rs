//! `canary evaluate`: how often the judge is wrong, and how soon it is right, on streams made up from public seeds.

mod families;
mod methods;
mod page;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use domain::canary::streams::Row;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use self::families::{Kind, Subject};
use self::methods::METHODS;
use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::figures;
use crate::shell::{Format, Shell};

/// Most hours of one family.
const HOURS_MAX: u32 = 100_000;
/// Threads where the number of cores is not known.
const THREADS: usize = 2;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change canary evaluate --hours 50 --regressions 50\n  cortex-change canary evaluate --write \
                  docs/canary-evaluation.md\n\nNeeds no server and no data: the streams are made up, each from its own seed, so \
                  that the same command gives the same figures."
)]
pub(super) struct Args {
    /// Hours of equal arms that are judged in each family
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOURS_MAX)))]
    hours: u32,
    /// Streams that are judged in each family with a regression
    #[arg(long, value_name = "NUMBER", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOURS_MAX)))]
    regressions: u32,
    /// Only the families whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Also write the figures into this page, between its markers
    #[arg(long, value_name = "PAGE")]
    write: Option<PathBuf>,
}

/// What all methods made of one family.
#[derive(Debug, Serialize)]
struct Measured {
    family: String,
    kind: Kind,
    onset: u32,
    streams: u32,
    methods: Vec<Counted>,
}

/// What one method made of it.
#[derive(Debug, Serialize)]
struct Counted {
    method: &'static str,
    /// Streams that were failed from the onset on, or at any time where nothing is wrong.
    failed: u32,
    /// Streams that were failed before anything was wrong.
    too_early: u32,
    /// Seconds from the onset until half and nine tenths of the streams were failed; nothing where fewer were.
    median_seconds: Option<u32>,
    p90_seconds: Option<u32>,
}

pub(super) fn run(args: &Args, shell: &Shell) -> Outcome {
    let mut subjects = families::all();
    if let Some(only) = &args.only {
        subjects.retain(|subject| subject.name().contains(only));
    }
    let streams = |subject: &Subject| match subject.kind {
        Kind::Equal | Kind::EqualLatency => args.hours,
        Kind::Regression | Kind::RegressionLatency => args.regressions,
    };
    let bar = progress(subjects.iter().map(|subject| u64::from(streams(subject))).sum(), shell);
    let mut measured = Vec::new();
    for subject in &subjects {
        bar.set_message(subject.name().to_owned());
        measured.push(measure(subject, streams(subject), &bar));
    }
    bar.finish_and_clear();
    let text = page::tables(&measured, args.hours, args.regressions);
    if let Some(page) = &args.write {
        figures::write(page, &text)?;
        shell.say(format!("written to {}", page.display()));
    }
    match shell.format() {
        Format::Text => shell.data(&text)?,
        Format::Json => shell.json(&measured)?,
    }
    Ok(ExitStatus::Done)
}

/// Judges all streams of a family, on every core.
fn measure(subject: &Subject, streams: u32, bar: &ProgressBar) -> Measured {
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let stream = next.fetch_add(1, Ordering::Relaxed);
            if stream >= u64::from(streams) {
                return found;
            }
            // Each stream of each family has its own seed.
            found.push((stream, judged(subject, subject.seed + stream)));
            bar.inc(1);
        }
    };
    let threads = thread::available_parallelism().map_or(THREADS, usize::from);
    let mut found: Vec<(u64, Vec<Option<u32>>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    found.sort_unstable_by_key(|(stream, _)| *stream);
    let methods = subject.methods().into_iter().enumerate().map(|(place, method)| {
        let times = found.iter().map(|(_, times)| times.get(place).copied().flatten());
        counted(method, subject.onset(), times.collect())
    });
    Measured {
        family: subject.name().to_owned(),
        kind: subject.kind,
        onset: subject.onset(),
        streams,
        methods: methods.collect(),
    }
}

/// The second at which each method fails the canary.
fn judged(subject: &Subject, seed: u64) -> Vec<Option<u32>> {
    match &subject.source {
        families::Source::Counts(family) => {
            let rows: Vec<Row> = family.rows(seed).collect();
            METHODS.iter().map(|method| (method.fails_at)(&rows)).collect()
        }
        families::Source::Latencies(latencies) => methods::latencies(*latencies, seed),
    }
}

fn counted(method: &'static str, onset: u32, times: Vec<Option<u32>>) -> Counted {
    let streams = times.len();
    let too_early = times.iter().flatten().filter(|at| **at <= onset).count();
    let mut delays: Vec<u32> =
        times.into_iter().flatten().filter(|at| *at > onset).map(|at| at - onset).collect();
    delays.sort_unstable();
    let after =
        |tenths: usize| delays.get((streams * tenths / 10).saturating_sub(usize::from(tenths == 9))).copied();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Counted {
        method,
        failed: number(delays.len()),
        too_early: number(too_early),
        median_seconds: after(5),
        p90_seconds: after(9),
    }
}

fn progress(streams: u64, shell: &Shell) -> ProgressBar {
    if !shell.shows_live() {
        return ProgressBar::hidden();
    }
    let template = "{bar:30} {pos} of {len} streams, {eta} left  {msg}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(streams).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_counted_from_the_onset_and_only_where_enough_were_found() {
        let times = (1..=10).map(|at| (at <= 8).then_some(100 + at)).collect();
        let counted = counted("x", 101, times);
        assert_eq!((counted.failed, counted.too_early), (7, 1));
        assert_eq!((counted.median_seconds, counted.p90_seconds), (Some(6), None));
    }

    #[test]
    fn the_same_seeds_give_the_same_figures_on_any_number_of_threads() {
        let subjects = families::all();
        let subject = subjects.iter().find(|subject| subject.name() == "+5 pp at 50 rps").unwrap();
        let figures = || serde_json::to_string(&measure(subject, 3, &ProgressBar::hidden())).unwrap();
        assert_eq!(figures(), figures());
    }
}
