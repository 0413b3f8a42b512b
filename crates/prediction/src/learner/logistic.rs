//! Regularised logistic regression over encoded columns.

use serde::{Deserialize, Serialize};

use super::{Attribution, LearnError, Learner};
use crate::encode::{Encoded, encode, for_logistic};
use crate::newton::Problem;
use crate::number::indicator;
use crate::table::Table;

/// How the regression is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticSettings {
    /// Strength of the penalty on squared weights; the intercept is free.
    pub l2: f64,
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistic {
    columns: usize,
    encoding: Vec<Encoded>,
    intercept: f64,
    weights: Vec<f64>,
}

impl Logistic {
    pub(super) fn learn(
        settings: &LogisticSettings,
        table: &Table,
        rows: &[usize],
    ) -> Result<Self, LearnError> {
        let encoding = for_logistic(table, rows);
        let width = encoding.len() + 1;
        let mut design = Vec::with_capacity(rows.len() * width);
        for &row in rows {
            design.extend(encode(&encoding, &table.row(row)));
            design.push(1.0);
        }
        let failed = |row: &usize| table.failed().get(*row).copied().unwrap_or(false);
        let outcomes = rows.iter().map(|row| indicator(failed(row))).collect();
        let mut penalties = vec![settings.l2; encoding.len()];
        penalties.push(0.0);
        let problem = Problem { design, outcomes, penalties };
        let mut weights = problem.solve().ok_or(LearnError::Diverged)?;
        let intercept = weights.pop().unwrap_or(0.0);
        Ok(Self { columns: table.columns().len(), encoding, intercept, weights })
    }

    fn terms<'a>(&'a self, raw: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        encode(&self.encoding, raw).zip(&self.weights).map(|(value, weight)| value * weight)
    }
}

impl Learner for Logistic {
    fn log_odds(&self, raw: &[f64]) -> f64 {
        self.intercept + self.terms(raw).sum::<f64>()
    }

    fn attribute(&self, raw: &[f64]) -> Attribution {
        let mut contributions = vec![0.0; self.columns];
        for (encoded, term) in self.encoding.iter().zip(self.terms(raw)) {
            if let Some(sum) = contributions.get_mut(encoded.from) {
                *sum += term;
            }
        }
        Attribution { base: self.intercept, contributions }
    }
}
