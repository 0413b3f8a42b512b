//! Which entries of the log this process wrote itself, so that nobody reads them back to learn what others wrote.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Most runs of entries that are remembered. Of older ones it is forgotten who wrote them: they are read then.
const RUNS_MAX: usize = 1024;

/// Runs of entries that this process wrote, from their first to behind their last.
#[derive(Debug, Default)]
pub(crate) struct OwnEntries(Mutex<BTreeMap<u64, u64>>);

impl OwnEntries {
    /// Remembers entries that follow all that were written before.
    pub(crate) fn add(&self, indexes: Range<u64>) {
        if indexes.is_empty() {
            return;
        }
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut last) = runs.last_entry().filter(|last| *last.get() == indexes.start) {
            last.insert(indexes.end);
            return;
        }
        runs.insert(indexes.start, indexes.end);
        if runs.len() > RUNS_MAX {
            runs.pop_first();
        }
    }

    /// The first place from `from` on that this process did not write.
    pub(crate) fn next_by_others(&self, from: u64) -> u64 {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Runs are as long as they can be, so that behind the end of one is somebody else's entry.
        runs.range(..=from).next_back().map_or(from, |(_, end)| from.max(*end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_entries_are_passed_over() {
        let own = OwnEntries::default();
        own.add(10..12);
        own.add(12..15);
        own.add(15..15);
        own.add(20..22);
        let next = |from| own.next_by_others(from);
        assert_eq!([9, 10, 14, 15, 19, 20, 22, 30].map(next), [9, 15, 15, 15, 19, 22, 22, 30]);
    }

    #[test]
    fn the_oldest_runs_are_forgotten() {
        let own = OwnEntries::default();
        for run in 0..=RUNS_MAX as u64 {
            own.add(run * 2..run * 2 + 1);
        }
        assert_eq!(own.next_by_others(0), 0);
        assert_eq!(own.next_by_others(2), 3);
    }
}
