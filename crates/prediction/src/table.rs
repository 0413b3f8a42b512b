//! Rows with what was known at their moment, and what came of them later.
//!
//! A table holds values only; where they were read from is the caller's business. Rows are added one by one with the
//! line they stand on, so that an error can name it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::features::Known;

/// Most rows of a table.
pub const ROWS_MAX: usize = 2_000_000;
/// Most columns of a table.
pub const COLUMNS_MAX: usize = 512;
/// Most different values of a categorical column; more of them identify things instead of describing them.
pub const LEVELS_MAX: usize = 64;

/// What one column is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its cells hold.
    pub kind: ColumnKind,
}

/// What the cells of a column hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnKind {
    /// A number.
    Number {
        /// The least value that makes sense, for example 0 for counts.
        at_least: Option<f64>,
    },
    /// One of a few words.
    Word,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known.
    Missing,
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

/// A row as it is handed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// When it happened: seconds since 1970, or a position where there is no time.
    pub at: i64,
    /// When it became known whether it failed.
    pub known_at: i64,
    /// Whether it failed.
    pub failed: bool,
    /// What the row belongs to where one table holds several independent histories, else empty.
    pub group: String,
    /// What its history is counted by, for example author and main CI, in the order of the table's keys; empty where it
    /// is unknown.
    pub keys: Vec<String>,
    /// Its cells, in the order of the columns.
    pub cells: Vec<Cell>,
}

/// Columns with checked values, rows ordered as they were added.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    /// One vector per column; the code of a word is its place in `words`.
    values: Vec<Vec<f64>>,
    words: Vec<Vec<String>>,
    at: Vec<i64>,
    known_at: Vec<i64>,
    failed: Vec<bool>,
    /// Rows of which something else was known at first.
    corrected: BTreeMap<usize, Known>,
    group: Vec<usize>,
    groups: Names,
    keys: Vec<Key>,
}

/// Something that rows have in common with earlier ones.
#[derive(Debug, Clone, Default)]
struct Key {
    name: String,
    names: Names,
    /// Per row; none where it is unknown.
    of: Vec<Option<usize>>,
}

/// Names by number.
#[derive(Debug, Clone, Default)]
struct Names {
    numbers: BTreeMap<String, usize>,
}

impl Names {
    fn number(&mut self, name: String) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(name).or_insert(next)
    }
}

/// Why a table or row cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TableError {
    /// There is nothing to learn from.
    #[error("the table has no columns: name at least one feature")]
    NoColumns,
    /// A column appears twice.
    #[error("column `{column}` appears twice: give each column a name of its own")]
    DuplicateColumn {
        /// The column.
        column: String,
    },
    /// More columns than allowed.
    #[error("the table has {found} columns: at most {COLUMNS_MAX} are accepted")]
    TooManyColumns {
        /// Columns found.
        found: usize,
    },
    /// More rows than allowed.
    #[error("line {line}: the table has more than {ROWS_MAX} rows: split it by time")]
    TooManyRows {
        /// Where the row stands.
        line: u64,
    },
    /// A row has too few or too many cells.
    #[error("line {line}: the row has {found} cells where the table has {expected} columns")]
    WrongWidth {
        /// Where the row stands.
        line: u64,
        /// Cells found.
        found: usize,
        /// Columns of the table.
        expected: usize,
    },
    /// A cell holds something that is no finite number.
    #[error(
        "line {line}, column `{column}`: `{value}` is not a finite number: leave the cell empty when the value is unknown"
    )]
    NotFinite {
        /// Where the row stands.
        line: u64,
        /// The column.
        column: String,
        /// What was found.
        value: String,
    },
    /// A cell is below what makes sense.
    #[error("line {line}, column `{column}`: {value} is less than {least}, the least that makes sense there")]
    TooSmall {
        /// Where the row stands.
        line: u64,
        /// The column.
        column: String,
        /// What was found.
        value: f64,
        /// The least accepted value.
        least: f64,
    },
    /// A cell holds a word where a number belongs, or the other way round.
    #[error("line {line}, column `{column}`: expected {expected}")]
    WrongKind {
        /// Where the row stands.
        line: u64,
        /// The column.
        column: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A column of words has too many different ones.
    #[error(
        "line {line}, column `{column}`: more than {LEVELS_MAX} different words: declare it as a history key instead"
    )]
    TooManyWords {
        /// Where the row stands.
        line: u64,
        /// The column.
        column: String,
    },
    /// An outcome that was known before the change happened.
    #[error("line {line}: the outcome is known before the row happened: `known_at` must not lie before `at`")]
    KnownTooEarly {
        /// Where the row stands.
        line: u64,
    },
}

impl Table {
    /// An empty table. `keys` name what rows have in common with earlier ones.
    ///
    /// # Errors
    /// When there are no columns, too many, or two of the same name.
    pub fn new(columns: Vec<Column>, keys: &[String]) -> Result<Self, TableError> {
        if columns.is_empty() {
            return Err(TableError::NoColumns);
        }
        if columns.len() > COLUMNS_MAX {
            return Err(TableError::TooManyColumns { found: columns.len() });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(column.name.as_str())) {
            return Err(TableError::DuplicateColumn { column: twice.name.clone() });
        }
        let width = columns.len();
        Ok(Self {
            columns,
            values: vec![Vec::new(); width],
            words: vec![Vec::new(); width],
            at: Vec::new(),
            known_at: Vec::new(),
            failed: Vec::new(),
            corrected: BTreeMap::new(),
            group: Vec::new(),
            groups: Names::default(),
            keys: keys.iter().map(|name| Key { name: name.clone(), ..Key::default() }).collect(),
        })
    }

    /// Adds a row that stands on `line` of its source. A refused row leaves the table as it was.
    ///
    /// # Errors
    /// When a cell is of the wrong kind, not finite or too small, or the table is full.
    pub fn push(&mut self, line: u64, row: Row) -> Result<(), TableError> {
        if self.len() >= ROWS_MAX {
            return Err(TableError::TooManyRows { line });
        }
        if row.known_at < row.at {
            return Err(TableError::KnownTooEarly { line });
        }
        if row.cells.len() != self.columns.len() {
            return Err(TableError::WrongWidth {
                line,
                found: row.cells.len(),
                expected: self.columns.len(),
            });
        }
        for ((column, words), cell) in self.columns.iter().zip(&self.words).zip(&row.cells) {
            check(line, column, words, cell)?;
        }
        for ((values, words), cell) in self.values.iter_mut().zip(&mut self.words).zip(row.cells) {
            values.push(match cell {
                Cell::Missing => f64::NAN,
                Cell::Number(number) => number,
                Cell::Word(word) => code(words, word),
            });
        }
        self.at.push(row.at);
        self.known_at.push(row.known_at);
        self.failed.push(row.failed);
        self.group.push(self.groups.number(row.group));
        let mut given = row.keys.into_iter();
        for key in &mut self.keys {
            let name = given.next().filter(|name| !name.is_empty());
            key.of.push(name.map(|name| key.names.number(name)));
        }
        Ok(())
    }

    /// Takes in what was found later of a row, for [`Table::known_by`].
    pub(crate) fn correct(&mut self, row: usize, known: &Known) {
        if !known.corrections.is_empty() {
            self.corrected.insert(row, known.clone());
        }
    }

    /// The same table with outcomes as far as they were known at a moment: what was found later was not.
    pub(crate) fn known_by(&self, at: i64) -> Cow<'_, Self> {
        let mut table = Cow::Borrowed(self);
        for (row, known) in &self.corrected {
            let then = known.failed_at(at);
            if self.failed.get(*row).is_some_and(|failed| *failed != then)
                && let Some(failed) = table.to_mut().failed.get_mut(*row)
            {
                *failed = then;
            }
        }
        table
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of a column: numbers, or the codes of words; NaN where nothing is known.
    #[must_use]
    pub fn values(&self, column: usize) -> &[f64] {
        self.values.get(column).map_or(&[], Vec::as_slice)
    }

    /// The words of a column, in the order of their codes. Empty for numbers.
    #[must_use]
    pub fn words(&self, column: usize) -> &[String] {
        self.words.get(column).map_or(&[], Vec::as_slice)
    }

    /// One row's values, in the order of the columns.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<f64> {
        self.values.iter().map(|column| column.get(row).copied().unwrap_or(f64::NAN)).collect()
    }

    /// When each row happened.
    #[must_use]
    pub fn at(&self) -> &[i64] {
        &self.at
    }

    /// When each row's outcome became known.
    #[must_use]
    pub fn known_at(&self) -> &[i64] {
        &self.known_at
    }

    /// Whether each row failed.
    #[must_use]
    pub fn failed(&self) -> &[bool] {
        &self.failed
    }

    /// The group of each row, by number.
    #[must_use]
    pub fn group(&self) -> &[usize] {
        &self.group
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.numbers.len()
    }

    /// The names of the groups, by number.
    #[must_use]
    pub fn group_names(&self) -> Vec<String> {
        let mut names: Vec<(usize, &String)> =
            self.groups.numbers.iter().map(|(name, number)| (*number, name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name.clone()).collect()
    }

    /// The keys: their names, and for each row the number of what it has there, none where it is unknown.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &[Option<usize>])> {
        self.keys.iter().map(|key| (key.name.as_str(), key.of.as_slice()))
    }

    /// The place of a column.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Adds a column of numbers that was derived from others.
    ///
    /// # Errors
    /// When the name is taken, the table is full, or the number of values is not the number of rows.
    pub fn add_derived(&mut self, name: &str, values: Vec<f64>) -> Result<(), TableError> {
        if self.place(name).is_some() {
            return Err(TableError::DuplicateColumn { column: name.to_owned() });
        }
        if self.columns.len() >= COLUMNS_MAX {
            return Err(TableError::TooManyColumns { found: self.columns.len() + 1 });
        }
        if values.len() != self.len() {
            return Err(TableError::WrongWidth { line: 0, found: values.len(), expected: self.len() });
        }
        self.columns.push(Column { name: name.to_owned(), kind: ColumnKind::Number { at_least: None } });
        self.values.push(values);
        self.words.push(Vec::new());
        Ok(())
    }

    /// SHA-256 over columns, words, times, outcomes and values of the rows: the same data have the same digest.
    #[must_use]
    pub fn digest(&self, rows: &[usize]) -> String {
        let mut hash = Sha256::new();
        hash.update(b"cortex-change/prediction/table/v1\n");
        for (column, words) in self.columns.iter().zip(&self.words) {
            for text in std::iter::once(&column.name).chain(words) {
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
            hash.update([0xff]);
        }
        for &row in rows {
            let facts = (self.at.get(row), self.known_at.get(row), self.failed.get(row));
            if let (Some(at), Some(known_at), Some(failed)) = facts {
                hash.update(at.to_be_bytes());
                hash.update(known_at.to_be_bytes());
                hash.update([u8::from(*failed)]);
            }
            for value in self.row(row) {
                let value = if value.is_nan() { f64::NAN } else { value };
                hash.update(value.to_bits().to_be_bytes());
            }
        }
        hex::encode(hash.finalize())
    }
}

fn check(line: u64, column: &Column, words: &[String], cell: &Cell) -> Result<(), TableError> {
    let name = || column.name.clone();
    match (&column.kind, cell) {
        (_, Cell::Missing) => Ok(()),
        (ColumnKind::Number { at_least }, Cell::Number(value)) => {
            if !value.is_finite() {
                return Err(TableError::NotFinite { line, column: name(), value: value.to_string() });
            }
            match at_least {
                Some(least) if value < least => {
                    Err(TableError::TooSmall { line, column: name(), value: *value, least: *least })
                }
                Some(_) | None => Ok(()),
            }
        }
        (ColumnKind::Word, Cell::Word(word)) => {
            if words.len() >= LEVELS_MAX && !words.contains(word) {
                return Err(TableError::TooManyWords { line, column: name() });
            }
            Ok(())
        }
        (ColumnKind::Number { .. }, Cell::Word(_)) => {
            Err(TableError::WrongKind { line, column: name(), expected: "a number" })
        }
        (ColumnKind::Word, Cell::Number(_)) => {
            Err(TableError::WrongKind { line, column: name(), expected: "a word" })
        }
    }
}

/// The code of a word, given on first sight.
fn code(words: &mut Vec<String>, word: String) -> f64 {
    let place = words.iter().position(|known| *known == word).unwrap_or_else(|| {
        words.push(word);
        words.len() - 1
    });
    place as f64
}
