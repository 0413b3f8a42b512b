//! The files that a change touches, as far as they are listed.
//!
//! The list is one free text: it lies beside the log, which holds a commitment to it, so that a long one does not crowd
//! out the plan, and names in paths can be erased.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::history::FilePath;
use crate::text::FreeText;

/// Most files that one change lists; it counts them all.
pub const FILES_LISTED_MAX: usize = 1_000;
/// Most bytes of the listed paths together.
pub const FILES_BYTES_MAX: usize = 64 * 1024;
/// Most files that are counted.
pub const FILES_TOTAL_MAX: u64 = crate::history::COUNT_MAX;

/// Room for the count of lines before each path and the end of the line, in bytes.
const LINE_ROOM_BYTES: usize = 22;

/// A file that a change touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path in the repository, after the change.
    pub path: FilePath,
    /// Lines added plus lines deleted; 0 where they are not known.
    pub lines: u64,
}

/// The files that a change touches: some of them listed, all of them counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedFiles {
    /// One file on each line: how many of its lines are changed, a blank, its path.
    listed: FreeText,
    /// How many files there are.
    total: u64,
}

/// A list of files that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFiles {
    /// Nothing is listed.
    #[error("no file is listed: list those with the most changed lines, or leave the files out")]
    Empty,
    /// Too many, or too long.
    #[error(
        "{count} paths of {bytes} bytes are more than the {FILES_LISTED_MAX} paths of {FILES_BYTES_MAX} bytes accepted: \
         list those with the most changed lines, and count all of them in `files_total`"
    )]
    TooMany {
        /// How many.
        count: usize,
        /// How long together.
        bytes: usize,
    },
    /// A path comes twice.
    #[error("`{path}` is listed twice")]
    Twice {
        /// The path.
        path: FilePath,
    },
    /// The count is not one of these files.
    #[error(
        "{total} files in all is out of range: expected {listed}, which are listed, to {FILES_TOTAL_MAX}"
    )]
    Total {
        /// The stated count.
        total: u64,
        /// How many are listed.
        listed: u64,
    },
}

impl ChangedFiles {
    /// Lists `files`, of `total` in all.
    ///
    /// # Errors
    /// When none or too many are listed, one twice, or fewer are counted than listed.
    pub fn new(files: &[ChangedFile], total: u64) -> Result<Self, InvalidFiles> {
        let count = files.len();
        let bytes = files.iter().map(|file| file.path.as_str().len()).sum();
        if count > FILES_LISTED_MAX || bytes > FILES_BYTES_MAX {
            return Err(InvalidFiles::TooMany { count, bytes });
        }
        let mut paths = BTreeSet::new();
        if let Some(twice) = files.iter().find(|file| !paths.insert(file.path.as_str())) {
            return Err(InvalidFiles::Twice { path: twice.path.clone() });
        }
        let listed = u64::try_from(count).unwrap_or(u64::MAX);
        if !(listed..=FILES_TOTAL_MAX).contains(&total) {
            return Err(InvalidFiles::Total { total, listed });
        }
        let lines: Vec<_> = files.iter().map(|file| format!("{} {}", file.lines, file.path)).collect();
        let room = FILES_BYTES_MAX + FILES_LISTED_MAX * LINE_ROOM_BYTES;
        // Paths have no control characters, and the bytes were counted: only an empty list is refused.
        let listed = FreeText::within(lines.join("\n"), room).map_err(|_| InvalidFiles::Empty)?;
        Ok(Self { listed, total })
    }

    /// The listed files with their changed lines; none where the list was erased.
    pub fn listed(&self) -> impl Iterator<Item = (&str, u64)> {
        let text = if self.listed.is_erased() { "" } else { self.listed.as_str() };
        text.lines().filter_map(|line| {
            let (lines, path) = line.split_once(' ')?;
            Some((path, lines.parse().ok()?))
        })
    }

    /// How many files there are.
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: u64) -> ChangedFile {
        ChangedFile { path: path.parse().unwrap(), lines }
    }

    #[test]
    fn what_is_listed_comes_back_and_keeps_its_stored_form() {
        let files = ChangedFiles::new(&[file("src/a b.rs", 7), file("ä", u64::MAX)], 9).unwrap();
        assert_eq!(files.listed().collect::<Vec<_>>(), [("src/a b.rs", 7), ("ä", u64::MAX)]);
        let stored =
            serde_json::json!({"listed": {"$text": "7 src/a b.rs\n18446744073709551615 ä"}, "total": 9});
        assert_eq!(serde_json::to_value(&files).unwrap(), stored);
        assert_eq!(serde_json::from_value::<ChangedFiles>(stored).unwrap(), files);
    }

    #[test]
    fn lists_that_are_none_are_refused() {
        let refused = |files: &[ChangedFile], total| ChangedFiles::new(files, total).unwrap_err().to_string();
        assert!(refused(&[], 0).contains("no file is listed"));
        assert!(refused(&[file("a", 1), file("a", 2)], 2).contains("`a` is listed twice"));
        assert!(refused(&[file("a", 1)], 0).contains("expected 1, which are listed, to 1000000000"));
        let many: Vec<_> = (0..=FILES_LISTED_MAX).map(|number| file(&number.to_string(), 0)).collect();
        assert!(refused(&many, 5_000).starts_with("1001 paths of "));
        let longest: Vec<_> = (0..128).map(|number| file(&format!("{number:0>512}"), u64::MAX)).collect();
        assert_eq!(ChangedFiles::new(&longest, 128).unwrap().listed().count(), 128);
    }
}
