//! What is known about one commit.

use std::fmt;

use jiff::Timestamp;

use super::{ChangeSet, Intent, Remote};

/// The full id of a commit: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(String);

impl CommitId {
    /// The fewest digits that git accepts as a short id.
    pub(super) const MIN_SHORT_DIGITS: usize = 4;
    const SHA1_DIGITS: usize = 40;
    pub(super) const MAX_DIGITS: usize = 64;

    /// `None` unless `text` is a full id.
    pub fn parse(text: &str) -> Option<Self> {
        let full = matches!(text.len(), Self::SHA1_DIGITS | Self::MAX_DIGITS);
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (full && digits).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that the repository says about the commit being deployed. Made by [`super::Repository::facts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    /// The commit.
    pub commit: CommitId,
    /// Its parents as recorded in the commit, also those that a shallow clone lacks.
    pub parents: Vec<CommitId>,
    /// The branch that was asked for or is checked out, without `refs/heads/`; `None` on a detached head.
    pub branch: Option<String>,
    /// The first paragraph of the message, on one line, at most [`CommitFacts::MAX_TITLE_CHARS`].
    pub title: String,
    /// The rest of the message, at most [`CommitFacts::MAX_DESCRIPTION_CHARS`].
    pub description: String,
    /// Who wrote it.
    pub author_name: String,
    /// The author's e-mail address as recorded.
    pub author_email: String,
    /// When it was committed, by the committer's clock.
    pub committed_at: Timestamp,
    /// What the message says it is for.
    pub intent: Intent,
    /// The difference to the first parent; `None` when a shallow clone lacks that parent.
    pub changes: Option<ChangeSet>,
    /// What the author did before.
    pub experience: Experience,
    /// Whether this is a shallow clone, in which earlier commits are missing.
    pub history_truncated: bool,
    /// What is checked out.
    pub working_tree: WorkingTree,
    /// Where the repository was cloned from, if it was.
    pub remote: Option<Remote>,
    /// `owner/name` of the remote, or else the name of the checkout's folder.
    pub repository_name: String,
}

impl CommitFacts {
    /// How much of a commit message's first paragraph is kept.
    pub const MAX_TITLE_CHARS: usize = 1_000;
    /// How much of a commit message's body is kept.
    pub const MAX_DESCRIPTION_CHARS: usize = 16_384;
}

/// How many earlier commits the author has. "Earlier" is what the first parent contains, so that a merged branch does
/// not count as its own experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Experience {
    /// Earlier commits with the same author e-mail, without regard to case.
    pub commits: u64,
    /// Those of them that touched a file that this commit changes.
    pub commits_to_same_files: u64,
    /// Whether there may be more: the clone is shallow, or a limit of counting was reached.
    pub is_lower_bound: bool,
}

impl Experience {
    /// Counting stops here: beyond it more experience says nothing more.
    pub const MAX_COMMITS_COUNTED: u64 = 10_000;
    /// Of how many changed files the history is searched.
    pub const MAX_FILES_SEARCHED: usize = 500;
}

/// How the checkout differs from its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingTree {
    /// The commit that is checked out.
    pub head: CommitId,
    /// How many tracked files were modified, staged, removed or are in conflict.
    pub modified_files: u64,
    /// How many files and folders git does not know and does not ignore.
    pub untracked_files: u64,
    /// Some of these paths, modified ones first, at most [`WorkingTree::MAX_EXAMPLES`].
    pub examples: Vec<String>,
}

impl WorkingTree {
    /// How many paths are named.
    pub const MAX_EXAMPLES: usize = 10;

    /// Nothing modified and nothing added.
    pub fn is_clean(&self) -> bool {
        self.modified_files == 0 && self.untracked_files == 0
    }

    /// Whether every tracked file is just as in `commit`. Files that git does not know, such as the reports and outputs
    /// of a build, are allowed; demand [`WorkingTree::is_clean`] as well where they matter.
    pub fn holds(&self, commit: &CommitId) -> bool {
        self.head == *commit && self.modified_files == 0
    }
}
