//! From rows to a model: the candidates are compared on later rows, the best one is learned and calibrated.

use serde::{Deserialize, Serialize};

use crate::calibrate::{Calibration, bands};
use crate::learner::{Candidate, LearnError, Learned, Learner, LogisticSettings, TreesSettings};
use crate::metrics::{Ranking, brier, calibration_error, log_loss, riskiest};
use crate::model::{Figures, MODEL_FORMAT, Model, ModelColumn, Origin};
use crate::table::Table;

/// A candidate and how it did on the later rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Its name.
    pub candidate: String,
    /// Mean surprise on the later rows, in nats, after calibration on them; the least is chosen.
    pub log_loss: f64,
    /// Area under the ROC curve there.
    pub auc: f64,
    /// Average precision there.
    pub average_precision: f64,
}

/// The candidates that are compared, by name.
#[must_use]
pub fn candidates() -> Vec<(String, Candidate)> {
    let logistic = |l2| LogisticSettings { l2 };
    let small = TreesSettings::small;
    vec![
        ("logistic regression".to_owned(), Candidate::Logistic(logistic(10.0))),
        ("trees".to_owned(), Candidate::Trees(small())),
        ("logistic regression and trees".to_owned(), Candidate::Blend(logistic(10.0), small())),
    ]
}

/// The probabilities that a learned candidate gives rows, before calibration, as log-odds.
#[must_use]
pub fn log_odds(learned: &Learned, table: &Table, rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| learned.log_odds(&table.row(row))).collect()
}

/// What came of rows.
#[must_use]
pub fn outcomes(table: &Table, rows: &[usize]) -> Vec<bool> {
    rows.iter().map(|&row| table.failed().get(row).copied().unwrap_or(false)).collect()
}

/// Figures of probabilities.
#[must_use]
pub fn figures(probabilities: &[f64], failed: &[bool]) -> Figures {
    let ranking = Ranking::new(probabilities, failed);
    Figures {
        rows: failed.len() as u64,
        failures: failed.iter().filter(|failed| **failed).count() as u64,
        auc: ranking.auc(),
        average_precision: ranking.average_precision(),
        brier: brier(probabilities, failed),
        log_loss: log_loss(probabilities, failed),
        calibration_error: calibration_error(probabilities, failed),
    }
}

/// Makes a model of what was learned from `train` rows, calibrated on later `validation` rows.
#[must_use]
pub fn finish(name: &str, learned: Learned, table: &Table, train: &[usize], validation: &[usize]) -> Model {
    let later = log_odds(&learned, table, validation);
    let failed = outcomes(table, validation);
    let calibration = Calibration::choose(&later, &failed);
    let probabilities: Vec<f64> = later.iter().map(|z| calibration.probability(*z)).collect();
    let all: Vec<usize> = train.iter().chain(validation).copied().collect();
    let times = || all.iter().filter_map(|&row| table.at().get(row)).copied();
    Model {
        format: MODEL_FORMAT.to_owned(),
        columns: (0..table.columns().len()).filter_map(|place| ModelColumn::of(table, place, &all)).collect(),
        bands: bands(&later, &failed),
        learned,
        origin: Origin {
            data_digest: table.digest(&all),
            candidate: name.to_owned(),
            rows: train.len() as u64,
            failures: outcomes(table, train).iter().filter(|failed| **failed).count() as u64,
            from: times().min().unwrap_or(0),
            until: times().max().unwrap_or(0),
            validation: figures(&probabilities, &failed),
            riskiest_tenth_from: riskiest(&probabilities, 0.1),
        },
        calibration,
    }
}

/// Compares what was learned on later rows.
#[must_use]
pub fn trial(name: &str, learned: &Learned, table: &Table, validation: &[usize]) -> Trial {
    let later = log_odds(learned, table, validation);
    let failed = outcomes(table, validation);
    let calibration = Calibration::platt(&later, &failed);
    let probabilities: Vec<f64> = later.iter().map(|z| calibration.probability(*z)).collect();
    let ranking = Ranking::new(&probabilities, &failed);
    Trial {
        candidate: name.to_owned(),
        log_loss: log_loss(&probabilities, &failed),
        auc: ranking.auc(),
        average_precision: ranking.average_precision(),
    }
}

/// Learns every candidate from `train`, keeps the one that does best on `validation`, and calibrates it there.
///
/// # Errors
/// When there is too little to learn from.
pub fn train(
    table: &Table,
    train: &[usize],
    validation: &[usize],
    candidates: &[(String, Candidate)],
) -> Result<(Model, Vec<Trial>), LearnError> {
    let mut trials = Vec::new();
    let mut best: Option<(f64, &str, Learned)> = None;
    for (name, candidate) in candidates {
        let learned = candidate.learn(table, train)?;
        let trial = trial(name, &learned, table, validation);
        if best.as_ref().is_none_or(|(loss, ..)| trial.log_loss < *loss) {
            best = Some((trial.log_loss, name, learned));
        }
        trials.push(trial);
    }
    let (_, name, learned) = best.ok_or(LearnError::TooFew { rows: train.len(), failures: 0 })?;
    Ok((finish(name, learned, table, train, validation), trials))
}
