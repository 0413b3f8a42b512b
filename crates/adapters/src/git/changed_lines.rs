//! Which lines a commit added or rewrote.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// The lines that a commit added or rewrote, by file, with what is needed to recognise those files in reports that
/// spell their paths differently.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedLines {
    /// Ascending ranges on the new side.
    ranges: BTreeMap<String, Vec<RangeInclusive<u64>>>,
    /// Every file of the repository whose last part is that of a changed file, by that last part.
    namesakes: BTreeMap<String, BTreeSet<String>>,
    checkout: Option<String>,
}

impl ChangedLines {
    /// `ranges` are lines counted from 1, in any order. `tracked` are the paths of all files in the repository: without
    /// them a changed file can be mistaken for another one of the same name.
    pub fn new(
        ranges: impl IntoIterator<Item = (String, Vec<RangeInclusive<u64>>)>,
        tracked: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut changed = Self::default();
        for (path, mut lines) in ranges {
            lines.retain(|range| !range.is_empty());
            lines.sort_by_key(|range| *range.start());
            let namesakes = changed.namesakes.entry(file_name(&path).to_owned()).or_default();
            namesakes.insert(path.clone());
            changed.ranges.entry(path).or_insert(lines);
        }
        for path in tracked {
            if let Some(namesakes) = changed.namesakes.get_mut(file_name(&path)) {
                namesakes.insert(path);
            }
        }
        changed
    }

    /// Says where the repository is checked out, so that absolute paths elsewhere are known to be foreign.
    #[must_use]
    pub fn checked_out_at(self, folder: impl Into<String>) -> Self {
        Self { checkout: Some(folder.into()), ..self }
    }

    /// The changed files that still exist, with their changed lines.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[RangeInclusive<u64>])> {
        self.ranges.iter().map(|(path, ranges)| (path.as_str(), ranges.as_slice()))
    }

    /// Whether this file is among the changed ones.
    pub fn includes_file(&self, path: &str) -> bool {
        self.ranges.contains_key(path)
    }

    /// Whether this line of this file was added or rewritten.
    pub fn includes_line(&self, path: &str, line: u64) -> bool {
        let ranges = self.ranges.get(path).map(Vec::as_slice).unwrap_or_default();
        let after = ranges.partition_point(|range| *range.start() <= line);
        ranges.get(..after).and_then(<[_]>::last).is_some_and(|range| range.contains(&line))
    }

    pub(crate) fn checkout(&self) -> Option<&str> {
        self.checkout.as_deref()
    }

    /// Every repository file with this last part, if one of them was changed.
    pub(crate) fn files_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.namesakes.get(name).into_iter().flatten().map(String::as_str)
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
