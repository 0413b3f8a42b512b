//! From the columns of a table to the numbers that learners take.
//!
//! Both learners see the same raw row. Trees take numbers as they are, a word as one column per word; the logistic
//! regression takes `sign(x) · ln(1 + |x|)`, standardised on the training rows, with 0 and an indicator of its own where
//! a value is missing. Every encoded column remembers the raw one it came from, so that contributions can be added up.

use serde::{Deserialize, Serialize};

use crate::table::{ColumnKind, Table};

/// A standardised value is cut off here: beyond it lies nothing that was trained on.
const STANDARDISED_MAX: f64 = 5.0;
/// A column whose spread is below this is constant.
const SPREAD_MIN: f64 = 1e-9;

/// One number that a learner takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encoded {
    /// The raw column that it comes from.
    pub(crate) from: usize,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Form {
    /// As it is.
    Plain,
    /// 1 where the column's word has this code.
    Is { code: f64 },
    /// Logarithm, standardised.
    Standardised { mean: f64, spread: f64 },
    /// 1 where nothing is known.
    Missing,
}

impl Encoded {
    /// The number for a raw value.
    pub(crate) fn of(&self, raw: f64) -> f64 {
        match self.form {
            Form::Plain => raw,
            Form::Is { code } => crate::number::indicator(raw == code),
            Form::Standardised { .. } if raw.is_nan() => 0.0,
            Form::Standardised { mean, spread } => {
                ((squeeze(raw) - mean) / spread).clamp(-STANDARDISED_MAX, STANDARDISED_MAX)
            }
            Form::Missing => crate::number::indicator(raw.is_nan()),
        }
    }
}

/// What trees take.
pub(crate) fn for_trees(table: &Table) -> Vec<Encoded> {
    let columns = table.columns().iter().enumerate();
    let encode = |(from, column): (usize, &crate::table::Column)| match column.kind {
        ColumnKind::Number { .. } => vec![Encoded { from, form: Form::Plain }],
        ColumnKind::Word => one_per_word(table, from),
    };
    columns.flat_map(encode).collect()
}

/// What the logistic regression takes, with means and spreads of `rows`.
pub(crate) fn for_logistic(table: &Table, rows: &[usize]) -> Vec<Encoded> {
    let columns = table.columns().iter().enumerate();
    let encode = |(from, column): (usize, &crate::table::Column)| match column.kind {
        ColumnKind::Number { .. } => standardised(table.values(from), rows, from),
        ColumnKind::Word => one_per_word(table, from),
    };
    columns.flat_map(encode).collect()
}

/// The encoded numbers of one raw row.
pub(crate) fn encode<'a>(encoding: &'a [Encoded], raw: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    encoding.iter().map(|encoded| encoded.of(raw.get(encoded.from).copied().unwrap_or(f64::NAN)))
}

fn one_per_word(table: &Table, from: usize) -> Vec<Encoded> {
    let codes = (0..table.words(from).len()).map(|code| code as f64);
    codes.map(|code| Encoded { from, form: Form::Is { code } }).collect()
}

fn standardised(values: &[f64], rows: &[usize], from: usize) -> Vec<Encoded> {
    let known = || rows.iter().filter_map(|&row| values.get(row)).filter(|value| !value.is_nan());
    let mean = crate::number::mean(known().map(|&value| squeeze(value)));
    let variance = crate::number::mean(known().map(|&value| (squeeze(value) - mean).powi(2)));
    let spread = variance.sqrt();
    let mut encoded = Vec::new();
    if spread > SPREAD_MIN {
        encoded.push(Encoded { from, form: Form::Standardised { mean, spread } });
    }
    let missing = rows.len() - known().count();
    if missing > 0 && missing < rows.len() {
        encoded.push(Encoded { from, form: Form::Missing });
    }
    encoded
}

/// Tames long tails, on both sides of 0.
fn squeeze(value: f64) -> f64 {
    value.signum() * value.abs().ln_1p()
}
