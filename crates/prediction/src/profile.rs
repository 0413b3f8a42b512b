//! What a model was trained on, in counts: kept beside the model, so that later changes can be held against it.
//!
//! The distance between then and now is the population stability index, `Σ (now − then) × ln(now ÷ then)` over bins,
//! read as usual (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 nothing has changed, from 0.25 on much. Without any
//! change it is about a chi-square variable with one degree of freedom less than bins, divided by the harmonic rows
//! (Yurdakul and Naranjo, Statistical properties of the population stability index, 2020): what chance explains is not
//! called a shift. Half a row is added to each bin, so that an empty one has a logarithm.

use serde::{Deserialize, Serialize};

use crate::calibrate::Moment;
use crate::metrics::{Interval, proportion};
use crate::model::Model;
use crate::number::part;
use crate::table::{ColumnKind, Table};
use crate::train::outcomes;

/// The form that this program writes and reads.
pub const PROFILE_FORMAT: &str = "cortex-change/prediction/profile/v1";
/// Largest profile that is read, in bytes.
pub const PROFILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// From this index on something has moved.
pub const MOVED_FROM: f64 = 0.1;
/// From this index on it has shifted.
pub const SHIFTED_FROM: f64 = 0.25;
/// Fewest later rows that are held against a profile.
pub const HELD_ROWS_MIN: usize = 100;
/// Bins of a column of numbers, each with as many of the earlier rows as the others.
const BINS: usize = 10;
/// What is added to each bin.
const ADDED: f64 = 0.5;
/// Standard deviations that 95 % of normal draws lie below.
const Z_95: f64 = 1.645;
/// Most new words of a column that are named.
const NEW_WORDS_MAX: usize = 5;

/// What a model was trained on, in counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    format: String,
    /// Rows.
    rows: u64,
    /// Failures among them.
    failures: u64,
    columns: Vec<ColumnProfile>,
    /// What the model said of later rows, which it had not seen.
    predictions: ColumnProfile,
}

/// One column, in counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnProfile {
    name: String,
    bins: Bins,
    /// Rows in each bin.
    counts: Vec<u64>,
    /// Rows of which nothing was known.
    missing: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Bins {
    /// The last value of each bin but the last one.
    Numbers { until: Vec<f64> },
    /// The word of each bin.
    Words { words: Vec<String> },
}

/// A profile that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Larger than any of ours.
    #[error("the profile has {bytes} bytes: at most {PROFILE_BYTES_MAX} are read")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
    },
    /// Not what we write.
    #[error("the profile cannot be read: train the model again with this version")]
    Form(#[source] serde_json::Error),
    /// Written by another version.
    #[error("the profile has format `{found}`, this version reads `{PROFILE_FORMAT}`: train the model again")]
    Format {
        /// The format found.
        found: String,
    },
}

/// How far something has moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// The column.
    pub column: String,
    /// The population stability index.
    pub index: f64,
    /// What chance alone stays below in 95 of 100 cases.
    pub by_chance: f64,
    /// How it reads.
    pub reading: Reading,
    /// The share of rows of which nothing was known, then.
    pub missing_then: f64,
    /// And now.
    pub missing_now: f64,
    /// The share of rows with words that were not met then.
    pub new_words_share: f64,
    /// The most frequent of those words.
    pub new_words: Vec<String>,
}

/// How a stability index reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// Below 0.1, or no more than chance explains.
    Stable,
    /// From 0.1 on.
    Moved,
    /// From 0.25 on.
    Shifted,
}

/// How later rows compare to those that a model was trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Rows trained on.
    pub rows_then: u64,
    /// Later rows.
    pub rows_now: u64,
    /// Columns, the one that moved furthest first.
    pub columns: Vec<Shift>,
    /// What the model says.
    pub predictions: Shift,
    /// Failures trained on.
    pub failed_then: u64,
    /// The share of failures trained on.
    pub failures_then: Option<Interval>,
    /// Failures among later rows whose outcome is known.
    pub failed_now: u64,
    /// The share of failures among later rows whose outcome is known.
    pub failures_now: Option<Interval>,
    /// How many those are.
    pub known_now: u64,
}

impl Profile {
    /// Counts the rows that a model was trained on, and what it says of the `later` ones, which it has not seen.
    #[must_use]
    pub fn of(model: &Model, table: &Table, trained: &[usize], later: &[usize]) -> Self {
        let columns = 0..table.columns().len();
        let said = predictions(model, table, later);
        let until = edges(&said);
        let predictions = ColumnProfile::counting("predictions", Bins::Numbers { until }, &said, &[]);
        Self {
            format: PROFILE_FORMAT.to_owned(),
            rows: trained.len() as u64,
            failures: failures(table, trained),
            columns: columns.filter_map(|place| ColumnProfile::of(table, place, trained)).collect(),
            predictions,
        }
    }

    /// The profile's bytes: the same rows give the same bytes.
    ///
    /// # Errors
    /// When a number cannot be written, which finite values rule out.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProfileError> {
        serde_json::to_vec(self).map_err(ProfileError::Form)
    }

    /// Reads a profile, and refuses what this version does not know.
    ///
    /// # Errors
    /// When the bytes are too many, of another format, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProfileError> {
        if bytes.len() > PROFILE_BYTES_MAX {
            return Err(ProfileError::TooLarge { bytes: bytes.len() });
        }
        let profile: Self = serde_json::from_slice(bytes).map_err(ProfileError::Form)?;
        if profile.format != PROFILE_FORMAT {
            return Err(ProfileError::Format { found: profile.format });
        }
        Ok(profile)
    }

    /// Holds later rows against the profile. Failures are counted of the `known` ones among them.
    #[must_use]
    pub fn hold(&self, model: &Model, table: &Table, now: &[usize], known: &[usize]) -> Held {
        let held = |column: &ColumnProfile| {
            let place = table.place(&column.name)?;
            let values: Vec<f64> =
                now.iter().filter_map(|&row| table.values(place).get(row)).copied().collect();
            Some(column.shift(&values, table.words(place)))
        };
        let mut columns: Vec<Shift> = self.columns.iter().filter_map(held).collect();
        columns.sort_by(|one, other| {
            let by_index = other.index.total_cmp(&one.index);
            other.reading.cmp(&one.reading).then(by_index).then_with(|| one.column.cmp(&other.column))
        });
        Held {
            rows_then: self.rows,
            rows_now: now.len() as u64,
            columns,
            predictions: self.predictions.shift(&predictions(model, table, now), &[]),
            failed_then: self.failures,
            failures_then: proportion(self.failures, self.rows),
            failed_now: failures(table, known),
            failures_now: proportion(failures(table, known), known.len() as u64),
            known_now: known.len() as u64,
        }
    }
}

impl ColumnProfile {
    fn of(table: &Table, place: usize, rows: &[usize]) -> Option<Self> {
        let column = table.columns().get(place)?;
        let values: Vec<f64> = rows.iter().filter_map(|&row| table.values(place).get(row)).copied().collect();
        let bins = match column.kind {
            ColumnKind::Number { .. } => Bins::Numbers { until: edges(&values) },
            ColumnKind::Word => Bins::Words { words: table.words(place).to_vec() },
        };
        Some(Self::counting(&column.name, bins, &values, table.words(place)))
    }

    fn counting(name: &str, bins: Bins, values: &[f64], words: &[String]) -> Self {
        let empty = Self { name: name.to_owned(), counts: Vec::new(), missing: 0, bins };
        let Counts { counts, missing, .. } = empty.count(values, words);
        Self { counts, missing, ..empty }
    }

    /// Sorts values into the bins. The words of their table may have other codes than those of the profile.
    fn count<'a>(&self, values: &[f64], words: &'a [String]) -> Counts<'a> {
        let bins = match &self.bins {
            Bins::Numbers { until } => until.len() + 1,
            Bins::Words { words } => words.len(),
        };
        let mut counted = Counts { counts: vec![0; bins], missing: 0, new: Vec::new() };
        for value in values.iter().copied() {
            let place = match &self.bins {
                _ if value.is_nan() => {
                    counted.missing += 1;
                    continue;
                }
                Bins::Numbers { until } => Some(until.partition_point(|until| *until < value)),
                Bins::Words { words: known } => {
                    let word = word_of(words, value);
                    let place = word.and_then(|word| known.iter().position(|known| known == word));
                    if let (None, Some(word)) = (place, word) {
                        counted.meet(word);
                    }
                    place
                }
            };
            if let Some(count) = place.and_then(|place| counted.counts.get_mut(place)) {
                *count += 1;
            }
        }
        counted
    }

    fn shift(&self, values: &[f64], words: &[String]) -> Shift {
        let now = self.count(values, words);
        let new: u64 = now.new.iter().map(|(_, count)| count).sum();
        // What is missing is a bin of its own, and so is what was never met.
        let then = self.counts.iter().copied().chain([self.missing, 0]);
        let after = now.counts.iter().copied().chain([now.missing, new]);
        let pairs: Vec<(u64, u64)> = then.zip(after).filter(|pair| *pair != (0, 0)).collect();
        let (index, by_chance) = stability(&pairs);
        let reading = match index {
            index if index < by_chance || index < MOVED_FROM => Reading::Stable,
            index if index < SHIFTED_FROM => Reading::Moved,
            _ => Reading::Shifted,
        };
        let rows_then = self.counts.iter().sum::<u64>() + self.missing;
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let rows = values.len() as u64;
        let mut named = now.new;
        named.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Shift {
            column: self.name.clone(),
            index,
            by_chance,
            reading,
            missing_then: share(self.missing, rows_then),
            missing_now: share(now.missing, rows),
            new_words_share: share(new, rows),
            new_words: named.into_iter().take(NEW_WORDS_MAX).map(|(word, _)| word.to_owned()).collect(),
        }
    }
}

/// Values sorted into bins.
struct Counts<'a> {
    counts: Vec<u64>,
    missing: u64,
    /// Words without a bin.
    new: Vec<(&'a str, u64)>,
}

impl<'a> Counts<'a> {
    fn meet(&mut self, word: &'a str) {
        match self.new.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => self.new.push((word, 1)),
        }
    }
}

/// The word with this code.
fn word_of(words: &[String], code: f64) -> Option<&String> {
    words.iter().zip(0_u32..).find(|(_, known)| f64::from(*known) == code).map(|(word, _)| word)
}

fn failures(table: &Table, rows: &[usize]) -> u64 {
    outcomes(table, rows).iter().filter(|failed| **failed).count() as u64
}

fn predictions(model: &Model, table: &Table, rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| model.probability(&model.raw_of(table, row), Moment::of(table, row))).collect()
}

/// The last value of each bin but the last one; equal ones are one.
fn edges(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let places = (1..BINS).map(|bin| part(sorted.len(), bin as f64 / BINS as f64));
    let mut edges: Vec<f64> = places.filter_map(|place| sorted.get(place).copied()).collect();
    edges.dedup();
    edges
}

/// The index over bins with their rows then and now, and what chance alone stays below.
fn stability(bins: &[(u64, u64)]) -> (f64, f64) {
    let count = bins.len() as f64;
    let (then, now) = bins.iter().fold((0, 0), |(then, now), bin| (then + bin.0, now + bin.1));
    if bins.len() < 2 || then == 0 || now == 0 {
        return (0.0, 0.0);
    }
    let (then, now) = (then as f64, now as f64);
    let share = |rows: u64, whole: f64| (rows as f64 + ADDED) / (whole + ADDED * count);
    let one = |(before, after): &(u64, u64)| {
        let (before, after) = (share(*before, then), share(*after, now));
        (after - before) * (after / before).ln()
    };
    (bins.iter().map(one).sum(), chi_square_95(count - 1.0) * (1.0 / then + 1.0 / now))
}

/// What 95 % of chi-square draws lie below, by Wilson and Hilferty's approximation.
fn chi_square_95(freedom: f64) -> f64 {
    let spread = 2.0 / (9.0 * freedom);
    freedom * (1.0 - spread + Z_95 * spread.sqrt()).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, expected) in [(1.0, 3.841), (4.0, 9.488), (9.0, 16.919), (30.0, 43.773)] {
            let found = chi_square_95(freedom);
            assert!((found - expected).abs() < 0.11, "{freedom}: {found} is not {expected}");
        }
    }

    #[test]
    fn the_index_is_that_of_the_formula() {
        // 1000 rows in two equal halves then, 70 to 30 now: (0.2 ln 1.4) + (−0.2 ln 0.6) = 0.1695.
        let (index, by_chance) = stability(&[(500, 700), (500, 300)]);
        assert!((index - 0.1695).abs() < 5e-4, "{index}");
        assert!((by_chance - 3.841 * 2.0 / 1_000.0).abs() < 5e-4, "{by_chance}");
        assert_eq!(stability(&[(500, 10)]), (0.0, 0.0));
        assert_eq!(stability(&[(500, 0), (500, 0)]), (0.0, 0.0));
        let (small, chance) = stability(&[(500, 7), (500, 3)]);
        assert!(small < chance, "ten rows tell nothing: {small} {chance}");
    }
}
