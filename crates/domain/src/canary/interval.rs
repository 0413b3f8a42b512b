//! Intervals that hold at every time at once.

use super::numeric::ln_gamma;

/// Halvings of a bisection; after these the bounds are as fine as the numbers.
const HALVINGS: u32 = 60;

/// Where the share of `hits` among `draws` lies, with a confidence that holds however often and whenever one looks: all
/// shares whose likelihood the mixture over a Beta(½, ½) does not exceed by `1/α` (Robbins 1970; Howard et al. 2021).
pub(super) fn share(hits: f64, draws: f64, alpha: f64) -> (f64, f64) {
    if draws <= 0.0 {
        return (0.0, 1.0);
    }
    let misses = (draws - hits).max(0.0);
    let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let mixture = ln_beta(hits + 0.5, misses + 0.5) - ln_beta(0.5, 0.5);
    let part = |count: f64, chance: f64| if count > 0.0 { count * chance.ln() } else { 0.0 };
    let is_excluded = |share: f64| mixture - part(hits, share) - part(misses, 1.0 - share) > -alpha.ln();
    let seen = hits / draws;
    let towards = |edge: f64| {
        let (mut inside, mut outside) = (seen, edge);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            if is_excluded(middle) { outside = middle } else { inside = middle }
        }
        inside
    };
    (towards(0.0), towards(1.0))
}

/// The range in which the chance of something lies that happened in `hits` of `draws`, with confidence `1 - alpha` (Clopper
/// and Pearson 1934).
pub fn clopper_pearson(hits: u64, draws: u64, alpha: f64) -> (f64, f64) {
    use super::numeric::binomial_upper_tail as tail;
    let search = |is_low: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if is_low(middle) { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    };
    let lower = if hits == 0 { 0.0 } else { search(&|share| tail(hits, draws, share) < alpha / 2.0) };
    let upper =
        if hits >= draws { 1.0 } else { search(&|share| 1.0 - tail(hits + 1, draws, share) > alpha / 2.0) };
    (lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_intervals_come_out() {
        let (low, high) = clopper_pearson(0, 100, 0.05);
        assert!(low == 0.0 && (high - 0.036_2).abs() < 1e-3, "{high}");
        let (low, high) = clopper_pearson(5, 100, 0.05);
        assert!((low - 0.016_4).abs() < 1e-3 && (high - 0.112_8).abs() < 1e-3, "{low} {high}");
        let (low, high) = share(50.0, 100.0, 0.05);
        assert!(low > 0.3 && low < 0.45 && (low + high - 1.0).abs() < 1e-6, "{low} {high}");
        assert_eq!(share(0.0, 0.0, 0.05), (0.0, 1.0));
    }
}
