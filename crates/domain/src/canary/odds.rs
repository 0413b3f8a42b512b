//! Evidence that events come from the canary more often than they should.
//!
//! Given that an event happened, it came from the canary with chance `k·c / (k·c + b)` at an odds ratio of `k` and exposures
//! of `c` and `b`. The null says that `k` is at most the tolerance. A test martingale bets on a mixture of larger ratios
//! (Ville 1939; Grünwald, de Heide and Koolen 2024, "Safe testing"): under the null its value ever reaches `1/α` with a
//! chance of at most `α`, however often one looks (Howard, Ramdas, McAuliffe and Sekhon 2021). With the number of events
//! given, requests of one sample are drawn without replacement, which makes it a supermartingale (Hoeffding 1963, theorem 4).
//!
//! A regression that begins late would first have to make good what the test lost until then. So a new bet begins at every
//! restart with its share of the stake (Shin, Ramdas and Rinaldo 2024, "E-detectors"); the shares sum up to at most one,
//! and so the sum over all bets is an e-process still.

use super::numeric::ln_sum_exp;

/// Number of odds ratios that are bet on.
const RATIOS: usize = 8;
/// How the stake of a bet is spread over its odds ratios.
const SPREAD: [f64; RATIOS] = [0.10, 0.12, 0.18, 0.18, 0.16, 0.14, 0.07, 0.05];
/// Share of the stake on the bet that begins at the beginning. Most bad versions are bad at once.
const FIRST_STAKE: f64 = 0.37;
/// Share of the rest that is set aside for restarts after the expected end.
const LATER_STAKE: f64 = 0.1;

/// What is bet on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bets {
    /// The largest odds ratio under the null.
    pub(super) tolerance: f64,
    /// Larger ones.
    pub(super) ratios: [f64; RATIOS],
}

impl Bets {
    /// Ratios for rare events, of which a bad version has many times as many.
    pub(super) const RARE: [f64; RATIOS] = [1.6, 2.2, 3.0, 4.5, 7.0, 11.0, 20.0, 40.0];
    /// Ratios for a comparison of all requests, of which already a small shift is seen.
    pub(super) const COMMON: [f64; RATIOS] = [1.15, 1.3, 1.5, 1.8, 2.3, 3.2, 5.0, 10.0];
}

/// The stake of the bet that begins at a restart, counted from 0, when `restarts` are expected. All of them sum up to one.
pub(super) fn stake(restart: u32, restarts: u32) -> f64 {
    let (at, expected) = (f64::from(restart), f64::from(restarts.max(2)));
    let rest = 1.0 - FIRST_STAKE;
    if restart == 0 {
        FIRST_STAKE
    } else if at < expected {
        rest * (1.0 - LATER_STAKE) / (expected - 1.0)
    } else {
        rest * LATER_STAKE * expected / (at * (at + 1.0))
    }
}

/// Events of both arms in one sample. Not whole for a comparison of ranks, see [`super::ranks`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tally {
    pub(super) baseline_events: f64,
    pub(super) canary_events: f64,
    /// The canary's exposure over the baseline's.
    pub(super) exposure_ratio: f64,
}

/// Sums from the beginning on; the difference of two is a segment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sums {
    pub(super) baseline_events: f64,
    pub(super) canary_events: f64,
    /// Events that the canary would have had at an odds ratio of one.
    pub(super) canary_expected: f64,
    /// Logarithm of the likelihood ratio of each ratio to the tolerance.
    ln_ratios: [f64; RATIOS],
}

impl Sums {
    pub(super) fn add(&mut self, tally: Tally, bets: &Bets) {
        let Tally { baseline_events, canary_events, exposure_ratio } = tally;
        let events = baseline_events + canary_events;
        if events <= 0.0 || exposure_ratio <= 0.0 || !exposure_ratio.is_finite() {
            return;
        }
        self.baseline_events += baseline_events;
        self.canary_events += canary_events;
        let share = |ratio: f64| ratio * exposure_ratio / (ratio * exposure_ratio + 1.0);
        self.canary_expected += events * share(1.0);
        let null = share(bets.tolerance);
        for (sum, ratio) in self.ln_ratios.iter_mut().zip(bets.ratios) {
            let alternative = share(ratio.max(bets.tolerance));
            *sum += canary_events * (alternative / null).ln()
                + baseline_events * ((1.0 - alternative) / (1.0 - null)).ln();
        }
    }

    /// What happened since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut ln_ratios = self.ln_ratios;
        for (sum, before) in ln_ratios.iter_mut().zip(earlier.ln_ratios) {
            *sum -= before;
        }
        Self {
            baseline_events: self.baseline_events - earlier.baseline_events,
            canary_events: self.canary_events - earlier.canary_events,
            canary_expected: self.canary_expected - earlier.canary_expected,
            ln_ratios,
        }
    }

    pub(super) fn events(&self) -> f64 {
        self.baseline_events + self.canary_events
    }

    /// Logarithm of what a stake of one has become.
    pub(super) fn ln_evidence(&self) -> f64 {
        ln_sum_exp(self.ln_ratios.iter().zip(SPREAD).map(|(sum, stake)| sum + stake.ln()))
    }

    /// Events of two arms with equal traffic that would say as much as these.
    pub(super) fn balanced_events(&self) -> f64 {
        4.0 * self.canary_expected * (self.events() - self.canary_expected) / self.events().max(1.0)
    }

    /// How far luck alone moves the logarithmic odds ratio of equal arms: its variance; nothing without events.
    pub(super) fn ln_odds_variance(&self) -> Option<f64> {
        let events = self.balanced_events();
        (events > 0.0).then(|| 4.0 / events)
    }

    /// Logit of the share of events that the canary would have at an odds ratio of one; nothing without events.
    pub(super) fn ln_odds_expected(&self) -> Option<f64> {
        let rest = self.events() - self.canary_expected;
        (self.canary_expected > 0.0 && rest > 0.0).then(|| (self.canary_expected / rest).ln())
    }

    /// The odds ratio that was seen, half an event added to both arms so that it is finite.
    pub(super) fn odds_ratio(&self) -> Option<f64> {
        let seen = ((self.canary_events + 0.5) / (self.baseline_events + 0.5)).ln();
        Some((seen - self.ln_odds_expected()?).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stakes_of_all_restarts_sum_up_to_at_most_one() {
        for restarts in [1, 2, 10, 60, 1_440] {
            let sum: f64 = (0..200_000).map(|restart| stake(restart, restarts)).sum();
            assert!(sum <= 1.0 + 1e-9, "{restarts} restarts: {sum}");
            assert!(sum > 0.2, "{restarts} restarts: {sum}");
        }
        assert!((SPREAD.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_bet_does_not_grow_on_average_when_the_odds_are_those_tolerated() {
        let bets = Bets { tolerance: 1.2, ratios: Bets::RARE };
        for exposure_ratio in [0.1, 1.0, 3.0] {
            let canary = 1.2 * exposure_ratio / (1.2 * exposure_ratio + 1.0);
            let after = |baseline_events, canary_events| {
                let mut sums = Sums::default();
                sums.add(Tally { baseline_events, canary_events, exposure_ratio }, &bets);
                sums.ln_evidence().exp()
            };
            let mean = canary * after(0.0, 1.0) + (1.0 - canary) * after(1.0, 0.0);
            assert!((mean - 1.0).abs() < 1e-12, "{mean}");
        }
    }
}
