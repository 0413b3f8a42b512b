//! Probability: ten times the square root of the probability of failure, so that everyday probabilities spread over
//! the scale: 1 % is 1, 4 % is 2, 25 % is 5; and on top of it what is known to be wrong, with what is rolled out and around
//! it.
//!
//! The probability itself is what past changes say; it stays as it was calibrated. What speaks against this change in
//! particular raises the factor only, so that nothing known is ever averaged away.

use super::{Contribution, FactorValue, Weighed, circumstances, findings};
use crate::change::Content;
use crate::number::Probability;
use crate::risk::circumstances::Circumstances;
use crate::risk::probability::Estimate;

pub(super) fn weigh(content: &Content, estimate: &Estimate, around: &Circumstances) -> Weighed {
    let mut before = 0;
    let mut contributions = Vec::new();
    for stage in &estimate.stages {
        let tenths = tenths_of(stage.value);
        contributions.push(Contribution::new(stage.source, tenths - before, stage.sentence.clone()));
        before = tenths;
    }
    contributions.extend(findings::contributions(&content.evidence));
    contributions.extend(circumstances::contributions(around));
    let missing = circumstances::missing(around).into_iter().collect();
    Weighed { factor: FactorValue::of(contributions), missing }
}

/// 10 × √p in tenths, rounded: √ppm ÷ 10 in whole numbers.
fn tenths_of(probability: Probability) -> i16 {
    let root = probability.get().isqrt();
    i16::try_from((root + 5) / 10).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_rounded_to_tenths() {
        for (ppm, tenths) in [
            (0, 0),
            (5_000, 7),
            (10_000, 10),
            (30_000, 17),
            (40_000, 20),
            (100_000, 32),
            (250_000, 50),
            (1_000_000, 100),
        ] {
            assert_eq!(tenths_of(Probability::new(ppm).unwrap()), tenths, "{ppm}");
        }
        for ppm in (0_u32..=1_000_000).step_by(997) {
            let expected = (f64::from(ppm).sqrt() / 10.0).round();
            assert_eq!(f64::from(tenths_of(Probability::new(i64::from(ppm)).unwrap())), expected, "{ppm}");
        }
    }
}
