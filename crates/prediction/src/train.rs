//! From rows to a model: the candidates are compared on later rows, the best one is learned and calibrated.
//!
//! There are a few rounds, each on rows later than those learned from, which the next round learns from as well.
//! Candidates are compared over all of them, for where failures are few one stretch of time is chance. The rounds also
//! show which way of calibrating would have done best on the one after. At last the chosen candidate is learned once more
//! from all rows, for the newest ones are most like those to come; it is calibrated by what the rounds said about rows
//! that they had not seen.

use serde::{Deserialize, Serialize};

use crate::calibrate::{Calibration, Moment, Scored, bands};
use crate::learner::{Candidate, LearnError, Learned, Learner, LogisticSettings, TreesSettings};
use crate::metrics::{Ranking, brier, calibration_error, log_loss, riskiest};
use crate::model::{Figures, MODEL_FORMAT, Model, ModelColumn, Origin};
use crate::split::{Slices, SplitRule};
use crate::table::Table;

/// Strength of the regression's penalty.
const L2: f64 = 10.0;

/// Fewest failures for which large trees are tried.
pub const LARGE_FROM_FAILURES: usize = 2_000;

/// A candidate and how it did on later rows, as means over the rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Its name.
    pub candidate: String,
    /// Mean surprise, in nats, after calibration on the same rows; the least is chosen.
    pub log_loss: f64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Average precision.
    pub average_precision: f64,
    /// Seconds that learning took in the last round.
    pub seconds: f64,
}

/// What was learned of one candidate, and what it says about later rows.
#[derive(Debug, Clone)]
pub struct Tried {
    /// How it did.
    pub trial: Trial,
    /// What it is.
    pub candidate: Candidate,
    /// Learned in the last round.
    pub learned: Learned,
    /// Of each round before it, the rows that were not learned from.
    pub earlier: Vec<Scored>,
    /// Those of the last round.
    pub late: Scored,
}

/// What takes time tells how long, and whoever waits is told what for.
pub trait Surroundings {
    /// Seconds since some fixed moment.
    fn seconds(&self) -> f64;
    /// Says what is being done.
    fn say(&self, doing: &str);
}

/// The candidates that are compared, by name. Large trees learn chance where failures are few, so they are left out there.
#[must_use]
pub fn candidates(failures: usize) -> Vec<(String, Candidate)> {
    let logistic = LogisticSettings { l2: L2 };
    let (small, large) = (TreesSettings::small(), TreesSettings::large());
    let named = [
        ("logistic regression", Candidate::Logistic(logistic.clone())),
        ("small trees", Candidate::Trees(small.clone())),
        ("large trees", Candidate::Trees(large.clone())),
        ("small trees and regression", Candidate::Blend(logistic.clone(), small)),
        ("large trees and regression", Candidate::Blend(logistic, large)),
    ];
    let fitting =
        named.into_iter().filter(|(name, _)| failures >= LARGE_FROM_FAILURES || !name.contains("large"));
    fitting.map(|(name, candidate)| (name.to_owned(), candidate)).collect()
}

/// What came of rows.
#[must_use]
pub fn outcomes(table: &Table, rows: &[usize]) -> Vec<bool> {
    rows.iter().map(|&row| table.failed().get(row).copied().unwrap_or(false)).collect()
}

/// What a learned candidate says about rows.
#[must_use]
pub fn score(learned: &Learned, table: &Table, rows: &[usize]) -> Scored {
    Scored {
        log_odds: rows.iter().map(|&row| learned.log_odds(&table.row(row))).collect(),
        failed: outcomes(table, rows),
        moments: rows.iter().map(|&row| Moment::of(table, row)).collect(),
    }
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

/// Learns all candidates, each in every round that has enough to learn from.
///
/// # Errors
/// When the last round has too little to learn from.
pub fn try_all(
    table: &Table,
    rule: SplitRule,
    candidates: &[(String, Candidate)],
    surroundings: &dyn Surroundings,
) -> Result<Vec<Tried>, LearnError> {
    let (earlier, last) = rounds(table, rule);
    let mut known = Parts::default();
    let mut tried = Vec::new();
    for (name, candidate) in candidates {
        let mut learn = |round: usize, rows: &[usize]| {
            surroundings.say(&format!("{name}: learning from {} rows", rows.len()));
            known.learn(round, candidate, table, rows)
        };
        let mut before = Vec::new();
        for (round, slices) in earlier.iter().enumerate() {
            match learn(round, &slices.train) {
                Ok(learned) => before.push(score(&learned, table, &slices.validation)),
                Err(LearnError::TooFew { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let begin = surroundings.seconds();
        let learned = learn(earlier.len(), &last.train)?;
        let seconds = surroundings.seconds() - begin;
        let late = score(&learned, table, &last.validation);
        let trial = Trial::of(name, before.iter().chain([&late]), seconds);
        tried.push(Tried { trial, candidate: candidate.clone(), learned, earlier: before, late });
    }
    Ok(tried)
}

/// The slices of the rounds before the last one, and of that.
fn rounds(table: &Table, rule: SplitRule) -> (Vec<Slices>, Slices) {
    let [earlier @ .., last] = rule.rounds();
    (earlier.iter().map(|rule| rule.split(table)).collect(), last.split(table))
}

impl Trial {
    fn of<'a>(candidate: &str, rounds: impl Iterator<Item = &'a Scored>, seconds: f64) -> Self {
        let calibrated = |rows: &Scored| figures(&Calibration::platt(rows).probabilities(rows), &rows.failed);
        let rounds: Vec<Figures> = rounds.map(calibrated).collect();
        let mean = |figure: fn(&Figures) -> f64| crate::number::mean(rounds.iter().map(figure));
        Self {
            candidate: candidate.to_owned(),
            log_loss: mean(|figures| figures.log_loss),
            auc: mean(|figures| figures.auc),
            average_precision: mean(|figures| figures.average_precision),
            seconds,
        }
    }
}

/// The candidate that did best.
#[must_use]
pub fn best(tried: &[Tried]) -> Option<&Tried> {
    tried.iter().min_by(|one, other| one.trial.log_loss.total_cmp(&other.trial.log_loss))
}

/// Learns the chosen candidate from all rows before the test, and makes a model of it.
///
/// # Errors
/// When there is too little to learn from.
pub fn finish(
    table: &Table,
    rule: SplitRule,
    tried: &Tried,
    surroundings: &dyn Surroundings,
) -> Result<Model, LearnError> {
    let slices = rule.split(table);
    let Tried { trial, candidate, earlier, late, .. } = tried;
    let calibration = Calibration::choose(earlier, late);
    let probabilities = calibration.probabilities(late);
    let all: Vec<usize> = slices.train.iter().chain(&slices.validation).copied().collect();
    surroundings.say(&format!("{}: learning from {} rows", trial.candidate, all.len()));
    let learned = candidate.learn(table, &all)?;
    let times = || all.iter().filter_map(|&row| table.at().get(row)).copied();
    Ok(Model {
        format: MODEL_FORMAT.to_owned(),
        columns: (0..table.columns().len()).filter_map(|place| ModelColumn::of(table, place, &all)).collect(),
        groups: table.group_names(),
        bands: bands(&late.log_odds, &late.failed),
        learned,
        origin: Origin {
            data_digest: table.digest(&all),
            candidate: trial.candidate.clone(),
            rows: all.len() as u64,
            failures: outcomes(table, &all).iter().filter(|failed| **failed).count() as u64,
            from: times().min().unwrap_or(0),
            until: times().max().unwrap_or(0),
            validation: figures(&probabilities, &late.failed),
            riskiest_tenth_from: riskiest(&probabilities, 0.1),
        },
        calibration,
    })
}

/// Learns every candidate, and makes a model of the one that does best on later rows.
///
/// # Errors
/// When there is too little to learn from.
pub fn train(
    table: &Table,
    rule: SplitRule,
    candidates: &[(String, Candidate)],
    surroundings: &dyn Surroundings,
) -> Result<(Model, Vec<Trial>), LearnError> {
    let tried = try_all(table, rule, candidates, surroundings)?;
    let best = best(&tried).ok_or(LearnError::NoCandidate)?;
    let trials = tried.iter().map(|tried| tried.trial.clone()).collect();
    Ok((finish(table, rule, best, surroundings)?, trials))
}

/// What has been learned already: blends are made of the same parts as the candidates beside them.
#[derive(Default)]
struct Parts(Vec<(usize, Candidate, Learned)>);

impl Parts {
    fn learn(
        &mut self,
        round: usize,
        candidate: &Candidate,
        table: &Table,
        rows: &[usize],
    ) -> Result<Learned, LearnError> {
        let same = |(at, known, _): &&(usize, Candidate, Learned)| *at == round && known == candidate;
        if let Some((_, _, learned)) = self.0.iter().find(same) {
            return Ok(learned.clone());
        }
        let learned = match candidate {
            Candidate::Blend(logistic, trees) => {
                let one = self.learn(round, &Candidate::Logistic(logistic.clone()), table, rows)?;
                let other = self.learn(round, &Candidate::Trees(trees.clone()), table, rows)?;
                match (one, other) {
                    (Learned::Logistic(logistic), Learned::Trees(trees)) => Learned::Blend(logistic, trees),
                    _ => candidate.learn(table, rows)?,
                }
            }
            Candidate::Logistic(_) | Candidate::Trees(_) => candidate.learn(table, rows)?,
        };
        self.0.push((round, candidate.clone(), learned.clone()));
        Ok(learned)
    }
}
