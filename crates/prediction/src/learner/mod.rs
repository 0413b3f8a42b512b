//! The candidates that can be learned, one file each.
//!
//! To add one: its file here, its variant in [`Candidate`] and in [`Learned`], and the arms that the compiler asks for.

mod logistic;
mod trees;

use serde::{Deserialize, Serialize};

pub use logistic::{Logistic, LogisticSettings};
pub use trees::{TreeFault, Trees, TreesSettings};

use crate::table::Table;

/// What can be learned, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Candidate {
    /// Regularised logistic regression.
    Logistic(LogisticSettings),
    /// Regularised gradient-boosted trees.
    Trees(TreesSettings),
    /// Both, with their log-odds averaged.
    Blend(LogisticSettings, TreesSettings),
}

/// What was learned from rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Learned {
    /// A logistic regression.
    Logistic(Logistic),
    /// Trees.
    Trees(Trees),
    /// Both.
    Blend(Logistic, Trees),
}

/// Why nothing could be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// There is nothing to tell apart.
    #[error(
        "{rows} rows with {failures} failures: at least {ROWS_MIN} rows with {FAILURES_MIN} failures and as many successes are needed"
    )]
    TooFew {
        /// Rows to learn from.
        rows: usize,
        /// Failures among them.
        failures: usize,
    },
    /// Nothing to choose from.
    #[error("there is no candidate: name at least one")]
    NoCandidate,
    /// The library that grows trees refused.
    #[error("trees could not be grown: {0}")]
    Trees(String),
    /// The equations of the regression have no solution, which regularisation rules out for finite values.
    #[error("the regression did not converge: a column holds extreme values")]
    Diverged,
}

/// A log-odds and what each raw column adds to it: `base` and contributions sum up to the log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// The log-odds where nothing is known about a row.
    pub base: f64,
    /// What each raw column adds, in the order of the columns.
    pub contributions: Vec<f64>,
}

/// Fewest rows to learn from.
pub const ROWS_MIN: usize = 50;
/// Fewest failures, and fewest successes, to learn from.
pub const FAILURES_MIN: usize = 10;

/// What all candidates can do once learned.
pub trait Learner {
    /// The log-odds of failure for a raw row.
    fn log_odds(&self, raw: &[f64]) -> f64;
    /// What each raw column adds to the log-odds.
    fn attribute(&self, raw: &[f64]) -> Attribution;
}

impl Candidate {
    /// Learns from some rows of a table.
    ///
    /// # Errors
    /// When there are too few rows, failures or successes, or the numbers lead nowhere.
    pub fn learn(&self, table: &Table, rows: &[usize]) -> Result<Learned, LearnError> {
        let failures = rows.iter().filter(|&&row| table.failed().get(row) == Some(&true)).count();
        if rows.len() < ROWS_MIN || failures < FAILURES_MIN || rows.len() - failures < FAILURES_MIN {
            return Err(LearnError::TooFew { rows: rows.len(), failures });
        }
        Ok(match self {
            Self::Logistic(settings) => Learned::Logistic(Logistic::learn(settings, table, rows)?),
            Self::Trees(settings) => Learned::Trees(Trees::learn(settings, table, rows)?),
            Self::Blend(logistic, trees) => {
                Learned::Blend(Logistic::learn(logistic, table, rows)?, Trees::learn(trees, table, rows)?)
            }
        })
    }
}

impl Learned {
    /// Checks what was read from outside.
    pub(crate) fn check(&self, columns: usize) -> Result<(), TreeFault> {
        match self {
            Self::Logistic(_) => Ok(()),
            Self::Trees(trees) | Self::Blend(_, trees) => trees.check(columns),
        }
    }
}

impl Learner for Learned {
    fn log_odds(&self, raw: &[f64]) -> f64 {
        match self {
            Self::Logistic(logistic) => logistic.log_odds(raw),
            Self::Trees(trees) => trees.log_odds(raw),
            Self::Blend(logistic, trees) => f64::midpoint(logistic.log_odds(raw), trees.log_odds(raw)),
        }
    }

    fn attribute(&self, raw: &[f64]) -> Attribution {
        match self {
            Self::Logistic(logistic) => logistic.attribute(raw),
            Self::Trees(trees) => trees.attribute(raw),
            Self::Blend(logistic, trees) => {
                let (one, other) = (logistic.attribute(raw), trees.attribute(raw));
                let pairs = one.contributions.iter().zip(&other.contributions);
                Attribution {
                    base: f64::midpoint(one.base, other.base),
                    contributions: pairs.map(|(one, other)| f64::midpoint(*one, *other)).collect(),
                }
            }
        }
    }
}
