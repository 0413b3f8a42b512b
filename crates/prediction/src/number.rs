//! Small numeric helpers.

/// The largest log-odds that are told apart: beyond it a probability is as good as certain.
const LOG_ODDS_MAX: f64 = 30.0;
/// Probabilities are kept this far from 0 and 1 where their logarithm is taken, and parts of counts are rounded by it.
const MARGIN: f64 = 1e-9;

/// The probability that belongs to log-odds.
pub(crate) fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds.clamp(-LOG_ODDS_MAX, LOG_ODDS_MAX)).exp())
}

/// The log-odds that belong to a probability.
pub(crate) fn logit(probability: f64) -> f64 {
    let inside = probability.clamp(MARGIN, 1.0 - MARGIN);
    (inside / (1.0 - inside)).ln()
}

/// A share of a count, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share between 0 and 1 of a count is a count"
)]
pub(crate) fn part(count: usize, share: f64) -> usize {
    // A share such as 0.6 is a little less in binary.
    (count as f64 * share.clamp(0.0, 1.0) + MARGIN).floor() as usize
}

/// The mean, or 0 of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// 1 for yes, 0 for no.
pub(crate) fn indicator(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}
