//! Earlier rows to learn from, later ones to choose and calibrate on, the latest to test on.

use crate::number::part;
use crate::table::Table;

/// Rounds in which candidates are compared.
const ROUNDS: usize = 3;

/// Which shares of the rows the slices hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitRule {
    /// Rows up to this share are learned from.
    pub train_until: f64,
    /// Rows from there up to this share are for choices and calibration; the rest is for the test.
    pub validation_until: f64,
    /// Whether each group is split on its own, by its own time.
    pub by_group: bool,
}

/// Rows by slice, each in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slices {
    /// The earliest.
    pub train: Vec<usize>,
    /// Those after them.
    pub validation: Vec<usize>,
    /// The latest.
    pub test: Vec<usize>,
}

impl SplitRule {
    /// The protocol of the evaluation: 70 % to learn from, 10 % to choose on, 20 % to test on.
    #[must_use]
    pub fn protocol(by_group: bool) -> Self {
        Self { train_until: 0.7, validation_until: 0.8, by_group }
    }

    /// This rule and those before it, the earliest first: each validates on what the next one learns from as well.
    #[must_use]
    pub fn rounds(&self) -> [Self; ROUNDS] {
        let width = self.validation_until - self.train_until;
        std::array::from_fn(|round| {
            let back = width * (ROUNDS - 1 - round) as f64;
            let (train_until, validation_until) = (self.train_until - back, self.validation_until - back);
            Self { train_until, validation_until, ..*self }
        })
    }

    /// Splits a table. Rows of a slice whose outcome was not yet known when the next slice began are left out.
    #[must_use]
    pub fn split(&self, table: &Table) -> Slices {
        let mut slices = Slices { train: Vec::new(), validation: Vec::new(), test: Vec::new() };
        let groups = if self.by_group { table.groups() } else { 1 };
        for group in 0..groups {
            let is_in = |row: &usize| !self.by_group || table.group().get(*row) == Some(&group);
            let rows: Vec<usize> = in_order(table, (0..table.len()).filter(is_in).collect());
            let first = part(rows.len(), self.train_until);
            let second = part(rows.len(), self.validation_until).max(first);
            let (train, later) = rows.split_at(first);
            let (validation, test) = later.split_at(second - first);
            slices.train.extend(known_before(table, train, later));
            slices.validation.extend(known_before(table, validation, test));
            slices.test.extend(test);
        }
        slices.train = in_order(table, slices.train);
        slices.validation = in_order(table, slices.validation);
        slices.test = in_order(table, slices.test);
        slices
    }
}

fn known_before(table: &Table, rows: &[usize], later: &[usize]) -> Vec<usize> {
    let Some(begin) = later.first().and_then(|row| table.at().get(*row)) else { return rows.to_vec() };
    let is_known = |row: &usize| table.known_at().get(*row).is_some_and(|known_at| known_at <= begin);
    rows.iter().copied().filter(is_known).collect()
}

/// Rows in order of time; rows of the same time as they stand.
fn in_order(table: &Table, mut rows: Vec<usize>) -> Vec<usize> {
    rows.sort_by_key(|&row| (table.at().get(row).copied(), row));
    rows
}
