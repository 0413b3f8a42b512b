//! The protocol by which models are judged: learned from the earliest rows, chosen and calibrated on later ones, measured
//! once on the latest.

use serde::Serialize;

use crate::Calibration;
use crate::learner::{Candidate, LearnError, Learned};
use crate::metrics::{
    AtThreshold, CalibrationBin, Drift, Interval, Measure, Ranking, at_threshold, calibration_table, drift,
    interval, most_accurate, riskiest,
};
use crate::model::{Figures, Model};
use crate::number::logit;
use crate::split::{Slices, SplitRule};
use crate::table::Table;
use crate::train::{Trial, figures, finish, log_odds, outcomes, trial};

/// The shares of the riskiest rows that gates are measured at.
pub const GATES: [f64; 3] = [0.05, 0.10, 0.20];
/// The share of rows that the gate of the operating point stops, on the rows calibrated on.
const STOPPED: f64 = 0.10;
/// Bins of the calibration table that is shown.
const BINS_SHOWN: usize = 10;
/// Where the bootstrap starts from.
const SEED: u64 = 20_260_101;

/// How models do on one table.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The slices.
    pub slices: [Slice; 3],
    /// How the candidates did on the validation slice.
    pub trials: Vec<Trial>,
    /// The candidate that was chosen there.
    pub chosen: String,
    /// Every model on the test slice.
    pub models: Vec<Judged>,
    /// The chosen model's calibration on the test slice.
    pub calibration: Vec<CalibrationBin>,
    /// How far columns moved from what was learned from to the test slice, the furthest first.
    pub drift: Vec<Drift>,
    /// The digest of the chosen model.
    pub model_digest: String,
}

/// Rows of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// Rows.
    pub rows: u64,
    /// Failures among them.
    pub failures: u64,
    /// The earliest time.
    pub from: i64,
    /// The latest time.
    pub until: i64,
}

/// A model's figures on the test slice.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    /// Its name.
    pub model: String,
    /// Its figures.
    pub figures: Figures,
    /// Area under the ROC curve.
    pub auc: Interval,
    /// Average precision.
    pub average_precision: Interval,
    /// The shares of failures among the riskiest rows, by [`GATES`].
    pub caught: [Interval; 3],
    /// At the threshold that was most accurate on the validation slice.
    pub most_accurate: AtThreshold,
    /// At the threshold that stopped the riskiest tenth of the validation slice.
    pub riskiest_tenth: AtThreshold,
    /// How long learning took.
    pub seconds: f64,
}

/// Why nothing could be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// Too little to learn from.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The latest rows hold no failure or no success.
    #[error(
        "the last fifth of the rows holds {failures} failures among {rows}: nothing can be measured on it"
    )]
    TestTooSmall {
        /// Rows of the test slice.
        rows: usize,
        /// Failures among them.
        failures: usize,
    },
    /// The chosen model cannot be written.
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
}

/// What an evaluation needs of its surroundings.
pub trait Surroundings {
    /// Seconds since some fixed moment.
    fn seconds(&self) -> f64;
    /// Says what is being done.
    fn say(&self, doing: &str);
}

/// Evaluates the candidates on a table. `size` is the column sums of which rank rows by size alone.
///
/// # Errors
/// When there is too little to learn from or to measure on.
pub fn evaluate(
    table: &Table,
    size: &[usize],
    by_group: bool,
    candidates: &[(String, Candidate)],
    surroundings: &dyn Surroundings,
) -> Result<(Evaluation, Model), EvaluateError> {
    let slices = SplitRule::protocol(by_group).split(table);
    let test = outcomes(table, &slices.test);
    let failures = test.iter().filter(|failed| **failed).count();
    if failures == 0 || failures == test.len() {
        return Err(EvaluateError::TestTooSmall { rows: test.len(), failures });
    }
    let mut models = vec![base_rate(table, &slices, surroundings)];
    if !size.is_empty() {
        models.push(size_only(table, &slices, size, surroundings));
    }
    let mut trials: Vec<Trial> = Vec::new();
    let mut best: Option<(f64, &str, Learned)> = None;
    for (name, candidate) in candidates {
        surroundings.say(&format!("learning {name} from {} rows", slices.train.len()));
        let begin = surroundings.seconds();
        let learned = candidate.learn(table, &slices.train)?;
        let seconds = surroundings.seconds() - begin;
        let later = log_odds(&learned, table, &slices.validation);
        let calibration = Calibration::choose(&later, &outcomes(table, &slices.validation));
        let latest = log_odds(&learned, table, &slices.test);
        models.push(judge(name, &slices, table, (&later, &latest), &calibration, seconds, surroundings));
        let trial = trial(name, &learned, table, &slices.validation);
        if best.as_ref().is_none_or(|(loss, ..)| trial.log_loss < *loss) {
            best = Some((trial.log_loss, name, learned));
        }
        trials.push(trial);
    }
    let (_, chosen, learned) = best.ok_or(LearnError::TooFew { rows: slices.train.len(), failures: 0 })?;
    let model = finish(chosen, learned, table, &slices.train, &slices.validation);
    let probabilities: Vec<f64> = slices.test.iter().map(|&row| model.probability(&table.row(row))).collect();
    let evaluation = Evaluation {
        slices: [&slices.train, &slices.validation, &slices.test].map(|rows| Slice::of(table, rows)),
        trials,
        chosen: chosen.to_owned(),
        models,
        calibration: calibration_table(&probabilities, &test, BINS_SHOWN),
        drift: drift(table, &slices.train, &slices.test),
        model_digest: model.digest()?,
    };
    Ok((evaluation, model))
}

impl Slice {
    fn of(table: &Table, rows: &[usize]) -> Self {
        let times = || rows.iter().filter_map(|&row| table.at().get(row)).copied();
        Self {
            rows: rows.len() as u64,
            failures: outcomes(table, rows).iter().filter(|failed| **failed).count() as u64,
            from: times().min().unwrap_or(0),
            until: times().max().unwrap_or(0),
        }
    }
}

/// Everybody gets the share of failures among the rows learned from.
fn base_rate(table: &Table, slices: &Slices, surroundings: &dyn Surroundings) -> Judged {
    let failed = outcomes(table, &slices.train);
    let share = failed.iter().filter(|failed| **failed).count() as f64 / failed.len().max(1) as f64;
    let constant = |rows: &[usize]| vec![logit(share); rows.len()];
    let (later, latest) = (constant(&slices.validation), constant(&slices.test));
    let as_it_is = Calibration::Platt { slope: 1.0, intercept: 0.0 };
    judge("base rate", slices, table, (&later, &latest), &as_it_is, 0.0, surroundings)
}

/// The bigger, the riskier.
fn size_only(table: &Table, slices: &Slices, size: &[usize], surroundings: &dyn Surroundings) -> Judged {
    let sizes = |rows: &[usize]| -> Vec<f64> {
        let known = |row: usize| size.iter().filter_map(move |&column| table.values(column).get(row));
        let sum = |&row: &usize| known(row).filter(|value| !value.is_nan()).sum::<f64>();
        rows.iter().map(|row| sum(row).max(0.0).ln_1p()).collect()
    };
    let (later, latest) = (sizes(&slices.validation), sizes(&slices.test));
    let calibration = Calibration::platt(&later, &outcomes(table, &slices.validation));
    judge("size only", slices, table, (&later, &latest), &calibration, 0.0, surroundings)
}

fn judge(
    name: &str,
    slices: &Slices,
    table: &Table,
    (later, latest): (&[f64], &[f64]),
    calibration: &Calibration,
    seconds: f64,
    surroundings: &dyn Surroundings,
) -> Judged {
    surroundings.say(&format!("measuring {name} on {} rows", latest.len()));
    let calibrated = |z: &[f64]| -> Vec<f64> { z.iter().map(|z| calibration.probability(*z)).collect() };
    let (chosen_on, measured_on) = (calibrated(later), calibrated(latest));
    let (before, failed) = (outcomes(table, &slices.validation), outcomes(table, &slices.test));
    let ranking = Ranking::new(&measured_on, &failed);
    let at = |threshold| at_threshold(&measured_on, &failed, threshold);
    Judged {
        model: name.to_owned(),
        figures: figures(&measured_on, &failed),
        auc: interval(&ranking, Measure::Auc, SEED),
        average_precision: interval(&ranking, Measure::AveragePrecision, SEED),
        caught: GATES.map(|share| interval(&ranking, Measure::Caught { share }, SEED)),
        most_accurate: at(most_accurate(&chosen_on, &before)),
        riskiest_tenth: at(riskiest(&chosen_on, STOPPED)),
        seconds,
    }
}
