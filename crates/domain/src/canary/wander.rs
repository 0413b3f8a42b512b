//! How far the ratio of two equal arms wanders by itself, and whether a difference is beyond that.
//!
//! Model: a block's logarithmic odds ratio is `μ + w`, with `w` an autoregressive series of standard deviation `σ` and
//! correlation `ρ` from block to block. Nothing else about the arms is assumed: what both do together cancels in the ratio.
//! `(σ, ρ)` lies on a grid with weights; each completed block multiplies them by the density of what it showed, which a
//! Kalman filter over `μ` and `w` gives. A regression is a step of `μ`: where the judged segment begins, `μ` becomes uncertain
//! anew, so that a regression is not taken for wandering. (Random effects as of DerSimonian and Laird 1986, with all of the
//! uncertainty about their size kept.)

use super::numeric::{
    binomial_upper_tail_of_many, logistic, normal_mean, normal_of_upper_tail, normal_upper_tail, whole,
};
use super::odds::Sums;
use super::saved::Believed;

/// Standard deviations of the logarithmic odds ratio that are thought possible, and how much so before anything is seen.
/// Two arms that wander by `s` each give `s·√2`.
const SIGMAS: [(f64, f64); 4] = [(0.05, 0.50), (0.3, 0.02), (0.5, 0.36), (0.75, 0.12)];
/// Correlations from block to block, likewise.
const RHOS: [(f64, f64); 3] = [(0.0, 0.8), (0.5, 0.1), (0.86, 0.1)];
/// Variance of `μ` before anything is seen, and what a step adds to it.
const LEVEL_VARIANCE: f64 = 0.3;
const STEP_VARIANCE: f64 = 9.0;
/// Weights below this one are left out of a chance.
const WEIGHT_MIN: f64 = 1e-7;

/// What one block showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Block {
    ln_ratio: f64,
    /// Variance of it by the noise of counting.
    noise: f64,
    events: f64,
}

impl Block {
    /// Nothing when there was no traffic or no event.
    pub(super) fn of(sums: &Sums) -> Option<Self> {
        let (canary, baseline) = (sums.canary_events + 0.5, sums.baseline_events + 0.5);
        let ln_ratio = sums.odds_ratio()?.ln();
        Some(Self { ln_ratio, noise: 1.0 / canary + 1.0 / baseline, events: sums.events() })
    }

    pub(super) fn events(&self) -> f64 {
        self.events
    }
}

/// How much one point of the grid is believed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Belief {
    sigma: f64,
    rho: f64,
    ln_weight: f64,
}

/// What is believed about wandering.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Beliefs(Vec<Belief>);

impl Beliefs {
    /// What is believed before anything is seen of a metric whose arms wander by a share of what errors do.
    pub(super) fn before(share: f64) -> Self {
        let grid = SIGMAS.into_iter().flat_map(|(sigma, of_sigma)| {
            RHOS.into_iter().map(move |(rho, of_rho)| Belief {
                sigma: share * sigma,
                rho,
                ln_weight: (of_sigma * of_rho).ln(),
            })
        });
        Self(grid.collect())
    }

    /// Exactly this much, from block to block anew.
    pub(super) fn exactly(sigma: f64) -> Self {
        Self(vec![Belief { sigma, rho: 0.0, ln_weight: 0.0 }])
    }

    /// After `blocks`, where a step of the level may have happened at the beginning of block `step`.
    pub(super) fn after(&self, blocks: &[Option<Block>], step: Option<usize>) -> Self {
        let mut beliefs = self.clone();
        for belief in &mut beliefs.0 {
            belief.ln_weight += ln_density(belief.sigma, belief.rho, blocks, step);
        }
        let largest = beliefs.0.iter().map(|belief| belief.ln_weight).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = beliefs.0.iter().map(|belief| (belief.ln_weight - largest).exp()).sum();
        for belief in &mut beliefs.0 {
            belief.ln_weight -= largest + sum.ln();
        }
        beliefs
    }

    /// As it is written down.
    pub(super) fn written(&self) -> Vec<Believed> {
        let thousandths = |value: f64| u32::try_from(whole(value * 1e3 + 0.5)).unwrap_or(u32::MAX);
        let written = |it: &Belief| Believed {
            deviation_thousandths: thousandths(it.sigma),
            correlation_thousandths: thousandths(it.rho),
            doubt_thousandths: thousandths(-it.ln_weight),
        };
        self.0.iter().map(written).collect()
    }

    /// What was written down.
    pub(super) fn read(written: &[Believed]) -> Self {
        let read = |it: &Believed| Belief {
            sigma: f64::from(it.deviation_thousandths) / 1e3,
            rho: f64::from(it.correlation_thousandths) / 1e3,
            ln_weight: -f64::from(it.doubt_thousandths) / 1e3,
        };
        Self(written.iter().map(read).collect())
    }

    /// The same to the digits that are written down.
    pub(super) fn rounded(&self) -> Self {
        Self::read(&self.written())
    }

    /// Mean of the standard deviation and of the correlation, and the deviation below which 95 % of the belief lies.
    pub(super) fn summary(&self) -> (f64, f64, f64) {
        let mean = |of: fn(&Belief) -> f64| self.0.iter().map(|it| it.ln_weight.exp() * of(it)).sum::<f64>();
        let mut sum = 0.0;
        let mut by_sigma: Vec<_> = self.0.iter().map(|it| (it.sigma, it.ln_weight.exp())).collect();
        by_sigma.sort_by(|one, other| one.0.total_cmp(&other.0));
        let upper = by_sigma.iter().find(|(_, weight)| {
            sum += weight;
            sum >= 0.95
        });
        (mean(|it| it.sigma), mean(|it| it.rho), upper.or(by_sigma.last()).map_or(0.0, |(sigma, _)| *sigma))
    }

    /// The chance that equal arms show at least as many events in the canary as `segment` does, when its blocks hold
    /// `events` each.
    pub(super) fn chance(&self, segment: &Sums, events: &[f64]) -> f64 {
        self.mean(|belief| upper_tail(segment, belief.sigma * spread(events, belief.rho)))
    }

    /// The same of blocks that are compared each by itself before what they say is combined: a difference that one block
    /// shows and another does not is wandering rather than a regression, which the sum of both would not tell.
    pub(super) fn chance_by_blocks(&self, blocks: &[Sums]) -> f64 {
        self.mean(|belief| combined(belief, blocks))
    }

    /// The mean over all that is believed.
    fn mean(&self, chance: impl Fn(&Belief) -> f64) -> f64 {
        let believed =
            self.0.iter().map(|it| (it, it.ln_weight.exp())).filter(|(_, weight)| *weight > WEIGHT_MIN);
        believed.map(|(belief, weight)| weight * chance(belief)).sum::<f64>().min(1.0)
    }
}

/// The chance of at least as many events in the canary when the logarithmic odds ratio is normal around 0.
fn upper_tail(segment: &Sums, deviation: f64) -> f64 {
    let Some(offset) = segment.ln_odds_expected() else { return 1.0 };
    // Rounded against the finding: fewer in the canary, more in all.
    let (hits, draws) = (whole(segment.canary_events), whole(segment.events().ceil()));
    normal_mean(deviation, |wandered| binomial_upper_tail_of_many(hits, draws, logistic(offset + wandered)))
}

/// Each block's chance as a normal score, added up and turned into a chance again (Lipták 1958). A block weighs the more, the
/// less luck and wandering together move it (DerSimonian and Laird 1986); what blocks share by their correlation counts once.
fn combined(belief: &Belief, blocks: &[Sums]) -> f64 {
    let (mut sum, mut variance, mut echo) = (0.0, 0.0, 0.0);
    for block in blocks {
        echo *= belief.rho;
        let Some(luck) = block.ln_odds_variance() else { continue };
        let precision = (belief.sigma * belief.sigma + luck).recip();
        let weight = precision.sqrt();
        sum += weight * normal_of_upper_tail(upper_tail(block, belief.sigma));
        // The covariance of two scores is that of the wandering in them.
        let shared = belief.sigma * precision;
        variance += precision + 2.0 * shared * echo;
        echo += shared;
    }
    if variance > 0.0 { normal_upper_tail(sum / variance.sqrt()) } else { 1.0 }
}

/// Standard deviation of the mean of a series of deviation one and correlation `rho`, weighted by `weights`. One pass:
/// the sum over pairs builds up from the pairs of the block before.
fn spread(weights: &[f64], rho: f64) -> f64 {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return 1.0;
    }
    let (mut square, mut echo) = (0.0, 0.0);
    for weight in weights {
        echo *= rho;
        square += weight * weight + 2.0 * weight * echo;
        echo += weight;
    }
    square.sqrt() / total
}

/// Logarithm of the density of the blocks, but for a constant.
fn ln_density(sigma: f64, rho: f64, blocks: &[Option<Block>], step: Option<usize>) -> f64 {
    let (mut level, mut wandered, mut sum) = (0.0, 0.0, 0.0);
    // Covariance of level and wandering.
    let (mut ll, mut lw, mut ww) = (LEVEL_VARIANCE, 0.0, sigma * sigma);
    for (k, block) in blocks.iter().enumerate() {
        if k > 0 {
            wandered *= rho;
            lw *= rho;
            ww = rho * rho * ww + (1.0 - rho * rho) * sigma * sigma;
        }
        if step == Some(k) {
            ll += STEP_VARIANCE;
        }
        let Some(block) = block else { continue };
        let variance = ll + 2.0 * lw + ww + block.noise;
        let surprise = block.ln_ratio - level - wandered;
        sum -= 0.5 * (variance.ln() + surprise * surprise / variance);
        let (of_level, of_wandered) = ((ll + lw) / variance, (lw + ww) / variance);
        level += of_level * surprise;
        wandered += of_wandered * surprise;
        (ll, lw, ww) = (ll - of_level * (ll + lw), lw - of_level * (lw + ww), ww - of_wandered * (lw + ww));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::odds::{Bets, Tally};

    #[test]
    fn the_spread_of_a_mean_is_that_of_the_sum_over_all_pairs() {
        let weights = [3.0, 1.0, 4.0, 1.0, 5.0];
        for rho in [0.0, 0.5, 0.86] {
            let pairs = weights.iter().zip(0_i32..).flat_map(|(a, i)| {
                weights.iter().zip(0_i32..).map(move |(b, j)| a * b * f64::powi(rho, i32::abs(i - j)))
            });
            let expected = pairs.sum::<f64>().sqrt() / 14.0;
            assert!((spread(&weights, rho) - expected).abs() < 1e-12, "{rho}");
        }
    }

    #[test]
    fn blocks_that_disagree_are_taken_for_wandering_and_blocks_that_agree_are_not() {
        let block = |baseline_events, canary_events| {
            let mut sums = Sums::default();
            let bets = Bets { tolerance: 1.2, ratios: Bets::RARE };
            sums.add(Tally { baseline_events, canary_events, exposure_ratio: 1.0 }, &bets);
            sums
        };
        let feared = Beliefs::exactly(0.5);
        let chance = |blocks: &[Sums]| feared.chance_by_blocks(blocks);
        // The same events in all, spread over two blocks differently.
        let (agreed, parted) =
            (chance(&[block(12.0, 36.0), block(4.0, 12.0)]), chance(&[block(8.0, 43.0), block(8.0, 5.0)]));
        assert!(agreed < 0.02 && parted > 2.0 * agreed, "{agreed} {parted}");
        // One block is the plain chance, and a block without events says nothing.
        let alone = block(7.0, 30.0);
        let plain = feared.chance(&alone, &[37.0]);
        assert!((chance(&[alone]) / plain - 1.0).abs() < 1e-4, "{plain}");
        assert!((chance(&[alone, Sums::default()]) / plain - 1.0).abs() < 1e-4, "{plain}");
        // Blocks that wander as one say less than blocks that wander anew.
        let together = Beliefs(vec![Belief { sigma: 0.5, rho: 0.86, ln_weight: 0.0 }]);
        assert!(together.chance_by_blocks(&[block(12.0, 36.0), block(4.0, 12.0)]) > agreed);
        assert!((chance(&[]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_wanders_is_learned_from_blocks_and_a_step_is_not_taken_for_it() {
        let block = |ln_ratio| Some(Block { ln_ratio, noise: 0.02, events: 200.0 });
        let calm: Vec<_> = (0..30).map(|i| block(if i % 2 == 0 { 0.1 } else { -0.1 })).collect();
        let wild: Vec<_> = (0..30).map(|i| block(if i % 2 == 0 { 0.6 } else { -0.5 })).collect();
        let stepped: Vec<_> =
            calm.iter().enumerate().map(|(i, it)| if i < 15 { *it } else { block(1.4) }).collect();
        let learned = |blocks: &[_], step| Beliefs::before(1.0).after(blocks, step).summary().0;
        assert!(learned(&calm, None) < 0.12);
        assert!(learned(&wild, None) > 0.4);
        assert!(learned(&stepped, Some(15)) < 0.12);
        assert!(learned(&stepped, None) > 0.25);
    }
}
