//! What is known of a change of ours at the moment it is handed in, as a row.
//!
//! To add a fact: its field in [`Submission`], its line in [`Submission::facts`]. Models that were trained before do not
//! know it and go on without it, as columns are found by name.

use crate::history::{RateSettings, Rates};
use crate::table::{Cell, Column, ColumnKind, Row, Table, TableError};

/// Most words of title and description that count.
const WORDS_MAX: usize = 200;
/// What the names of columns of words begin with.
const WORD_COLUMN: &str = "words_";
/// Words fall into this many columns.
const WORD_COLUMNS: usize = 16;
/// Hours of a day.
const HOURS: i64 = 24;
/// Seconds of an hour.
const HOUR_SECONDS: i64 = 3600;
/// Days from a Monday to 1 January 1970, a Thursday.
const EPOCH_WEEKDAY: i64 = 3;

/// A change as it is handed in. What is not known is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Submission {
    /// When it was handed in: seconds since 1970.
    pub at: i64,
    /// Change type: standard, normal, emergency.
    pub change_type: String,
    /// Category, such as deployment.
    pub category: String,
    /// Who asks for it.
    pub requester: String,
    /// Services that it names.
    pub services: Vec<String>,
    /// Configuration items that it names.
    pub cis: Vec<String>,
    /// Files that it changes, with the lines changed in each.
    pub files: Vec<(String, u64)>,
    /// The most critical tier among its services: 0 to 3.
    pub tier: Option<u8>,
    /// Services and items that depend on what is changed.
    pub dependents: Option<u64>,
    /// Lines added and deleted, together.
    pub lines: Option<u64>,
    /// How many files it changes, also those that are not named.
    pub files_changed: Option<u64>,
    /// How many folders directly hold one of them.
    pub folders_changed: Option<u64>,
    /// How many configuration items it changes, also those that are not named.
    pub cis_changed: Option<u64>,
    /// Whether configuration changes.
    pub changes_configuration: Option<bool>,
    /// Whether a database schema changes.
    pub changes_schema: Option<bool>,
    /// Covered share of the changed lines, in thousandths.
    pub coverage_permille: Option<u16>,
    /// Whether tests passed.
    pub tests_passed: Option<bool>,
    /// Whether it is carried out, taken back and checked without hands.
    pub automated: [Option<bool>; 3],
    /// Whether an agent asks for it.
    pub by_agent: Option<bool>,
    /// Whether it mends something.
    pub is_fix: bool,
    /// Whether it takes something back.
    pub is_revert: bool,
    /// How healthy the system is, in thousandths.
    pub system_health_permille: Option<u16>,
    /// Incidents of the last days.
    pub recent_incidents: Option<u32>,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
}

/// What came of a change, and when that was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Seconds since 1970. Not before the end of the waiting period in which failures still show.
    pub known_at: i64,
    /// Whether it failed, as it was known then.
    pub failed: bool,
    /// What was found of that later, in order of time; the last one holds.
    pub corrections: Vec<Correction>,
}

/// That a change had failed, or had not, whatever was known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction {
    /// When that was found: seconds since 1970. Nothing rests on it before.
    pub at: i64,
    /// Whether the change failed.
    pub failed: bool,
}

impl Known {
    /// An outcome that nobody has corrected.
    #[must_use]
    pub fn new(known_at: i64, failed: bool) -> Self {
        Self { known_at, failed, corrections: Vec::new() }
    }

    /// Whether it failed, after all corrections.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed_at(i64::MAX)
    }

    /// Whether it failed, as far as was known at a moment.
    #[must_use]
    pub fn failed_at(&self, at: i64) -> bool {
        let found = self.corrections.iter().take_while(|correction| correction.at <= at).last();
        found.map_or(self.failed, |correction| correction.failed)
    }

    /// The corrections after the first `skipped` ones that say something else than was known before each.
    fn turns(&self, skipped: usize) -> impl Iterator<Item = Correction> {
        let before = std::iter::once(self.failed).chain(self.corrections.iter().map(|one| one.failed));
        let turns = before.zip(&self.corrections).skip(skipped);
        turns.filter(|(before, one)| *before != one.failed).map(|(_, one)| *one)
    }
}

/// Turns changes into rows, in the order in which they were handed in, with rates that know only what was known then.
#[derive(Debug, Clone)]
pub struct History {
    interned: Interned,
    rates: [Rates; RATED.len()],
    repairs: [Rates; REPAIRED],
    last_at: i64,
}

/// What rates of failure are kept of.
const RATED: [&str; 5] = ["service", "ci", "file", "requester", "category"];
/// Of so many of the first of those it is also kept how often changes mended them or took something back: what had to be
/// mended often will have to be mended again (Kim et al., Predicting Faults from Cached History, ICSE 2007).
const REPAIRED: usize = 3;

/// Changes must be handed in by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a change of {at} comes after one of {last_at}: hand changes in by their time of submission")]
pub struct OutOfOrder {
    /// The change's time.
    pub at: i64,
    /// The time of the one before.
    pub last_at: i64,
}

/// Numbers for names.
#[derive(Debug, Clone, Default)]
struct Interned(std::collections::BTreeMap<(usize, String), usize>);

impl Interned {
    fn number(&mut self, kind: usize, name: &str) -> usize {
        let next = self.0.len();
        *self.0.entry((kind, name.to_owned())).or_insert(next)
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new(RateSettings::default())
    }
}

impl History {
    /// No change is known yet.
    #[must_use]
    pub fn new(settings: RateSettings) -> Self {
        Self {
            interned: Interned::default(),
            rates: std::array::from_fn(|_| Rates::new(settings)),
            repairs: std::array::from_fn(|_| Rates::new(settings)),
            last_at: i64::MIN,
        }
    }

    /// The columns of every row.
    #[must_use]
    pub fn columns() -> Vec<Column> {
        let facts = Submission::default().facts();
        let column = |(name, cell): (String, Cell)| Column {
            name,
            kind: match cell {
                Cell::Word(_) => ColumnKind::Word,
                Cell::Number(_) | Cell::Missing => ColumnKind::Number { at_least: None },
            },
        };
        let mut columns: Vec<Column> = facts.into_iter().map(column).collect();
        let rates = RATED.iter().flat_map(|of| ["failure_rate", "changes"].map(|figure| (of, figure)));
        let repairs = RATED.iter().take(REPAIRED).map(|of| (of, "repair_rate"));
        for (of, figure) in rates.chain(repairs) {
            let name = format!("{of}_{figure}");
            columns.push(Column { name, kind: ColumnKind::Number { at_least: None } });
        }
        columns
    }

    /// Whether a column counts words of title and description. Which words those are it does not say.
    #[must_use]
    pub fn is_of_words(column: &str) -> bool {
        column.starts_with(WORD_COLUMN)
    }

    /// The cells of a change at its moment. Nothing is remembered of it.
    ///
    /// # Errors
    /// When an earlier change comes after a later one.
    pub fn cells(&mut self, change: &Submission) -> Result<Vec<Cell>, OutOfOrder> {
        if change.at < self.last_at {
            return Err(OutOfOrder { at: change.at, last_at: self.last_at });
        }
        self.last_at = change.at;
        let mut cells: Vec<Cell> = change.facts().into_iter().map(|(_, cell)| cell).collect();
        let names = self.names(change);
        // Of several names, the one that fails most often counts, and the one changed least.
        let figures = |rates: &mut Rates, names: &[usize]| {
            let known: Vec<_> = names.iter().map(|name| rates.of(Some(*name), change.at)).collect();
            let worst = known.iter().map(|known| known.rate).max_by(f64::total_cmp);
            let least = known.iter().map(|known| known.changes).min_by(f64::total_cmp);
            [worst, least].map(|figure| figure.map_or(Cell::Missing, Cell::Number))
        };
        for (rates, names) in self.rates.iter_mut().zip(&names) {
            cells.extend(figures(rates, names));
        }
        for (repairs, names) in self.repairs.iter_mut().zip(&names) {
            let [worst, _] = figures(repairs, names);
            cells.push(worst);
        }
        Ok(cells)
    }

    /// Takes the outcomes known by then into the rates now, and not when the next change is handed in.
    pub fn settle(&mut self, at: i64) {
        self.rates.iter_mut().chain(&mut self.repairs).for_each(|rates| rates.settle(at));
    }

    /// Remembers what came of a change. It counts from when it was known, and each correction from when that was found.
    pub fn learn(&mut self, change: &Submission, known: &Known) {
        let names = self.names(change);
        let known_at = known.known_at.max(change.at);
        for (rates, names) in self.rates.iter_mut().zip(&names) {
            names.iter().for_each(|name| rates.add(*name, known_at, known.failed));
        }
        for (repairs, names) in self.repairs.iter_mut().zip(&names) {
            names.iter().for_each(|name| repairs.add(*name, known_at, change.is_fix || change.is_revert));
        }
        self.correct(change, known, 0);
    }

    /// Remembers what was found later of a change whose outcome and first `learned` corrections are remembered already.
    pub fn correct(&mut self, change: &Submission, known: &Known, learned: usize) {
        let known_at = known.known_at.max(change.at);
        for Correction { at, failed } in known.turns(learned) {
            let names = self.names(change);
            for (rates, names) in self.rates.iter_mut().zip(names) {
                for name in names {
                    rates.correct(name, known_at, at, failed);
                }
            }
        }
    }

    /// The rows of changes whose outcome is known, in order of submission, for training.
    ///
    /// # Errors
    /// When there are too many rows; `line` counts changes from 1.
    pub fn table(mut self, changes: &[(Submission, Known)]) -> Result<Table, TableError> {
        let mut table = Table::new(Self::columns(), &[])?;
        let mut order: Vec<&(Submission, Known)> = changes.iter().collect();
        order.sort_by_key(|(change, _)| change.at);
        for (line, (change, known)) in (1_u64..).zip(order) {
            // In order by construction.
            let Ok(cells) = self.cells(change) else { continue };
            let known_at = known.known_at.max(change.at);
            let row = Row {
                at: change.at,
                known_at,
                failed: known.has_failed(),
                group: String::new(),
                keys: vec![],
                cells,
            };
            let number = table.len();
            table.push(line, row)?;
            table.correct(number, known);
            self.learn(change, known);
        }
        Ok(table)
    }

    fn names(&mut self, change: &Submission) -> [Vec<usize>; RATED.len()] {
        let one = std::slice::from_ref;
        let files: Vec<String> = change.files.iter().map(|(path, _)| path.clone()).collect();
        let named: [&[String]; RATED.len()] =
            [&change.services, &change.cis, &files, one(&change.requester), one(&change.category)];
        let mut kind = 0;
        named.map(|names| {
            kind += 1;
            names
                .iter()
                .filter(|name| !name.is_empty())
                .map(|name| self.interned.number(kind, name))
                .collect()
        })
    }
}

impl Submission {
    /// Every fact with its name.
    fn facts(&self) -> Vec<(String, Cell)> {
        let number = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Number);
        let flag = |value: Option<bool>| number(value.map(crate::number::indicator));
        let [hour, weekday] = calendar(self.at);
        let [implemented, rolled_back, validated] = self.automated;
        let count = |count: Option<u64>| number(count.map(|count| count as f64));
        // A record of another system that names nothing may still have changed something.
        let counted = |given: Option<u64>, named: usize| {
            count(given.or_else(|| u64::try_from(named).ok().filter(|named| *named > 0)))
        };
        let named: [(&str, Cell); 26] = [
            ("change_type", Cell::Word(self.change_type.clone())),
            ("category", Cell::Word(self.category.clone())),
            ("tier", number(self.tier.map(f64::from))),
            ("services", counted(None, self.services.len())),
            ("cis", counted(self.cis_changed, self.cis.len())),
            ("dependents", count(self.dependents)),
            ("lines", count(self.lines)),
            ("files", counted(self.files_changed, self.files.len())),
            ("folders", counted(self.folders_changed, self.folders())),
            ("churn_entropy", number(self.churn_entropy())),
            ("changes_configuration", flag(self.changes_configuration)),
            ("changes_schema", flag(self.changes_schema)),
            ("coverage_permille", number(self.coverage_permille.map(f64::from))),
            ("tests_passed", flag(self.tests_passed)),
            ("implementation_automated", flag(implemented)),
            ("rollback_automated", flag(rolled_back)),
            ("validation_automated", flag(validated)),
            ("by_agent", flag(self.by_agent)),
            ("is_fix", flag(Some(self.is_fix))),
            ("is_revert", flag(Some(self.is_revert))),
            ("system_health_permille", number(self.system_health_permille.map(f64::from))),
            ("recent_incidents", number(self.recent_incidents.map(f64::from))),
            hour,
            weekday,
            ("title_length", number(Some(self.title.chars().count() as f64))),
            ("description_length", number(Some(self.description.chars().count() as f64))),
        ];
        let words = self.word_counts().into_iter().enumerate();
        let words = words.map(|(column, count)| (format!("{WORD_COLUMN}{column}"), number(Some(count))));
        named.into_iter().map(|(name, cell)| (name.to_owned(), cell)).chain(words).collect()
    }

    fn folders(&self) -> usize {
        let folder =
            |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let folders: std::collections::BTreeSet<String> =
            self.files.iter().map(|(path, _)| folder(path)).collect();
        folders.len()
    }

    /// How evenly the changed lines are spread over the files, in bits; nothing where no line is known of any.
    fn churn_entropy(&self) -> Option<f64> {
        let all: f64 = self.files.iter().map(|(_, lines)| *lines as f64).sum();
        let shares = self.files.iter().map(|(_, lines)| *lines as f64 / all).filter(|share| *share > 0.0);
        (all > 0.0).then(|| shares.map(|share| -share * share.log2()).sum())
    }

    /// How often words fall into each of the columns. Which column a word falls into never changes.
    fn word_counts(&self) -> [f64; WORD_COLUMNS] {
        let mut counts = [0.0; WORD_COLUMNS];
        let words = self.title.split(|c: char| !c.is_alphanumeric());
        let words = words.chain(self.description.split(|c: char| !c.is_alphanumeric()));
        for word in words.filter(|word| !word.is_empty()).take(WORDS_MAX) {
            let column = hash(&word.to_lowercase()) % WORD_COLUMNS as u64;
            if let Some(count) = usize::try_from(column).ok().and_then(|column| counts.get_mut(column)) {
                *count += 1.0;
            }
        }
        counts
    }
}

/// The facts that follow from the moment alone: hour of the day, and day of the week from Monday on, in UTC.
#[must_use]
pub fn calendar(at: i64) -> [(&'static str, Cell); 2] {
    let hours = at.div_euclid(HOUR_SECONDS);
    let weekday = (hours.div_euclid(HOURS) + EPOCH_WEEKDAY).rem_euclid(7);
    [("hour", Cell::Number(hours.rem_euclid(HOURS) as f64)), ("weekday", Cell::Number(weekday as f64))]
}

/// FNV-1a.
fn hash(word: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    word.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
