//! Changes that other systems carried out.

use api::history::{HistoryImported, HistorySource, HistorySummary};

use super::{Table, cell};
use crate::shell::{Paint, plain};

/// The outcome that is none of a failure, and the one of what was never started.
const NO_FAILURES: [&str; 2] = ["successful", "cancelled"];

/// What an import did or would do, in a sentence.
pub(crate) fn imported(imported: &HistoryImported, open: u64, bad: u64) -> String {
    let HistoryImported { source, dry_run, new, changed, unchanged } = imported;
    let would = if *dry_run { "would be " } else { "" };
    let mut sentence =
        format!("{}: {would}{new} new, {changed} changed, {unchanged} unchanged", plain(source));
    if open > 0 {
        sentence.push_str(&format!("; {open} left out that have not ended"));
    }
    if bad > 0 {
        sentence.push_str(&format!("; {bad} skipped that do not fit"));
    }
    sentence
}

/// What has been imported from each system.
pub(crate) fn summary(summary: &HistorySummary, paint: Paint) -> String {
    const SOURCE: usize = 0;
    let mut table = Table::new(paint, &["SOURCE", "CHANGES", "FAILED", "FIRST", "LAST", "IMPORTED"], SOURCE);
    for source in &summary.sources {
        let HistorySource { source, changes, outcomes, first_closed_at, last_closed_at, last_imported_at } =
            source;
        let failed: u64 = outcomes
            .iter()
            .filter(|(outcome, _)| !NO_FAILURES.contains(&outcome.as_str()))
            .map(|(_, count)| count)
            .sum();
        let day = |at: &Option<String>| at.as_deref().map_or("-", day).to_owned();
        table.row([
            cell(source),
            changes.to_string(),
            failed.to_string(),
            day(first_closed_at),
            day(last_closed_at),
            day(&Some(last_imported_at.clone())),
        ]);
    }
    table.into_text()
}

/// The day of an instant.
fn day(at: &str) -> &str {
    at.split_once('T').map_or(at, |(day, _)| day)
}
