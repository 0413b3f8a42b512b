//! From a learner's log-odds to probabilities that mean what they say, and how sure they are.
//!
//! A learner's log-odds rank well but may be too bold, or from other times. The map from them to probabilities is fitted
//! on later rows, which the learner has not seen.

use serde::{Deserialize, Serialize};

use crate::metrics::log_loss;
use crate::number::{indicator, logit, mean, sigmoid};

/// Most Newton steps of Platt's method.
const STEPS_MAX: usize = 100;
/// A weak pull of the slope towards 1 keeps it finite when failures and successes are separated.
const PULL: f64 = 1.0;
/// Steps smaller than this end the search.
const STEP_MIN: f64 = 1e-10;
/// The largest step of one round.
const STEP_MAX: f64 = 2.0;
/// Most bands of similar log-odds.
const BANDS_MAX: usize = 20;
/// Fewest rows of a band.
const BAND_ROWS_MIN: usize = 50;
/// Standard deviations that 90 % of normal draws lie within.
const Z_90: f64 = 1.645;

/// The map from log-odds to probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// Platt's method: a straight line over log-odds.
    Platt {
        /// Below 1 for a learner that is too bold.
        slope: f64,
        /// What is added to every log-odds.
        intercept: f64,
    },
    /// Isotonic regression: blocks in rising order, joined by straight lines between their middles.
    Isotonic {
        /// The mean log-odds of each block, and the log-odds of its share of failures.
        knots: Vec<(f64, f64)>,
    },
}

/// Rows of similar log-odds: how many there were, and how many failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The largest log-odds of the band.
    pub until: f64,
    /// Rows.
    pub rows: u64,
    /// Failures among them.
    pub failures: u64,
}

impl Calibration {
    /// Fits the map by the method that does better on the later half of the rows, which come in order of time.
    #[must_use]
    pub fn choose(log_odds: &[f64], failed: &[bool]) -> Self {
        let half = log_odds.len() / 2;
        let (early, late) = (log_odds.split_at(half), failed.split_at(half));
        let loss = |calibration: &Self| {
            let probabilities: Vec<f64> = early.1.iter().map(|z| calibration.probability(*z)).collect();
            log_loss(&probabilities, late.1)
        };
        let platt = loss(&Self::platt(early.0, late.0));
        let isotonic = loss(&Self::isotonic(early.0, late.0));
        if isotonic < platt { Self::isotonic(log_odds, failed) } else { Self::platt(log_odds, failed) }
    }

    /// Platt's method.
    #[must_use]
    pub fn platt(log_odds: &[f64], failed: &[bool]) -> Self {
        let (mut slope, mut intercept) = (1.0, 0.0);
        for _ in 0..STEPS_MAX {
            // Gradient and Hessian of the loss in slope and intercept.
            let (mut to_slope, mut to_intercept) = (PULL * (slope - 1.0), 0.0);
            let (mut ss, mut si, mut ii) = (PULL, 0.0, f64::EPSILON);
            for (z, failed) in log_odds.iter().zip(failed) {
                let probability = sigmoid(slope * z + intercept);
                let (error, curvature) =
                    (probability - indicator(*failed), probability * (1.0 - probability));
                to_slope += error * z;
                to_intercept += error;
                ss += curvature * z * z;
                si += curvature * z;
                ii += curvature;
            }
            let determinant = ss * ii - si * si;
            if determinant <= 0.0 || !determinant.is_finite() {
                break;
            }
            let by_slope = ((ii * to_slope - si * to_intercept) / determinant).clamp(-STEP_MAX, STEP_MAX);
            let by_intercept = ((ss * to_intercept - si * to_slope) / determinant).clamp(-STEP_MAX, STEP_MAX);
            slope -= by_slope;
            intercept -= by_intercept;
            if by_slope.abs().max(by_intercept.abs()) < STEP_MIN {
                break;
            }
        }
        Self::Platt { slope, intercept }
    }

    /// Isotonic regression by pooling adjacent violators.
    #[must_use]
    pub fn isotonic(log_odds: &[f64], failed: &[bool]) -> Self {
        let mut rows: Vec<(f64, f64)> =
            log_odds.iter().copied().zip(failed.iter().map(|failed| indicator(*failed))).collect();
        rows.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut blocks: Vec<Block> = Vec::new();
        for (z, failure) in rows {
            let mut block = Block { rows: 1.0, log_odds: z, failures: failure };
            while let Some(below) = blocks.pop_if(|below| below.share() >= block.share()) {
                block = below.with(&block);
            }
            blocks.push(block);
        }
        let base = mean(failed.iter().map(|failed| indicator(*failed)));
        // One imagined row of base risk keeps every block away from certainty.
        let knot = |block: &Block| (block.log_odds, logit((block.failures + base) / (block.rows + 1.0)));
        let mut knots: Vec<(f64, f64)> = blocks.iter().map(knot).collect();
        let mut highest = f64::NEG_INFINITY;
        for (_, calibrated) in &mut knots {
            highest = highest.max(*calibrated);
            *calibrated = highest;
        }
        Self::Isotonic { knots }
    }

    /// The calibrated log-odds.
    #[must_use]
    pub fn log_odds(&self, log_odds: f64) -> f64 {
        match self {
            Self::Platt { slope, intercept } => slope * log_odds + intercept,
            Self::Isotonic { knots } => {
                let above = knots.partition_point(|(z, _)| *z <= log_odds);
                let below = above.checked_sub(1).and_then(|place| knots.get(place));
                match (below, knots.get(above)) {
                    (Some((from, start)), Some((to, end))) => {
                        start + (end - start) * (log_odds - from) / (to - from)
                    }
                    (Some((_, only)), None) | (None, Some((_, only))) => *only,
                    (None, None) => log_odds,
                }
            }
        }
    }

    /// The calibrated probability.
    #[must_use]
    pub fn probability(&self, log_odds: f64) -> f64 {
        sigmoid(self.log_odds(log_odds))
    }
}

/// Neighbours that are pooled: their rows, mean log-odds and failures.
#[derive(Debug, Clone, Copy)]
struct Block {
    rows: f64,
    log_odds: f64,
    failures: f64,
}

impl Block {
    fn share(&self) -> f64 {
        self.failures / self.rows
    }

    fn with(&self, other: &Self) -> Self {
        let rows = self.rows + other.rows;
        Self {
            rows,
            log_odds: (self.log_odds * self.rows + other.log_odds * other.rows) / rows,
            failures: self.failures + other.failures,
        }
    }
}

/// Puts rows into bands of similar log-odds.
#[must_use]
pub(crate) fn bands(log_odds: &[f64], failed: &[bool]) -> Vec<Band> {
    let mut rows: Vec<(f64, bool)> = log_odds.iter().copied().zip(failed.iter().copied()).collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    let size = (rows.len().div_ceil(BANDS_MAX)).max(BAND_ROWS_MIN);
    let of = |part: &[(f64, bool)]| Band {
        until: part.last().map_or(0.0, |last| last.0),
        rows: part.len() as u64,
        failures: part.iter().filter(|(_, failed)| *failed).count() as u64,
    };
    rows.chunks(size).map(of).collect()
}

/// Between which probabilities the truth lies with 90 % confidence, by what came of the rows of similar log-odds
/// (Wilson's interval); it always holds `probability`.
#[must_use]
pub(crate) fn interval(bands: &[Band], log_odds: f64, probability: f64) -> (f64, f64) {
    let place = bands.partition_point(|band| band.until < log_odds);
    let Some(band) = bands.get(place).or(bands.last()) else { return (0.0, 1.0) };
    let (rows, share) = (band.rows as f64, band.failures as f64 / band.rows.max(1) as f64);
    let spread = Z_90 * Z_90 / rows.max(1.0);
    let middle = (share + spread / 2.0) / (1.0 + spread);
    let reach = (Z_90 * (share * (1.0 - share) / rows.max(1.0) + spread / (4.0 * rows.max(1.0))).sqrt())
        / (1.0 + spread);
    ((middle - reach).clamp(0.0, probability), (middle + reach).clamp(probability, 1.0))
}
