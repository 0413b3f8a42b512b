//! The decimal logarithm in tenths, from a table, so that no machine rounds it differently.

/// The smallest whole numbers whose decimal logarithm, rounded to tenths, is 0.1, 0.2, … 4.0: ⌈10^(k/10 − 1/20)⌉.
const THRESHOLDS: [u64; 40] = [
    2, 2, 2, 3, 3, 4, 5, 6, 8, 9, 12, 15, 18, 23, 29, 36, 45, 57, 71, 90, 113, 142, 178, 224, 282, 355, 447,
    563, 708, 892, 1_123, 1_413, 1_779, 2_239, 2_819, 3_549, 4_467, 5_624, 7_080, 8_913,
];

/// `log10(number)` in tenths, rounded, at most 40; 0 for numbers below 2.
pub(super) fn tenths_of_log10(number: u64) -> i16 {
    THRESHOLDS.iter().map(|threshold| i16::from(number >= *threshold)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_floating_point() {
        for number in 1_u32..=12_000 {
            let expected = (f64::from(number).log10() * 10.0).round().min(40.0);
            assert_eq!(f64::from(tenths_of_log10(u64::from(number))), expected, "{number}");
        }
        assert_eq!(tenths_of_log10(0), 0);
        assert_eq!(tenths_of_log10(u64::MAX), 40);
    }
}
