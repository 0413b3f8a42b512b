//! The raw ceiling of a database: the rows that creating changes leads to, written by plain SQL with the same bytes,
//! tables, indexes and syncs, one transaction for each group of changes. Nothing is checked, looked up, hashed, signed
//! or queued, so no server on this database and disk can be faster.
//!
//! `ceiling --from FOLDER --into FOLDER|URL` takes the changes in the embedded database of the first folder as patterns
//! and an empty database as target. For every line `GROUP CHANGES` on standard input it writes that many changes under
//! new ids, in transactions of GROUP, and answers with the microseconds that this took. `scripts/bench` runs it between
//! the rounds in which the server does the same.

mod pattern;
mod target;

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use audit::SigningKey;
use store::{Config, Location, Store};

use crate::pattern::{Log, Pattern};
use crate::target::Target;

/// Most changes of one round.
const CHANGES_MAX: u64 = 1_000_000;
/// Most changes of one transaction, as in the store.
const GROUP_MAX: u64 = 512;

fn main() -> Result<()> {
    let (from, into) = arguments()?;
    let patterns = pattern::read(&from).context("read the patterns")?;
    set_up(&into)?;
    let mut writer = Writer { target: Target::open(&into)?, patterns, changes: 0, log_size: 0 };
    for line in io::stdin().lock().lines() {
        let line = line.context("read standard input")?;
        let (group, changes) = line.split_once(' ').context("a line is not of the form `GROUP CHANGES`")?;
        let (group, changes): (u64, u64) = (group.parse()?, changes.parse()?);
        ensure!((1..=GROUP_MAX).contains(&group), "a group has 1 to {GROUP_MAX} changes, not {group}");
        ensure!(changes <= CHANGES_MAX, "a round has at most {CHANGES_MAX} changes, not {changes}");
        let took = writer.round(group, changes)?;
        writeln!(io::stdout(), "{}", took.as_micros()).context("write standard output")?;
    }
    Ok(())
}

fn arguments() -> Result<(PathBuf, Location)> {
    let (mut from, mut into) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        match option.as_str() {
            "--from" => from = arguments.next(),
            "--into" => into = arguments.next(),
            // Added by `cargo bench`.
            "--bench" => {}
            other => bail!("`{other}` is unknown: expected `--from FOLDER --into FOLDER|URL`"),
        }
    }
    let (from, into) = from.zip(into).context("expected `--from FOLDER --into FOLDER|URL`")?;
    let into = if into.contains("://") { Location::Url(into) } else { Location::Folder(into.into()) };
    Ok((from.into(), into))
}

/// Lets the store create its own tables and indexes.
fn set_up(location: &Location) -> Result<()> {
    let key = Arc::new(SigningKey::from_seed("ceiling", [1; 32])?);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let store = Store::open(Config::new(location.clone(), key)).await.context("set the target up")?;
        ensure!(store.head().await?.size == 0, "the target is not empty: choose another");
        store.close().await;
        Ok(())
    })
}

/// Writes changes in groups.
struct Writer {
    target: Target,
    patterns: Vec<Pattern>,
    /// Number of changes written so far.
    changes: u64,
    /// Number of events written so far.
    log_size: u64,
}

impl Writer {
    fn round(&mut self, group: u64, changes: u64) -> Result<Duration> {
        let began = Instant::now();
        let end = self.changes + changes;
        while self.changes < end {
            self.transaction(group.min(end - self.changes))?;
        }
        Ok(began.elapsed())
    }

    fn transaction(&mut self, changes: u64) -> Result<()> {
        let first = self.changes;
        let numbers = first + 1..=first + changes;
        let mut log = Log::grown_from(self.log_size);
        let mut tables = Vec::new();
        for (pattern, number) in self.patterns.iter().cycle().skip(self.offset()).zip(numbers) {
            pattern.write(number, &mut log, &mut tables)?;
        }
        log.write(&mut tables);
        self.target.write(&tables, &log)?;
        self.log_size = log.size();
        self.changes += changes;
        Ok(())
    }

    /// The pattern that is next.
    fn offset(&self) -> usize {
        let patterns = self.patterns.len() as u64;
        usize::try_from(self.changes % patterns).unwrap_or_default()
    }
}
