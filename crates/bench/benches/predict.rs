//! What learning from the past costs: training a model, assessing with it, and starting with a long past.
//!
//! Training and assessing are measured inside this process, so that single assessments can be told apart: everything
//! that an assessment with a model needs, from the facts and the rates of the moment through the prediction, with its
//! reasons, and the similar changes to the second assessment that takes both in. Starting is measured from outside.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::history::{HistoryImport, IMPORT_CHANGES_MAX, ImportedChange};
use api::request::ChangeRequest;
use bench::{
    Options, Places, Random, SMALL, Server, Table, ci_name, landscape, milliseconds, own_processor_time,
    permille, shown, thread_time,
};
use domain::Timestamp;
use domain::change::{Content, Line};
use domain::cmdb::Cmdb;
use domain::risk::{
    AssessmentFacts, Circumstances, Extent, HealthReading, HealthState, RecentIncidents, assess_within,
};
use prediction::similar::{Fingerprint, SimilarIndex, Subject};
use prediction::{
    Candidate, Cell, History, Known, Model, Moment, SplitRule, Submission, Surroundings, candidates, train,
};
use tokio::runtime::Runtime;

const CHANGES: usize = 100_000;
const QUICK_CHANGES: usize = 3_000;
const ASSESSMENTS: usize = 2_000;
const QUICK_ASSESSMENTS: usize = 100;
const NEAREST: usize = 5;
/// Configuration items of the landscape in which the assessed changes are made.
const ITEMS: u32 = 100_000;
const QUICK_ITEMS: u32 = 2_000;
/// Health queries that have answered.
const READINGS: i64 = 8;
/// The aims: processor time of an assessment with a model, and of a training.
const ASSESS_MILLIS_AIM: f64 = 2.0;
const TRAIN_AIM: Duration = Duration::from_secs(60);
/// As the server splits the past for a training.
const SPLIT: SplitRule = SplitRule { train_until: 0.75, validation_until: 0.85, by_group: false };
const LOOK_PAUSE: Duration = Duration::from_millis(5);
const READ_MAX: Duration = Duration::from_secs(120);

const SERVICES: u64 = 300;
const PEOPLE: u64 = 120;
const FILES: u64 = 20_000;
const FILES_OF_ONE: u64 = 4;
const WORDS: u64 = 5_000;
const WORDS_OF_ONE: usize = 10;
/// Seconds between two changes, from the beginning of 2020 on.
const PAUSE_SECONDS: i64 = 1_800;
const BEGIN_SECONDS: i64 = 1_577_836_800;
/// Seconds until an outcome is known.
const KNOWN_AFTER_SECONDS: i64 = 86_400;

fn main() -> Result<()> {
    let options = Options::read()?;
    let count = options.count(CHANGES, QUICK_CHANGES);
    let mut numbers = Numbers(1);
    let past: Vec<Past> = (0..count).map(|number| numbers.past(number)).collect();
    eprintln!("  training");
    let trained = Trained::of(&past)?;
    println!("{}", trained.table(count));
    eprintln!("  assessing");
    let mut table = Table::new(&["asked", "size of the model", "p50", "p99", "slowest"]);
    let mut slowest: f64 = 0.0;
    let place = Surrounding::of(if options.quick { QUICK_ITEMS } else { ITEMS })?;
    for (name, model) in trained.models(&past)? {
        let count = options.count(ASSESSMENTS, QUICK_ASSESSMENTS);
        let mut times = assessments(&model, &past, &mut numbers, &place, count)?;
        times.sort_unstable_by(f64::total_cmp);
        let at = |share| permille(&times, share);
        slowest = slowest.max(at(990));
        let cells = [at(500), at(990), at(1_000)].map(|millis| format!("{millis:.2} ms"));
        let size = format!("{} KiB", model.to_bytes()?.len() / 1024);
        table.row([name, size].into_iter().chain(cells));
    }
    println!("{table}");
    let starting = starting(&options, &past)?;
    println!("{starting}");
    let met = |is_met: bool| if is_met { "met" } else { "**not met**" };
    println!(
        "- Processor time of an assessment with any of these models and {count} past changes, p99: {slowest:.2} ms, \
         aim under {ASSESS_MILLIS_AIM} ms: {}.",
        met(slowest < ASSESS_MILLIS_AIM)
    );
    println!(
        "- Processor time of a training on {count} changes: {}, aim under {}: {}.",
        shown(trained.processor),
        shown(TRAIN_AIM),
        met(trained.processor < TRAIN_AIM)
    );
    Ok(())
}

/// A change that ended.
struct Past {
    submission: Submission,
    known: Known,
}

/// Where changes are made: what depends on what, and how the system is doing.
struct Surrounding {
    cmdb: Cmdb,
    circumstances: Circumstances,
}

impl Surrounding {
    fn of(items: u32) -> Result<Self> {
        let reading = |number: i64| {
            anyhow::Ok(HealthReading {
                name: Line::new(format!("error rate {number}"))?,
                state: HealthState::Healthy,
                value_thousandths: Some(number),
                at: Some(Timestamp::UNIX_EPOCH),
                sentence: format!("0.00{number}, healthy up to 0.02"),
            })
        };
        let circumstances = Circumstances {
            incidents: RecentIncidents { here: 1, open_here: 1, anywhere: 40, named: Vec::new() },
            health: (0..READINGS).map(reading).collect::<Result<_>>()?,
            ..Circumstances::default()
        };
        Ok(Self { cmdb: landscape(items, &mut Random(0x5EED))?, circumstances })
    }
}

/// What came of a training.
struct Trained {
    model: Model,
    took: Duration,
    processor: Duration,
}

impl Trained {
    fn of(past: &[Past]) -> Result<Self> {
        let failures = past.iter().filter(|past| past.known.failed).count();
        let (began, before) = (Instant::now(), own_processor_time()?);
        let model = learn(past, &candidates(failures))?;
        Ok(Self { model, took: began.elapsed(), processor: own_processor_time()? - before })
    }

    /// The model that was chosen, and the dearest one.
    fn models(&self, past: &[Past]) -> Result<Vec<(String, Model)>> {
        let chosen = self.model.origin().candidate.clone();
        let (dearest, candidate) = candidates(usize::MAX).pop().context("there is a candidate")?;
        let other = learn(past, &[(dearest.clone(), candidate)])?;
        Ok(vec![(format!("{chosen}, chosen"), self.model.clone()), (dearest, other)])
    }

    fn table(&self, count: usize) -> Table {
        let mut table = Table::new(&[
            "changes",
            "failures",
            "facts",
            "training",
            "its processor time",
            "chosen",
            "AUC later",
        ]);
        let origin = self.model.origin();
        table.row([
            count.to_string(),
            origin.failures.to_string(),
            self.model.columns().len().to_string(),
            shown(self.took),
            shown(self.processor),
            origin.candidate.clone(),
            format!("{:.3}", origin.validation.auc),
        ]);
        table
    }
}

/// Nobody is told anything.
struct Quiet;

impl Surroundings for Quiet {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn say(&self, _doing: &str) {}
}

/// As the server learns.
fn learn(past: &[Past], candidates: &[(String, Candidate)]) -> Result<Model> {
    let rows: Vec<_> = past.iter().map(|past| (past.submission.clone(), past.known.clone())).collect();
    let table = History::default().table(&rows)?;
    Ok(train(&table, SPLIT, candidates, &Quiet)?.0)
}

/// Processor times of assessments, in milliseconds.
fn assessments(
    model: &Model,
    past: &[Past],
    numbers: &mut Numbers,
    place: &Surrounding,
    count: usize,
) -> Result<Vec<f64>> {
    let mut history = History::default();
    let mut similar = SimilarIndex::default();
    for past in past {
        history.learn(&past.submission, &past.known);
        similar.add(&fingerprint(&past.submission)).context("the index is full")?;
    }
    let request: ChangeRequest = api::read::json(SMALL.as_bytes(), api::BODY_BYTES_MAX)?;
    let mut content = request.to_domain()?;
    let mut random = Random(1);
    // As the server does once it has read the past.
    history.settle(past.last().map_or(0, |past| past.known.known_at));
    let mut times = Vec::new();
    for number in past.len()..past.len() + count {
        let submission = numbers.past(number).submission;
        content.affected_cis = [ci_name(random.below(u32::try_from(place.cmdb.len())?))?].into();
        let began = thread_time()?;
        let (found, parts) = assessed(model, &mut history, &mut similar, &content, place, &submission)?;
        times.push(milliseconds(thread_time()?.saturating_sub(began)));
        ensure!(found == NEAREST.min(past.len()), "only {found} similar changes");
        ensure!(parts == model.columns().len(), "only {parts} reasons");
    }
    Ok(times)
}

/// Assesses a change, then asks for its prediction and similar changes, then assesses it with them.
fn assessed(
    model: &Model,
    history: &mut History,
    similar: &mut SimilarIndex,
    content: &Content,
    place: &Surrounding,
    submission: &Submission,
) -> Result<(usize, usize)> {
    let records = domain::risk::History::default();
    let facts = AssessmentFacts {
        content,
        cmdb: &place.cmdb,
        history: &records,
        prediction: None,
        similar: &[],
        covered_by_model: false,
        circumstances: &place.circumstances,
    };
    let extent = Extent::of(content, &place.cmdb);
    let first = assess_within(&facts, &extent);
    let found = similar.nearest(&fingerprint(submission), NEAREST);
    let cells = history.cells(submission)?;
    let columns = History::columns();
    let named = |name: &str| columns.iter().zip(&cells).find(|(column, _)| column.name == name);
    let row: Vec<Cell> = model
        .columns()
        .iter()
        .map(|column| named(&column.column.name).map_or(Cell::Missing, |(_, cell)| cell.clone()))
        .collect();
    let said = model.predict(&row, Moment { at: submission.at, group: 0 })?;
    let second = assess_within(&facts, &extent);
    ensure!(first.score == second.score, "the same facts make another score");
    Ok((found.len(), said.contributions.len()))
}

fn fingerprint(submission: &Submission) -> Fingerprint {
    let services: Vec<&str> = submission.services.iter().map(String::as_str).collect();
    let files: Vec<&str> = submission.files.iter().map(|(path, _)| path.as_str()).collect();
    Fingerprint::of(&Subject {
        services: &services,
        items: &[],
        files: &files,
        category: &submission.category,
        title: &submission.title,
        description: "",
    })
}

/// A server with an imported past, started anew.
fn starting(options: &Options, past: &[Past]) -> Result<Table> {
    let runtime = Runtime::new()?;
    let mut table = Table::new(&["database", "imported changes", "import", "ready after", "past read after"]);
    for &kind in &options.databases {
        eprintln!("  {kind}: importing");
        let places = Places::new(kind)?;
        let place = places.place("past")?;
        let first = Server::start(&options.program, &place)?;
        let staff = runtime.block_on(first.furnish())?;
        let began = Instant::now();
        runtime.block_on(import(&first, past))?;
        let imported = began.elapsed();
        first.kill()?;
        let began = Instant::now();
        let again = Server::start(&options.program, &place)?;
        let ready = again.started_in();
        let client = client::Client::new(&again.url(), &staff.token)?;
        while runtime.block_on(client.models())?.past_changes < past.len() as u64 {
            ensure!(began.elapsed() < READ_MAX, "the past is not read after {} s", READ_MAX.as_secs());
            std::thread::sleep(LOOK_PAUSE);
        }
        let read = began.elapsed();
        again.kill()?;
        let times = [imported, ready, read].map(shown);
        table.row([kind.to_string(), past.len().to_string()].into_iter().chain(times));
    }
    Ok(table)
}

async fn import(server: &Server, past: &[Past]) -> Result<()> {
    let admin = server.administrator()?;
    for (part, changes) in past.chunks(IMPORT_CHANGES_MAX).enumerate() {
        let number = |at: usize| part * IMPORT_CHANGES_MAX + at;
        let changes: Result<_> =
            changes.iter().enumerate().map(|(at, past)| imported(number(at), past)).collect();
        let import = HistoryImport { source: "past".to_owned(), changes: changes? };
        admin.import_history(&import, false).await?;
    }
    Ok(())
}

fn imported(number: usize, past: &Past) -> Result<ImportedChange> {
    let Past { submission, known } = past;
    let at = |seconds: i64| Ok::<_, anyhow::Error>(Timestamp::from_second(seconds)?.to_string());
    Ok(ImportedChange {
        id: format!("CHG{number}"),
        title: Some(submission.title.clone()),
        category: Some(submission.category.clone()),
        services: submission.services.clone(),
        files: submission.files.iter().map(|(path, _)| path.clone()).collect(),
        requester: Some(submission.requester.clone()),
        lines_added: submission.lines,
        lines_deleted: None,
        submitted_at: Some(at(submission.at)?),
        closed_at: at(submission.at)?,
        outcome: if known.failed { "failed" } else { "successful" }.to_owned(),
        outcome_known_at: Some(at(known.known_at)?),
        ..ImportedChange::default()
    })
}

/// A fixed sequence of numbers (SplitMix64; Steele, Lea and Flood 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A change that fails the more often the larger it is, by whom it is and what it changes.
    fn past(&mut self, number: usize) -> Past {
        let at = BEGIN_SECONDS + i64::try_from(number).unwrap_or(0) * PAUSE_SECONDS;
        let (service, person) = (self.next() % SERVICES, self.next() % PEOPLE);
        let lines = (self.next() % 2_000) + 1;
        let files = (0..=self.next() % FILES_OF_ONE).map(|_| self.next() % FILES);
        let files = files.map(|file| (format!("apps/folder-{}/file-{file}.yaml", file % 97), 0)).collect();
        let words: Vec<String> = (0..WORDS_OF_ONE).map(|_| format!("word{}", self.next() % WORDS)).collect();
        let frailty = (service % 7) as f64 / 3.0 + (person % 5) as f64 / 4.0 + (lines as f64).ln() / 4.0;
        let failed = self.share() < 1.0 / (1.0 + (5.5 - frailty).exp());
        Past {
            submission: Submission {
                at,
                change_type: "normal".to_owned(),
                category: if number.is_multiple_of(3) { "configuration" } else { "deployment" }.to_owned(),
                requester: format!("person-{person}"),
                services: vec![format!("service-{service}")],
                files,
                lines: Some(lines + lines / 3),
                title: words.join(" "),
                ..Submission::default()
            },
            known: Known::new(at + KNOWN_AFTER_SECONDS, failed),
        }
    }
}
