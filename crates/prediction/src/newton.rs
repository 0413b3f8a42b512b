//! Logistic regression by Newton's method, for everything that is fitted that way.

use crate::number::{logit, mean, sigmoid};

/// Most Newton steps; well-posed problems take about eight.
const STEPS_MAX: usize = 50;
/// Most halvings of one step.
const HALVINGS_MAX: usize = 30;
/// The fit has converged when a step gains less than this share of the loss.
const GAIN_MIN: f64 = 1e-9;

/// Rows and their outcomes. The last number of each row is 1, for the intercept.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Row by row, as many numbers each as there are penalties.
    pub(crate) design: Vec<f64>,
    /// 1 for a failure, else 0.
    pub(crate) outcomes: Vec<f64>,
    /// Per weight, what its square costs.
    pub(crate) penalties: Vec<f64>,
}

impl Problem {
    /// The weights that cost least; none when the numbers lead nowhere.
    pub(crate) fn solve(&self) -> Option<Vec<f64>> {
        let mut weights = vec![0.0; self.width()];
        if let Some(intercept) = weights.last_mut() {
            *intercept = logit(mean(self.outcomes.iter().copied()));
        }
        let mut loss = self.loss(&weights);
        for _ in 0..STEPS_MAX {
            let step = self.newton_step(&weights)?;
            let Some((next, lower)) = self.descend(&weights, &step, loss) else { break };
            let gain = loss - lower;
            weights = next;
            loss = lower;
            if gain < GAIN_MIN * (1.0 + loss.abs()) {
                break;
            }
        }
        loss.is_finite().then_some(weights)
    }

    /// The longest of the step's halvings that lowers the loss.
    fn descend(&self, weights: &[f64], step: &[f64], loss: f64) -> Option<(Vec<f64>, f64)> {
        let mut length = 1.0;
        for _ in 0..HALVINGS_MAX {
            let next: Vec<f64> =
                weights.iter().zip(step).map(|(weight, step)| weight - length * step).collect();
            let lower = self.loss(&next);
            if lower < loss {
                return Some((next, lower));
            }
            length /= 2.0;
        }
        None
    }

    fn loss(&self, weights: &[f64]) -> f64 {
        let losses = self.design.chunks_exact(self.width()).zip(&self.outcomes).map(|(row, outcome)| {
            let log_odds = dot(row, weights);
            // ln(1 + e^z) − y·z, without overflow.
            log_odds.max(0.0) + (-log_odds.abs()).exp().ln_1p() - outcome * log_odds
        });
        losses.sum::<f64>()
            + 0.5 * self.penalised(weights).map(|(weight, l2)| l2 * weight * weight).sum::<f64>()
    }

    fn width(&self) -> usize {
        self.penalties.len().max(1)
    }

    fn penalised<'a>(&'a self, weights: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
        weights.iter().copied().zip(self.penalties.iter().copied())
    }

    /// The inverse Hessian times the gradient.
    fn newton_step(&self, weights: &[f64]) -> Option<Vec<f64>> {
        let width = self.width();
        let mut gradient: Vec<f64> = self.penalised(weights).map(|(weight, l2)| l2 * weight).collect();
        let mut hessian = vec![0.0; width * width];
        for (place, (line, (_, l2))) in
            hessian.chunks_exact_mut(width).zip(self.penalised(weights)).enumerate()
        {
            if let Some(diagonal) = line.get_mut(place) {
                *diagonal = l2 + f64::EPSILON;
            }
        }
        for (row, outcome) in self.design.chunks_exact(width).zip(&self.outcomes) {
            let probability = sigmoid(dot(row, weights));
            add(&mut gradient, row, probability - outcome);
            let curvature = probability * (1.0 - probability);
            for ((line, &value), place) in hessian.chunks_exact_mut(width).zip(row).zip(1..) {
                if value != 0.0 {
                    // The lower triangle is all that is needed.
                    let (lower, beyond) = (line.get_mut(..place), row.get(..place));
                    if let (Some(lower), Some(beyond)) = (lower, beyond) {
                        add(lower, beyond, curvature * value);
                    }
                }
            }
        }
        solve_positive(hessian, gradient, width)
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Adds a multiple of one vector to another.
fn add(sum: &mut [f64], vector: &[f64], factor: f64) {
    for (sum, value) in sum.iter_mut().zip(vector) {
        *sum += factor * value;
    }
}

/// Solves `matrix · x = right` by Cholesky's method, for a symmetric positive matrix of which the lower triangle is
/// given. None when it is not positive.
#[expect(
    clippy::indexing_slicing,
    reason = "all places are below `width`, and the vectors hold width² and width numbers"
)]
fn solve_positive(mut matrix: Vec<f64>, mut right: Vec<f64>, width: usize) -> Option<Vec<f64>> {
    for column in 0..width {
        for row in column..width {
            let known = dot(
                &matrix[row * width..row * width + column],
                &matrix[column * width..column * width + column],
            );
            let rest = matrix[row * width + column] - known;
            if row == column {
                if rest <= 0.0 || !rest.is_finite() {
                    return None;
                }
                matrix[row * width + column] = rest.sqrt();
            } else {
                matrix[row * width + column] = rest / matrix[column * width + column];
            }
        }
    }
    for row in 0..width {
        let known = dot(&matrix[row * width..row * width + row], &right[..row]);
        right[row] = (right[row] - known) / matrix[row * width + row];
    }
    for row in (0..width).rev() {
        let known: f64 = (row + 1..width).map(|below| matrix[below * width + row] * right[below]).sum();
        right[row] = (right[row] - known) / matrix[row * width + row];
    }
    Some(right)
}
