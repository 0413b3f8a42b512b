//! Whether rows still look like those that were trained on: the population stability index of each column.

use serde::{Deserialize, Serialize};

use crate::number::part;
use crate::table::{ColumnKind, Table};

/// Bins of a column of numbers, each with as many of the earlier rows as the others.
const BINS: usize = 10;
/// An empty bin counts as this share of rows.
const SHARE_MIN: f64 = 1e-4;
/// From here on a column is said to have shifted; the usual reading of the index.
pub const SHIFTED_FROM: f64 = 0.25;

/// How far a column has moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// The column.
    pub column: String,
    /// The population stability index: below 0.1 nothing has changed, from 0.25 on much.
    pub stability_index: f64,
}

/// How far each column of `later` rows has moved from `earlier` ones, the furthest first.
#[must_use]
pub fn drift(table: &Table, earlier: &[usize], later: &[usize]) -> Vec<Drift> {
    let columns = table.columns().iter().enumerate();
    let mut moved: Vec<Drift> = columns
        .map(|(place, column)| {
            let values = |rows: &[usize]| -> Vec<f64> {
                rows.iter().filter_map(|&row| table.values(place).get(row)).copied().collect()
            };
            let (before, after) = (values(earlier), values(later));
            let stability_index = match column.kind {
                ColumnKind::Number { .. } => index(&before, &after, &edges(&before)),
                ColumnKind::Word => {
                    let edges: Vec<f64> = (0..table.words(place).len()).map(|code| code as f64).collect();
                    index(&before, &after, &edges)
                }
            };
            Drift { column: column.name.clone(), stability_index }
        })
        .collect();
    moved.sort_by(|one, other| {
        other.stability_index.total_cmp(&one.stability_index).then_with(|| one.column.cmp(&other.column))
    });
    moved
}

/// The last value of each bin but the last one.
fn edges(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let places = (1..BINS).map(|bin| part(sorted.len(), bin as f64 / BINS as f64));
    let mut edges: Vec<f64> = places.filter_map(|place| sorted.get(place).copied()).collect();
    edges.dedup();
    edges
}

fn index(before: &[f64], after: &[f64], edges: &[f64]) -> f64 {
    let pairs = shares(before, edges).into_iter().zip(shares(after, edges));
    pairs.map(|(before, after)| (after - before) * (after / before).ln()).sum()
}

/// The share of values in each bin; the last one is of missing values.
fn shares(values: &[f64], edges: &[f64]) -> Vec<f64> {
    let mut counts = vec![0.0; edges.len() + 2];
    for value in values {
        let bin = if value.is_nan() { edges.len() + 1 } else { edges.partition_point(|edge| edge < value) };
        if let Some(count) = counts.get_mut(bin) {
            *count += 1.0;
        }
    }
    counts.iter().map(|count| (count / values.len().max(1) as f64).max(SHARE_MIN)).collect()
}
