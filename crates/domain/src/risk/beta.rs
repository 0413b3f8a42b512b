//! Quantiles of the Beta distribution, for credible intervals. The only floating point of an assessment: the result is
//! shown, stored in whole millionths and decides nothing.

use super::in_range;
use crate::number::Probability;

/// Lanczos approximation of the gamma function, g = 7.
const LANCZOS: [f64; 8] = [
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];
/// Most terms of the continued fraction; it needs about the square root of the larger parameter.
const TERMS_MAX: u32 = 100_000;
/// The continued fraction ends when a term changes it by less than this share.
const PRECISION: f64 = 1e-12;
/// Stands for a denominator of zero.
const TINY: f64 = 1e-300;

/// The smallest whole number of millionths at which Beta(`a`, `b`) has accumulated `share`.
pub(super) fn quantile_ppm(a: f64, b: f64, share: f64) -> Probability {
    let log_scale = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let (mut low, mut high) = (0_u32, 1_000_000_u32);
    while low < high {
        let middle = low.midpoint(high);
        if cumulative((a, b), log_scale, f64::from(middle) / 1e6) >= share {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    in_range(Probability::new(i64::from(low)))
}

/// What the share of failures lies below with the given certainty, after so many failures and successes: the quantile of
/// Beta(failures + ½, successes + ½), with Jeffreys' prior.
pub(crate) fn failure_bound(failures: u32, successes: u32, certainty: f64) -> Probability {
    quantile_ppm(f64::from(failures) + 0.5, f64::from(successes) + 0.5, certainty)
}

/// The regularised incomplete beta function; `log_scale` is the logarithm of one over B(`a`, `b`).
fn cumulative((a, b): (f64, f64), log_scale: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let log_front = log_scale + a * x.ln() + b * (1.0 - x).ln();
    if x < (a + 1.0) / (a + b + 2.0) {
        log_front.exp() * continued_fraction(a, b, x) / a
    } else {
        1.0 - log_front.exp() * continued_fraction(b, a, 1.0 - x) / b
    }
}

/// Lentz's evaluation of the continued fraction of the incomplete beta function.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    let nonzero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for term in 1..=TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / nonzero(1.0 + numerator * d);
            c = nonzero(1.0 + numerator / c);
            change = c * d;
            result *= change;
        }
        if (change - 1.0).abs() < PRECISION {
            break;
        }
    }
    result
}

/// Natural logarithm of the gamma function of a positive number.
fn ln_gamma(x: f64) -> f64 {
    if x < 0.5 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let x = x - 1.0;
    let terms = (1_u32..).zip(LANCZOS).map(|(i, coefficient)| coefficient / (x + f64::from(i)));
    let series: f64 = terms.sum::<f64>() + 0.999_999_999_999_809_9;
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from the closed forms: Beta(1, n) has x = 1 − (1 − share)^(1/n), Beta(a, 1) has x = share^(1/a).
    #[test]
    fn quantiles_agree_with_closed_forms() {
        for share in [0.05_f64, 0.5, 0.95] {
            for n in [0.25_f64, 1.0, 3.0, 50.0, 4_000.0] {
                let first = 1e6 * (1.0 - (1.0 - share).powf(1.0 / n));
                let second = 1e6 * share.powf(1.0 / n);
                let close =
                    |given: Probability, expected: f64| (f64::from(given.get()) - expected).abs() <= 1.0;
                assert!(close(quantile_ppm(1.0, n, share), first), "Beta(1, {n}) at {share}");
                assert!(close(quantile_ppm(n, 1.0, share), second), "Beta({n}, 1) at {share}");
            }
        }
    }

    /// Expected values computed with mpmath's `betainc` to 30 digits.
    #[test]
    fn quantiles_agree_with_another_implementation() {
        for (a, b, low, high) in [
            (6.0, 194.0, 13211, 52101),
            (0.25, 49.75, 1, 24211),
            (2.5, 47.5, 11802, 108410),
            (20.0, 30.0, 289363, 515234),
            (1.0, 199.0, 258, 14942),
            (36.5, 9.25, 694145, 886553),
            (300.0, 9700.0, 27249, 32859),
            (0.05, 0.95, 1, 381370),
        ] {
            let given = [quantile_ppm(a, b, 0.05).get(), quantile_ppm(a, b, 0.95).get()];
            assert_eq!(given, [low, high], "Beta({a}, {b})");
        }
    }
}
