//! The protocol by which models are judged: learned from the earliest rows, chosen and calibrated on later ones, measured
//! once on the latest.

use serde::Serialize;

use crate::calibrate::{Calibration, Moment, Scored};
use crate::learner::LearnError;
use crate::metrics::{
    AtThreshold, CalibrationBin, Drift, Interval, Measure, Ranking, at_threshold,
    calibration_error_by_chance, calibration_table, drift, interval, most_accurate, riskiest,
};
use crate::model::{Figures, Model};
use crate::number::{indicator, mean};
use crate::split::{Slices, SplitRule};
use crate::table::Table;
use crate::train::{Surroundings, Trial, best, candidates, figures, finish, outcomes, score, try_all};

/// The shares of the riskiest rows that gates are measured at.
pub const GATES: [f64; 3] = [0.05, 0.10, 0.20];
/// The share of rows that the gate of the operating point stops, on the rows calibrated on.
const STOPPED: f64 = 0.10;
/// The name of the model that would be used: the chosen candidate, learned from all rows before the test.
pub const FINAL: &str = "final model";
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
    /// How the chosen model's probabilities are calibrated.
    pub calibrated_by: &'static str,
    /// Every model on the test slice.
    pub models: Vec<Judged>,
    /// The final model's calibration on the test slice.
    pub calibration: Vec<CalibrationBin>,
    /// How far columns moved from what was learned from to the test slice, the furthest first.
    pub drift: Vec<Drift>,
    /// The digest of the final model.
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
    /// The calibration error that chance alone would make on as many rows, if the probabilities were exactly right.
    pub calibration_error_by_chance: Interval,
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

/// Evaluates the candidates on a table, those that its first rows allow for. `size` names the columns whose sum ranks rows by size alone.
///
/// # Errors
/// When there is too little to learn from or to measure on.
pub fn evaluate(
    table: &Table,
    size: &[usize],
    by_group: bool,
    surroundings: &dyn Surroundings,
) -> Result<(Evaluation, Model), EvaluateError> {
    let rule = SplitRule::protocol(by_group);
    let slices = rule.split(table);
    let test = outcomes(table, &slices.test);
    let failures = test.iter().filter(|failed| **failed).count();
    if failures == 0 || failures == test.len() {
        return Err(EvaluateError::TestTooSmall { rows: test.len(), failures });
    }
    let known = outcomes(table, &slices.train).into_iter().filter(|failed| *failed).count();
    let tried = try_all(table, rule, &candidates(known), surroundings)?;
    let best = best(&tried).ok_or(LearnError::NoCandidate)?;
    let mut models = baselines(table, &slices, size);
    for tried in &tried {
        surroundings.say(&format!("{}: measuring on {} rows", tried.trial.candidate, slices.test.len()));
        let calibration = Calibration::choose(&tried.earlier, &tried.late);
        let (before, after) = (&tried.late, score(&tried.learned, table, &slices.test));
        let [held_out, tested] = [before, &after].map(|rows| calibration.probabilities(rows));
        models.push(judge(
            &tried.trial.candidate,
            (&held_out, &before.failed),
            (&tested, &test),
            tried.trial.seconds,
        ));
    }
    let begin = surroundings.seconds();
    let model = finish(table, rule, best, surroundings)?;
    let seconds = surroundings.seconds() - begin;
    let predicted = |&row: &usize| model.probability(&table.row(row), Moment::of(table, row));
    let probabilities: Vec<f64> = slices.test.iter().map(predicted).collect();
    let before = model.calibration().probabilities(&best.late);
    models.push(judge(FINAL, (&before, &best.late.failed), (&probabilities, &test), seconds));
    let evaluation = Evaluation {
        slices: [&slices.train, &slices.validation, &slices.test].map(|rows| Slice::of(table, rows)),
        chosen: best.trial.candidate.clone(),
        calibrated_by: model.calibration().method(),
        trials: tried.iter().map(|tried| tried.trial.clone()).collect(),
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

/// What needs no learning: the same probability for everybody, and the bigger, the riskier.
fn baselines(table: &Table, slices: &Slices, size: &[usize]) -> Vec<Judged> {
    let (before, after) = (outcomes(table, &slices.validation), outcomes(table, &slices.test));
    let base = mean(outcomes(table, &slices.train).into_iter().map(indicator));
    let constant = |rows: &[usize]| vec![base; rows.len()];
    let (early, late) = (constant(&slices.validation), constant(&slices.test));
    let mut judged = vec![judge("base rate", (&early, &before), (&late, &after), 0.0)];
    if !size.is_empty() {
        let sized = |rows: &[usize]| {
            let known = |row: usize| size.iter().filter_map(move |&column| table.values(column).get(row));
            let sum = |&row: &usize| known(row).filter(|value| !value.is_nan()).sum::<f64>();
            Scored {
                log_odds: rows.iter().map(|row| sum(row).max(0.0).ln_1p()).collect(),
                failed: outcomes(table, rows),
                moments: rows.iter().map(|&row| Moment::of(table, row)).collect(),
            }
        };
        let (early, late) = (sized(&slices.validation), sized(&slices.test));
        let calibration = Calibration::platt(&early);
        let (early, late) = (calibration.probabilities(&early), calibration.probabilities(&late));
        judged.push(judge("size only", (&early, &before), (&late, &after), 0.0));
    }
    judged
}

/// Judges probabilities on the later rows; thresholds are chosen on the earlier ones.
fn judge(name: &str, earlier: (&[f64], &[bool]), later: (&[f64], &[bool]), seconds: f64) -> Judged {
    let (probabilities, failed) = later;
    let ranking = Ranking::new(probabilities, failed);
    let at = |threshold| at_threshold(probabilities, failed, threshold);
    Judged {
        model: name.to_owned(),
        figures: figures(probabilities, failed),
        calibration_error_by_chance: calibration_error_by_chance(probabilities, SEED),
        auc: interval(&ranking, Measure::Auc, SEED),
        average_precision: interval(&ranking, Measure::AveragePrecision, SEED),
        caught: GATES.map(|share| interval(&ranking, Measure::Caught { share }, SEED)),
        most_accurate: at(most_accurate(earlier.0, earlier.1)),
        riskiest_tenth: at(riskiest(earlier.0, STOPPED)),
        seconds,
    }
}
