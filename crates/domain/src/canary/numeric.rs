//! The few special functions that the judge needs.
//!
//! Deterministic: no table is filled at run time and no iteration depends on anything but the arguments.

/// Nodes of the quadrature over a normal distribution, on each side of its middle.
const NODES_PER_SIDE: i32 = 12;
/// Distance of two nodes, in standard deviations. The trapezoidal rule converges geometrically on a Gaussian, and at this
/// distance its error is far below what the judge can see.
const NODE_STEP: f64 = 0.42;
/// Most terms of a sum over the binomial distribution.
const TERMS_MAX: u32 = 20_000;
/// From this many draws on the tail of the binomial distribution may be approximated.
const DRAWS_MANY: u64 = 100;
/// A term this much smaller than the sum adds nothing.
const TERM_RELATIVE_MIN: f64 = 1e-13;
/// How far from its middle the normal distribution is inverted, and how often the range is halved for it.
const NORMAL_MAX: f64 = 8.0;
const NORMAL_HALVINGS: u32 = 40;

/// The natural logarithm of the gamma function, for positive arguments (Lanczos 1964, nine coefficients).
pub(super) fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let series = COEFFICIENTS
        .iter()
        .zip(1_u32..)
        .fold(0.999_999_999_999_809_9, |sum, (coefficient, i)| sum + coefficient / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

/// The chance that a standard normal value is at least `z`; relative error below 2e-7 (Chebyshev fit of Press et al.,
/// Numerical Recipes, "erfcc").
pub(super) fn normal_upper_tail(z: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let polynomial = COEFFICIENTS.iter().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let tail = 0.5 * t * (polynomial - x * x).exp();
    if z >= 0.0 { tail } else { 1.0 - tail }
}

/// The standard normal value that is exceeded with a chance, as far as 8 from the middle: the inverse of [`normal_upper_tail`].
pub(super) fn normal_of_upper_tail(chance: f64) -> f64 {
    let (mut low, mut high) = (-NORMAL_MAX, NORMAL_MAX);
    for _ in 0..NORMAL_HALVINGS {
        let middle = f64::midpoint(low, high);
        if normal_upper_tail(middle) > chance { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// `ln(1 / (1 + exp(-x)))` and its complement stay exact where the plain formula would round to 0 or 1.
pub(super) fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// The chance of at least `hits` of `draws` at a chance of `share` each.
pub(super) fn binomial_upper_tail(hits: u64, draws: u64, share: f64) -> f64 {
    if hits == 0 {
        return 1.0;
    }
    if hits > draws || share <= 0.0 {
        return 0.0;
    }
    if share >= 1.0 {
        return 1.0;
    }
    let (k, n) = (hits as f64, draws as f64);
    if k <= n * share {
        // The short side is below: sum that one.
        return (1.0 - binomial_upper_tail(draws - hits + 1, draws, 1.0 - share)).max(0.0);
    }
    let ln_choose = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    let first = (ln_choose + k * share.ln() + (n - k) * (-share).ln_1p()).exp();
    let odds = share / (1.0 - share);
    let (mut term, mut sum, mut at) = (1.0, 1.0, k);
    for _ in 0..TERMS_MAX {
        if at >= n {
            break;
        }
        term *= (n - at) / (at + 1.0) * odds;
        at += 1.0;
        sum += term;
        if term < sum * TERM_RELATIVE_MIN {
            break;
        }
    }
    (first * sum).min(1.0)
}

/// The same for many draws: the signed root of the deviance at half a hit less is close to normal (Barndorff-Nielsen 1986);
/// within a few percent of the exact chance from a few dozen draws on, at a cost that does not depend on their number.
pub(super) fn binomial_upper_tail_of_many(hits: u64, draws: u64, share: f64) -> f64 {
    if draws < DRAWS_MANY {
        return binomial_upper_tail(hits, draws, share);
    }
    let (n, k) = (draws as f64, hits as f64 - 0.5);
    if k <= 0.0 {
        return 1.0;
    }
    let part = |seen: f64, expected: f64| seen * (seen / expected).ln();
    let deviance = 2.0 * (part(k, n * share) + part(n - k, n * (1.0 - share)));
    normal_upper_tail(deviance.max(0.0).sqrt().copysign(k - n * share))
}

/// The mean of `f` over a normal distribution around 0.
pub(super) fn normal_mean(deviation: f64, f: impl Fn(f64) -> f64) -> f64 {
    if deviation <= 0.0 {
        return f(0.0);
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for node in -NODES_PER_SIDE..=NODES_PER_SIDE {
        let z = f64::from(node) * NODE_STEP;
        let weight = (-0.5 * z * z).exp();
        sum += weight * f(z * deviation);
        weights += weight;
    }
    sum / weights
}

/// The logarithm of the sum of the exponentials.
pub(super) fn ln_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
}

/// A number as a whole one, rounded down; 0 below 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are far below 2^53, and the conversion saturates"
)]
pub(super) fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}
