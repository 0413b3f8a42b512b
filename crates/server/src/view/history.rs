//! What has been imported of other systems' changes.

use api::history::{HistorySource, HistorySummary};
use domain::history::SourceSystem;

use super::time;
use crate::imported::{Imported, Summary};

/// By system, in the order of their names.
pub(crate) fn history(imported: &Imported) -> HistorySummary {
    HistorySummary { sources: imported.summaries().map(source).collect() }
}

fn source((source, summary): (&SourceSystem, &Summary)) -> HistorySource {
    let outcomes = summary.outcomes.iter().filter(|(_, count)| **count > 0);
    HistorySource {
        source: source.to_string(),
        changes: summary.outcomes.values().sum(),
        outcomes: outcomes.map(|(outcome, count)| (outcome.to_string(), *count)).collect(),
        first_closed_at: summary.closed.map(|(first, _)| time(first)),
        last_closed_at: summary.closed.map(|(_, last)| time(last)),
        last_imported_at: time(summary.last_imported_at),
    }
}
