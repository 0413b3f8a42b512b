//! How a model would have done if it had been trained again and again as time went on, and whether a new model may take
//! the place of the present one.

use serde::{Deserialize, Serialize};

use crate::calibrate::Moment;
use crate::learner::{Candidate, LearnError};
use crate::metrics::{Interval, Measure, Ranking, difference, mean_interval};
use crate::model::{Figures, Model};
use crate::number::{indicator, part};
use crate::split::SplitRule;
use crate::table::Table;
use crate::train::{Surroundings, figures, outcomes, train};

/// Most origins of a backtest.
pub const ORIGINS_MAX: usize = 24;
/// Share of the rows before the first origin.
const FIRST_ORIGIN: f64 = 0.4;
/// Share of the rows before an origin that is learned from; the rest is calibrated on.
const LEARNED_SHARE: f64 = 0.875;
/// Where the bootstrap starts from.
const SEED: u64 = 7;
/// Fewest later rows on which models are compared.
pub const COMPARED_ROWS_MIN: usize = 200;
/// Fewest failures among them.
pub const COMPARED_FAILURES_MIN: usize = 10;

/// One stretch of time: trained before it, measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// Its begin.
    pub from: i64,
    /// Its end.
    pub until: i64,
    /// The candidate that was chosen before it.
    pub candidate: String,
    /// Figures on it.
    pub figures: Figures,
}

/// What comes of comparing two models on the same later rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Rows compared on.
    pub rows: u64,
    /// Failures among them.
    pub failures: u64,
    /// By how much the challenger's surprise is below the champion's, per row, in nats.
    pub log_loss_gain: Interval,
    /// By how much its squared error is below.
    pub brier_gain: Interval,
    /// By how much its average precision is above.
    pub average_precision_gain: Interval,
    /// What follows.
    pub verdict: Verdict,
}

/// Whether the challenger takes the champion's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is better beyond chance, and ranks no worse: it takes the place.
    Replace,
    /// It is not better beyond chance.
    Keep,
    /// There are too few later rows or failures to tell.
    TooFewToTell,
}

/// Trains at each of `origins` moments on what was known by then, and measures until the next one.
///
/// # Errors
/// When there is too little to learn from at the first origin.
pub fn backtest(
    table: &Table,
    origins: usize,
    candidates: &[(String, Candidate)],
    surroundings: &dyn Surroundings,
) -> Result<Vec<Stretch>, LearnError> {
    let origins = origins.clamp(1, ORIGINS_MAX);
    let mut stretches = Vec::new();
    for origin in 0..origins {
        let share = |origin: usize| FIRST_ORIGIN + (1.0 - FIRST_ORIGIN) * origin as f64 / origins as f64;
        let (begin, end) = (share(origin), share(origin + 1));
        let rule = SplitRule { train_until: begin * LEARNED_SHARE, validation_until: begin, by_group: false };
        let later = rule.split(table).test;
        // What reviews found after the origin was not known there; what is measured is what is known now.
        let origin = later.first().and_then(|row| table.at().get(*row)).copied().unwrap_or(i64::MAX);
        let (model, _) = train(&table.known_by(origin), rule, candidates, surroundings)?;
        let count = part(table.len(), end).saturating_sub(part(table.len(), begin));
        let rows: Vec<usize> = later.into_iter().take(count).collect();
        let times = || rows.iter().filter_map(|&row| table.at().get(row)).copied();
        stretches.push(Stretch {
            from: times().min().unwrap_or(0),
            until: times().max().unwrap_or(0),
            candidate: model.origin().candidate.clone(),
            figures: figures(&probabilities(&model, table, &rows), &outcomes(table, &rows)),
        });
    }
    Ok(stretches)
}

/// Compares two models on rows that both have not seen.
#[must_use]
pub fn compare(champion: &Model, challenger: &Model, table: &Table, rows: &[usize]) -> Comparison {
    let failed = outcomes(table, rows);
    let failures = failed.iter().filter(|failed| **failed).count();
    let (old, new) = (probabilities(champion, table, rows), probabilities(challenger, table, rows));
    let gain = |loss: fn(f64, bool) -> f64| {
        let pairs = old.iter().zip(&new).zip(&failed);
        let gains: Vec<f64> =
            pairs.map(|((old, new), failed)| loss(*old, *failed) - loss(*new, *failed)).collect();
        mean_interval(&gains, SEED)
    };
    let log_loss_gain = gain(surprise);
    let (one, other) = (Ranking::new(&new, &failed), Ranking::new(&old, &failed));
    let average_precision_gain = difference(&one, &other, Measure::AveragePrecision, SEED);
    let verdict = if rows.len() < COMPARED_ROWS_MIN || failures < COMPARED_FAILURES_MIN {
        Verdict::TooFewToTell
    } else if log_loss_gain.low > 0.0 && average_precision_gain.high > 0.0 {
        Verdict::Replace
    } else {
        Verdict::Keep
    };
    Comparison {
        rows: rows.len() as u64,
        failures: failures as u64,
        log_loss_gain,
        brier_gain: gain(|probability, failed| (probability - indicator(failed)).powi(2)),
        average_precision_gain,
        verdict,
    }
}

fn surprise(probability: f64, failed: bool) -> f64 {
    crate::metrics::log_loss(&[probability], &[failed])
}

fn probabilities(model: &Model, table: &Table, rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| model.probability(&model.raw_of(table, row), Moment::of(table, row))).collect()
}
