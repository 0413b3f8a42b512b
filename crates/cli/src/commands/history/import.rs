//! `history import`: what other systems export becomes imported changes.
//!
//! The export is read twice. First all of it is looked at: unless what does not fit is to be skipped, nothing is sent as
//! long as anything does not fit. Then it is sent in portions. Doing it twice is the same as doing it once, so an import
//! that broke off is simply run again.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use adapters::history::{BadRow, Fault, Form, Found, GitSettings, Mapping, Record, Source, open};
use api::history::{HistoryImport, HistoryImported, IMPORT_CHANGES_MAX, ImportedChange};
use clap::ValueEnum;
use client::Client;
use domain::history::{ExternalId, SourceSystem};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use serde_json::json;

use crate::args::Seconds;
use crate::clock;
use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::files::read_file_up_to;
use crate::render;
use crate::shell::{Format, Shell};

/// Most records that do not fit which are told one by one; the others are counted.
const BAD_TOLD_MAX: usize = 20;
/// Most bytes of changes in one request, well within the server's limit of a body.
const REQUEST_BYTES_MAX: usize = 768 * 1024;
/// The largest mapping, in bytes (1 MiB).
const MAPPING_BYTES_MAX: usize = 1024 * 1024;

/// In which form a system tells of its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HistoryFormat {
    /// A table with a header
    Csv,
    /// One JSON object per line
    Jsonl,
    /// An export of ServiceNow's table `change_request`, as CSV or JSON
    #[value(name = "servicenow")]
    ServiceNow,
    /// The commits of a deployed branch
    Git,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change history import change_request.csv --format servicenow --dry-run\n  \
                  cortex-change history import past.csv.gz --format csv --mapping past.toml --source old-tool\n  \
                  cortex-change history import ~/shop --format git --branch main\n\n\
                  Importing again changes nothing; a record that was altered since is recorded anew. When a record does not \
                  fit, it is told with its place and the accepted form, nothing is imported, and the exit status is 1; with \
                  `--skip-bad` the others are imported. docs/history.md has the forms and the mapping."
)]
pub(crate) struct Args {
    /// A file, a folder of files, or a checkout
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// What it is
    #[arg(long, value_enum, value_name = "FORM")]
    format: HistoryFormat,
    /// What columns and words mean, and what holds for all changes
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// The name of the system, under which the import is repeated; `servicenow`, or the path's last part when left out
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The branch that is deployed; what is checked out when left out
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Let a commit also count as failed when a fix changes one of its files within this time, such as 24h. Noisy
    #[arg(long, value_name = "DURATION")]
    repaired_within: Option<Seconds>,
    /// Import the others when records do not fit
    #[arg(long)]
    skip_bad: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

struct Plan {
    export: Source,
    source: SourceSystem,
    skip_bad: bool,
    dry_run: bool,
}

impl Plan {
    fn of(args: Args, shell: &Shell) -> Result<Self, Failure> {
        let path = shell.environment.path(&args.path);
        let is_git = args.format == HistoryFormat::Git;
        if !is_git && (args.branch.is_some() || args.repaired_within.is_some()) {
            return Err(Failure::usage("`--branch` and `--repaired-within` go with `--format git`"));
        }
        let form = match args.format {
            HistoryFormat::Csv => Form::Csv,
            HistoryFormat::Jsonl => Form::JsonLines,
            HistoryFormat::ServiceNow => Form::ServiceNow,
            HistoryFormat::Git => {
                let repaired_within = args.repaired_within.map(|Seconds(seconds)| {
                    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
                });
                Form::Git(GitSettings { branch: args.branch, repaired_within })
            }
        };
        let source = match (&args.source, args.format) {
            (Some(name), _) => name.clone(),
            (None, HistoryFormat::ServiceNow) => "servicenow".to_owned(),
            (None, _) => name_of(&path),
        };
        let source = SourceSystem::new(source)
            .map_err(|error| Failure::usage(error.to_string()).next("name the system with `--source`"))?;
        let mapping = args.mapping.map_or_else(|| Ok(Mapping::default()), |path| mapping(&path, shell))?;
        let export = Source { path, form, mapping, now: clock::now() };
        Ok(Self { export, source, skip_bad: args.skip_bad, dry_run: args.dry_run })
    }
}

/// The name of a system by where its export lies: the last part of the path up to the first dot, as far as names go.
fn name_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let known: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    known.trim_matches(['-', '_']).to_owned()
}

fn mapping(path: &Path, shell: &Shell) -> Result<Mapping, Failure> {
    let file = path.display().to_string();
    let unreadable = || Failure::new(format!("`{file}` cannot be read"));
    let bytes = read_file_up_to(&shell.environment.path(path), MAPPING_BYTES_MAX)
        .map_err(|error| unreadable().caused_by(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable().caused_by(&error))?;
    Mapping::parse(&text, &file)
        .map_err(|error| Failure::of(&error).next("docs/history.md has the form of a mapping"))
}

pub(super) async fn run(args: Args, shell: &Shell) -> Outcome {
    let plan = Plan::of(args, shell)?;
    let client = shell.client()?;
    let survey = Survey::of(&plan.export)?;
    survey.judge(plan.skip_bad, shell)?;
    let imported = send(&client, &plan, &survey, shell).await?;
    match shell.format() {
        Format::Text => shell.say(render::history::imported(&imported, survey.open, survey.bad)),
        Format::Json => {
            let told: Vec<_> = survey.told.iter().map(ToString::to_string).collect();
            shell.json(
                &json!({ "imported": imported, "open": survey.open, "bad": survey.bad, "told": told }),
            )?;
        }
    }
    Ok(ExitStatus::Done)
}

/// What an export holds.
#[derive(Debug, Default)]
struct Survey {
    ended: u64,
    open: u64,
    bad: u64,
    /// The first records that do not fit.
    told: Vec<Bad>,
}

/// A record that does not fit.
#[derive(Debug, thiserror::Error)]
enum Bad {
    #[error(transparent)]
    Row(BadRow),
    #[error("`{0}` stands there more than once: only the first record can be imported")]
    Again(ExternalId),
}

impl Survey {
    /// Looks at a whole export.
    fn of(export: &Source) -> Result<Self, Failure> {
        let mut survey = Self::default();
        for record in records(export)? {
            match record? {
                Ok(Found::Ended(_)) => survey.ended += 1,
                Ok(Found::Open) => survey.open += 1,
                Err(bad) => {
                    survey.bad += 1;
                    if survey.told.len() < BAD_TOLD_MAX {
                        survey.told.push(bad);
                    }
                }
            }
        }
        Ok(survey)
    }

    /// Refuses an export in which there is nothing, or something that does not fit and is not to be skipped.
    fn judge(&self, skip_bad: bool, shell: &Shell) -> Result<(), Failure> {
        let untold = self.bad.saturating_sub(u64::try_from(self.told.len()).unwrap_or(u64::MAX));
        let and_more = (untold > 0).then(|| format!("and {untold} more"));
        if self.bad > 0 && !skip_bad {
            let all = self.ended + self.open + self.bad;
            let what = format!("nothing was imported, because {} of {all} records do not fit", self.bad);
            let failure = self.told.iter().fold(Failure::new(what), |failure, bad| match bad {
                Bad::Row(row) => failure.at(row.place.to_string(), row.message.as_str()),
                Bad::Again(id) => failure.at(id.to_string(), bad.to_string()),
            });
            let failure =
                and_more.iter().fold(failure, |failure, more| failure.at("elsewhere", more.as_str()));
            return Err(failure.next("correct them, map them, or leave them out with `--skip-bad`"));
        }
        if self.ended == 0 {
            return Err(Failure::new("there is nothing to import")
                .at(
                    "the export",
                    format!("{} records, of which {} have not ended", self.open + self.bad, self.open),
                )
                .next("check the path, and `--format` for what it is"));
        }
        for bad in &self.told {
            shell.warn(format!("skipped: {bad}"));
        }
        and_more.iter().for_each(|more| shell.warn(more));
        Ok(())
    }
}

/// The records of an export up to where it cannot be read any further. Of those with the same id, the first one counts.
fn records(
    export: &Source,
) -> Result<impl Iterator<Item = Result<Result<Found, Bad>, Failure>> + use<>, Failure> {
    let mut seen = HashSet::new();
    let items = open(export).map_err(|error| Failure::of(&error))?;
    Ok(items.map(move |item| match item {
        Ok(Found::Ended(record)) if !seen.insert(record.id.clone()) => Ok(Err(Bad::Again(record.id))),
        Ok(found) => Ok(Ok(found)),
        Err(Fault::Row(row)) => Ok(Err(Bad::Row(row))),
        Err(Fault::Stop(error)) => Err(Failure::of(&error)),
    }))
}

/// Sends all that has ended in portions, and adds up what came of them.
async fn send(
    client: &Client,
    plan: &Plan,
    survey: &Survey,
    shell: &Shell,
) -> Result<HistoryImported, Failure> {
    let Plan { export, source, dry_run, .. } = plan;
    let source = source.to_string();
    let sum = HistoryImported { source: source.clone(), dry_run: *dry_run, new: 0, changed: 0, unchanged: 0 };
    let mut sender = Sender { client, source, sum, bar: progress(survey.ended, shell) };
    let mut portion = Portion::default();
    for record in records(export)? {
        match record? {
            Ok(Found::Ended(record)) => {
                if let Some(full) = portion.add(&record) {
                    sender.send(full).await?;
                }
            }
            // It has been told.
            Err(_) if plan.skip_bad => {}
            Err(_) => {
                return Err(Failure::new("the export was altered while it was imported")
                    .next("run the import again: what was imported stays as it is"));
            }
            Ok(Found::Open) => {}
        }
    }
    sender.send(portion.changes).await?;
    sender.bar.finish_and_clear();
    Ok(sender.sum)
}

/// Changes that go into one request.
#[derive(Debug, Default)]
struct Portion {
    changes: Vec<ImportedChange>,
    bytes: usize,
}

impl Portion {
    /// Adds a change; gives those before it when the request would become too large.
    fn add(&mut self, record: &Record) -> Option<Vec<ImportedChange>> {
        let change = ImportedChange::of(&record.id, &record.change);
        let bytes = serde_json::to_vec(&change).map_or(REQUEST_BYTES_MAX, |text| text.len());
        let is_full =
            self.changes.len() >= IMPORT_CHANGES_MAX || self.bytes.saturating_add(bytes) > REQUEST_BYTES_MAX;
        let full = (is_full && !self.changes.is_empty()).then(|| std::mem::take(self).changes);
        self.changes.push(change);
        self.bytes += bytes;
        full
    }
}

struct Sender<'a> {
    client: &'a Client,
    source: String,
    sum: HistoryImported,
    bar: ProgressBar,
}

impl Sender<'_> {
    async fn send(&mut self, changes: Vec<ImportedChange>) -> Result<(), Failure> {
        if changes.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(changes.len()).unwrap_or(u64::MAX);
        let import = HistoryImport { source: self.source.clone(), changes };
        let imported = self.client.import_history(&import, self.sum.dry_run).await;
        let imported = imported.map_err(|error| interrupted(error.into(), &self.sum))?;
        self.sum.new += imported.new;
        self.sum.changed += imported.changed;
        self.sum.unchanged += imported.unchanged;
        self.bar.inc(count);
        Ok(())
    }
}

/// A failure after a part was imported says what became of that part.
fn interrupted(failure: Failure, before: &HistoryImported) -> Failure {
    let done = before.new + before.changed + before.unchanged;
    if before.dry_run || done == 0 {
        return failure;
    }
    let message = format!("{done} changes were imported and stay: run it again to go on from there");
    failure.at(format!("the import of `{}`", before.source), message)
}

fn progress(changes: u64, shell: &Shell) -> ProgressBar {
    if !shell.shows_live() {
        return ProgressBar::hidden();
    }
    let template = "{bar:30} {pos} of {len} changes, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(changes).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_that_ends_early_says_what_stays() {
        let mut before =
            HistoryImported { source: "old".into(), dry_run: false, new: 0, changed: 1, unchanged: 2 };
        let told = |before: &HistoryImported| {
            let failure = interrupted(Failure::new("no answer"), before);
            failure.render(crate::shell::Paint::without_color(true))
        };
        assert!(told(&before).contains("3 changes were imported and stay"));
        before.dry_run = true;
        assert!(!told(&before).contains("stay"));
    }

    #[test]
    fn a_system_is_named_after_where_its_export_lies() {
        for (path, expected) in [
            ("/x/Past Changes.csv.gz", "past-changes"),
            ("/x/.hidden", "hidden"),
            ("/x/shop", "shop"),
            ("/x/Ä.csv", ""),
        ] {
            assert_eq!(name_of(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn portions_stay_within_both_limits_and_keep_every_change() {
        let record = |number: usize, words: usize| Record {
            id: format!("CHG{number}").parse().unwrap(),
            change: domain::history::PastChange {
                title: None,
                description: domain::text::FreeText::new("word ".repeat(words)).ok(),
                change_type: domain::change::ChangeType::Normal,
                category: domain::change::Category::Other,
                services: std::collections::BTreeSet::new(),
                cis: std::collections::BTreeSet::new(),
                files: std::collections::BTreeSet::new(),
                requester: None,
                by: None,
                churn: domain::history::Churn::default(),
                is_fix: false,
                is_revert: false,
                tests_passed: None,
                coverage: None,
                submitted_at: jiff::Timestamp::UNIX_EPOCH,
                started_at: None,
                closed_at: jiff::Timestamp::UNIX_EPOCH,
                outcome: domain::change::Outcome::Successful,
                outcome_known_at: jiff::Timestamp::UNIX_EPOCH,
            },
        };
        for words in [1, 800] {
            let mut portion = Portion::default();
            let mut portions: Vec<_> =
                (0..1_201).filter_map(|number| portion.add(&record(number, words))).collect();
            portions.push(portion.changes);
            assert_eq!(portions.iter().map(Vec::len).sum::<usize>(), 1_201);
            for changes in portions {
                assert!((1..=IMPORT_CHANGES_MAX).contains(&changes.len()));
                let import = HistoryImport { source: "a".to_owned(), changes };
                assert!(serde_json::to_vec(&import).unwrap().len() < api::BODY_BYTES_MAX);
            }
        }
    }
}
