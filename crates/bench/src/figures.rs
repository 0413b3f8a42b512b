//! Figures: medians, percentiles, and tables of them.

use std::fmt;
use std::time::Duration;

/// The middle of some values; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or_default();
    match middle.checked_sub(1).and_then(|below| sorted.get(below)) {
        Some(lower) if sorted.len().is_multiple_of(2) => (lower + upper) / 2.0,
        Some(_) | None => upper,
    }
}

/// The value that so many of a thousand sorted values do not exceed; nothing's default of none.
pub fn permille<T: Copy + Default>(sorted: &[T], share: usize) -> T {
    let at = (sorted.len() * share / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// `1234 (1190–1280)`: the median, and the lowest and highest value.
pub fn spread(values: &[f64]) -> String {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(0.0, f64::max);
    format!("{:.0} ({lowest:.0}–{highest:.0})", median(values))
}

/// How many per second.
pub fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Milliseconds, with the fraction.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// A time in the unit that suits it.
pub fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..1e-3 => format!("{:.1} µs", seconds * 1e6),
        1e-3..1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

/// A Markdown table.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        let rule = headings.iter().enumerate().map(|(at, _)| if at == 0 { "---" } else { "---:" });
        let rule = rule.map(str::to_owned).collect();
        Self { rows: vec![headings.iter().map(ToString::to_string).collect(), rule] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(spread(&[4.0, 1.0, 2.0]), "2 (1–4)");
    }

    #[test]
    fn times_are_shown_in_the_unit_that_suits_them() {
        let shown = [1_500, 2_500_000, 1_250_000_000].map(|nanos| shown(Duration::from_nanos(nanos)));
        assert_eq!(shown, ["1.5 µs", "2.50 ms", "1.25 s"]);
    }
}
