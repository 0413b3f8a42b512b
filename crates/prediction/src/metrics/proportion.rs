//! Shares of counts, with what chance leaves open.

use super::Interval;

/// Standard deviations that 90 % of normal draws lie within.
const Z_90: f64 = 1.645;

/// The share of `part` in `whole`, with Wilson's 90 % interval; nothing of nothing.
#[must_use]
pub fn proportion(part: u64, whole: u64) -> Option<Interval> {
    if whole == 0 {
        return None;
    }
    let rows = whole as f64;
    let value = part.min(whole) as f64 / rows;
    let spread = Z_90 * Z_90 / rows;
    let middle = (value + spread / 2.0) / (1.0 + spread);
    let reach = Z_90 * (value * (1.0 - value) / rows + spread / (4.0 * rows)).sqrt() / (1.0 + spread);
    Some(Interval {
        value,
        low: (middle - reach).clamp(0.0, value),
        high: (middle + reach).clamp(value, 1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        assert_eq!(proportion(0, 0), None);
        // By hand for 10 of 100: middle 0.1105, reach 0.0498.
        let ten = proportion(10, 100).unwrap();
        assert!((ten.low - 0.0607).abs() < 5e-4 && (ten.high - 0.1604).abs() < 5e-4, "{ten:?}");
        let (none, all) = (proportion(0, 20).unwrap(), proportion(20, 20).unwrap());
        assert_eq!((none.value, none.low, all.value, all.high), (0.0, 0.0, 1.0, 1.0));
        assert!((none.high - 0.1191).abs() < 5e-4 && (all.low - 0.8809).abs() < 5e-4, "{none:?} {all:?}");
    }
}
