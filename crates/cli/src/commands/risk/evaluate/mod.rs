//! `risk evaluate`: how well failures of past changes would have been predicted.

mod mapping;
mod page;
mod read;

use std::path::{Path, PathBuf};
use std::time::Instant;

use prediction::{Evaluation, Surroundings, derive};
use serde::Serialize;

use self::mapping::{Mapping, Reference, TimeUnit};
use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::figures;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change risk evaluate changes.csv.zst --mapping changes.toml\n  \
                        cortex-change risk evaluate ../shared/data/history/changes/*.csv.* --write docs/risk-evaluation.md")]
pub(crate) struct Args {
    /// Past changes as CSV, also packed: `.csv`, `.csv.gz`, `.csv.zst`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the columns mean; needed for columns that no shipped mapping knows
    #[arg(long, value_name = "TOML")]
    mapping: Option<PathBuf>,
    /// Also write the figures into this page, between its markers
    #[arg(long, value_name = "PAGE")]
    write: Option<PathBuf>,
}

/// What came of one file.
#[derive(Debug, Serialize)]
struct Evaluated {
    name: String,
    file: String,
    rows: u64,
    left_out: u64,
    columns: usize,
    lacking: Vec<String>,
    time_unit: &'static str,
    by_group: bool,
    known_after_days: u32,
    #[serde(flatten)]
    evaluation: Evaluation,
    reference: Vec<Reference>,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> Outcome {
    let mapping = args.mapping.as_deref().map(Mapping::read).transpose()?;
    let mut evaluated = Vec::new();
    for file in &args.files {
        evaluated.push(one(file, mapping.as_ref(), shell)?);
    }
    let text = page::tables(&evaluated);
    if let Some(page) = &args.write {
        figures::write(page, &text)?;
        shell.say(format!("written to {}", page.display()));
    }
    match shell.format() {
        Format::Text => shell.data(&text)?,
        Format::Json => shell.json(&evaluated)?,
    }
    Ok(ExitStatus::Done)
}

fn one(file: &Path, mapping: Option<&Mapping>, shell: &Shell) -> Result<Evaluated, Failure> {
    shell.say(format!("reading {}", file.display()));
    let read::Data { mut table, mapping, left_out, lacking } = read::read(file, mapping)?;
    for column in &lacking {
        shell.warn(format!("{} has no column `{column}`", file.display()));
    }
    let in_file = |error: &dyn std::error::Error| {
        Failure::new(format!("`{}` cannot be evaluated", file.display())).caused_by(error)
    };
    derive(&mut table, &mapping.recipe()).map_err(|error| in_file(&error))?;
    let size: Vec<usize> = mapping.columns.size.iter().filter_map(|name| table.place(name)).collect();
    let by_group = mapping.group.is_some();
    let watch = Watch { begin: Instant::now(), shell };
    let (evaluation, _) =
        prediction::evaluate(&table, &size, by_group, &watch).map_err(|error| in_file(&error))?;
    Ok(Evaluated {
        name: mapping.name,
        file: file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        rows: table.len() as u64,
        left_out,
        columns: table.columns().len(),
        lacking,
        time_unit: match mapping.time.unit {
            TimeUnit::Seconds | TimeUnit::Milliseconds | TimeUnit::Timestamp => "seconds",
            TimeUnit::Position => "position",
        },
        by_group,
        known_after_days: mapping.outcome.known_after_days,
        evaluation,
        reference: mapping.reference,
    })
}

/// A stopwatch, and somebody to tell.
struct Watch<'a> {
    begin: Instant,
    shell: &'a Shell,
}

impl Surroundings for Watch<'_> {
    fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    fn say(&self, doing: &str) {
        self.shell.say(format!("  {:6.1} s  {doing}", self.seconds()));
    }
}
