//! Reads the machine-readable differences that `git diff-tree` writes.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{FileKind, GitError};

/// One file that a commit added, changed, renamed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path in the repository, after the change. Bytes that are not UTF-8 are replaced.
    pub path: String,
    /// Its path before, if it was renamed or copied.
    pub previous_path: Option<String>,
    /// Lines added; 0 for a binary file.
    pub lines_added: u64,
    /// Lines deleted; 0 for a binary file.
    pub lines_deleted: u64,
    /// Whether git sees it as binary, so that it has no lines.
    pub is_binary: bool,
    /// What it is for.
    pub kind: FileKind,
}

/// Everything a commit changed, ordered by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    files: Vec<ChangedFile>,
}

/// How much a commit changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Churn {
    /// Lines added in all files.
    pub lines_added: u64,
    /// Lines deleted in all files.
    pub lines_deleted: u64,
    /// Files.
    pub files: u64,
    /// Folders that directly hold at least one of these files.
    pub directories: u64,
}

impl Churn {
    /// Lines added and lines deleted; a rewritten line counts as both.
    pub fn lines(self) -> u64 {
        self.lines_added.saturating_add(self.lines_deleted)
    }
}

impl ChangeSet {
    /// The files, ordered by path.
    pub fn files(&self) -> &[ChangedFile] {
        &self.files
    }

    /// The paths of the changed files of one kind.
    pub fn paths_of(&self, kind: FileKind) -> impl Iterator<Item = &str> {
        self.files.iter().filter(move |file| file.kind == kind).map(|file| file.path.as_str())
    }

    /// How much was changed.
    pub fn churn(&self) -> Churn {
        let folders: BTreeSet<&str> = self
            .files
            .iter()
            .map(|file| file.path.rsplit_once('/').map_or("", |(folder, _)| folder))
            .collect();
        let counted = Churn { directories: count(folders.len()), ..Churn::default() };
        self.files.iter().fold(counted, |churn, file| Churn {
            lines_added: churn.lines_added.saturating_add(file.lines_added),
            lines_deleted: churn.lines_deleted.saturating_add(file.lines_deleted),
            files: churn.files + 1,
            ..churn
        })
    }

    /// Reads `git diff-tree --numstat -z`: `added TAB deleted TAB path NUL`, where after a rename the path is empty and
    /// the old and the new one follow, each ended by NUL. A binary file has `-` for both counts.
    pub(super) fn from_numstat(output: &str) -> Result<Self, GitError> {
        let mut files = Vec::new();
        let mut entries = output.split_terminator('\0');
        while let Some(entry) = entries.next() {
            let unexpected = || GitError::unexpected("git diff-tree --numstat", entry);
            let mut columns = entry.splitn(3, '\t');
            let (Some(added), Some(deleted), Some(path)) = (columns.next(), columns.next(), columns.next())
            else {
                return Err(unexpected());
            };
            let (previous_path, path) = if path.is_empty() {
                (Some(entries.next().ok_or_else(unexpected)?), entries.next().ok_or_else(unexpected)?)
            } else {
                (None, path)
            };
            let is_binary = added == "-" && deleted == "-";
            let lines = |text: &str| if is_binary { Ok(0) } else { text.parse().map_err(|_| unexpected()) };
            files.push(ChangedFile {
                path: path.to_owned(),
                previous_path: previous_path.map(str::to_owned),
                lines_added: lines(added)?,
                lines_deleted: lines(deleted)?,
                is_binary,
                kind: FileKind::of(path),
            });
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { files })
    }
}

/// The ranges of lines that a file has after the change and did not have before.
pub(super) type FileRanges = (String, Vec<RangeInclusive<u64>>);

/// Reads `git diff-tree --patch --unified=0 --dst-prefix=b/`.
///
/// The lines of a hunk are counted, not looked at: a changed line may itself look like the head of a file.
pub(super) fn ranges_from_patch(patch: &[u8]) -> Result<Vec<FileRanges>, GitError> {
    let mut files: Vec<FileRanges> = Vec::new();
    let (mut old_left, mut new_left) = (0_u64, 0_u64);
    for line in patch.split(|byte| *byte == b'\n') {
        match line.first() {
            Some(b'-') if old_left > 0 => old_left -= 1,
            Some(b'+') if new_left > 0 => new_left -= 1,
            _ => {
                let text = String::from_utf8_lossy(line);
                if let Some(path) = text.strip_prefix("+++ ") {
                    // A removed file has no new side, and its hunks no new lines.
                    files.push((new_path(path)?.unwrap_or_default(), Vec::new()));
                } else if text.starts_with("@@ ") {
                    let hunk = Hunk::parse(&text).ok_or_else(|| unexpected_patch(&text))?;
                    (old_left, new_left) = (hunk.old_lines, hunk.new_lines);
                    let (_, ranges) = files.last_mut().ok_or_else(|| unexpected_patch(&text))?;
                    ranges.extend(hunk.new_range());
                }
            }
        }
    }
    if old_left > 0 || new_left > 0 {
        return Err(unexpected_patch("a hunk that ends too early"));
    }
    files.retain(|(path, _)| !path.is_empty());
    Ok(files)
}

/// `@@ -start[,lines] +start[,lines] @@ …`
struct Hunk {
    old_lines: u64,
    new_start: u64,
    new_lines: u64,
}

impl Hunk {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ').skip(1);
        let (_, old_lines) = start_and_lines(words.next()?.strip_prefix('-')?)?;
        let (new_start, new_lines) = start_and_lines(words.next()?.strip_prefix('+')?)?;
        Some(Self { old_lines, new_start, new_lines })
    }

    fn new_range(&self) -> Option<RangeInclusive<u64>> {
        let last = self.new_start.checked_add(self.new_lines)?.checked_sub(1)?;
        (self.new_lines > 0).then_some(self.new_start..=last)
    }
}

fn start_and_lines(text: &str) -> Option<(u64, u64)> {
    match text.split_once(',') {
        Some((start, lines)) => Some((start.parse().ok()?, lines.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

/// The path after `+++ `: `b/path`, `"b/quoted"`, or `/dev/null` for a removed file. A path with a space ends in a tab.
fn new_path(text: &str) -> Result<Option<String>, GitError> {
    if text == "/dev/null" {
        return Ok(None);
    }
    let text = text.strip_suffix('\t').unwrap_or(text);
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let path = match quoted {
        Some(quoted) => unquoted(quoted),
        None => Some(text.to_owned()),
    };
    let path = path.as_deref().and_then(|path| path.strip_prefix("b/"));
    path.map(|path| Some(path.to_owned())).ok_or_else(|| unexpected_patch(text))
}

/// Takes back git's quoting in the manner of C.
fn unquoted(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'a' => 0x07,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'r' => b'\r',
            high @ b'0'..=b'3' => {
                let digits = [high, rest.next()?, rest.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 8).ok()?
            }
            literal @ (b'"' | b'\\') => literal,
            _ => return None,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn unexpected_patch(found: &str) -> GitError {
    GitError::unexpected("git diff-tree --patch", found)
}

/// A number of things in memory, which is far below the limits of either type.
pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_another_form_are_refused() {
        for (numstat, expected) in [
            ("1\t2", "`git diff-tree --numstat` answered `1\t2`"),
            ("x\t2\tfile", "`git diff-tree --numstat` answered `x\t2\tfile`"),
            ("-1\t2\tfile", "`git diff-tree --numstat` answered `-1\t2\tfile`"),
            ("1\t2\t\0old", "`git diff-tree --numstat` answered `1\t2\t`"),
        ] {
            let message = ChangeSet::from_numstat(numstat).unwrap_err().to_string();
            assert!(message.starts_with(&expected.replace('\t', " ")), "{message}");
        }
        for (patch, expected) in [
            ("@@ -1 +1 @@", "answered `@@ -1 +1 @@`"),
            ("+++ b/file\n@@ -1 +x @@", "answered `@@ -1 +x @@`"),
            ("+++ b/file\n@@ -1 +1,3 @@\n-a\n+b", "answered `a hunk that ends too early`"),
            ("+++ \"b/\\q\"", "answered `\"b/\\q\"`"),
            ("+++ c/file", "answered `c/file`"),
        ] {
            let message = ranges_from_patch(patch.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn quoted_paths_are_read() {
        let patch = b"+++ \"b/a\\\"b\\\\c\\t\\303\\274\"\n@@ -0,0 +1,2 @@\n+x\n+y\n";
        assert_eq!(ranges_from_patch(patch).unwrap(), [("a\"b\\c\tü".to_owned(), vec![1..=2])]);
    }
}
