//! The commits that landed on a branch, read in pages so that a long history needs little memory.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::GitError;
use super::commit::{CommitFacts, CommitId};
use super::diff::ChangeSet;
use super::program::Git;
use super::repository::{Repository, start};

/// Commits asked for at once. Their ids are arguments, which the operating system limits.
const PAGE_COMMITS: usize = 256;

/// One line of history: who, when, what, and the difference to the first parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCommit {
    /// The commit.
    pub commit: CommitId,
    /// When it was written, by the author's clock.
    pub authored_at: Timestamp,
    /// When it was committed, by the committer's clock.
    pub committed_at: Timestamp,
    /// Who wrote it, by the repository's mailmap.
    pub author_name: String,
    /// The author's e-mail address, by the repository's mailmap.
    pub author_email: String,
    /// The first line of the message, at most [`CommitFacts::MAX_TITLE_CHARS`].
    pub title: String,
    /// The rest of the message, at most [`CommitFacts::MAX_DESCRIPTION_CHARS`].
    pub description: String,
    /// The difference to the first parent.
    pub changes: ChangeSet,
}

/// The commits of a branch along its first parents, the newest first.
#[derive(Debug)]
pub struct PastCommits {
    git: Git,
    /// Their ids, the oldest first.
    left: Vec<CommitId>,
    sorted: Vec<CommitId>,
    page: VecDeque<PastCommit>,
    page_commits: usize,
}

impl Repository {
    /// The commits that landed on a branch, or on what is checked out: its first parents, the newest first.
    pub fn past(&self, branch: Option<&str>) -> Result<PastCommits, GitError> {
        let tip = self.resolve(branch.unwrap_or("HEAD"))?;
        let git = self.git();
        let listed = git.text(&["rev-list", "--first-parent", "--reverse", tip.as_str()])?;
        let ids = listed
            .lines()
            .map(|line| CommitId::parse(line).ok_or_else(|| GitError::unexpected("git rev-list", line)));
        let left: Vec<CommitId> = ids.collect::<Result<_, _>>()?;
        let mut sorted = left.clone();
        sorted.sort_unstable();
        Ok(PastCommits { git: git.clone(), left, sorted, page: VecDeque::new(), page_commits: PAGE_COMMITS })
    }
}

impl PastCommits {
    /// How many commits have not been handed out.
    pub fn left(&self) -> usize {
        self.left.len() + self.page.len()
    }

    /// Whether one of the branch's commits has an id that begins so.
    pub fn includes(&self, start: &str) -> bool {
        let at = self.sorted.partition_point(|id| id.as_str() < start);
        self.sorted.get(at).is_some_and(|id| id.as_str().starts_with(start))
    }

    /// Reads the next page. One that is too large is read again by halves: a few commits may change very much.
    fn fill(&mut self) -> Result<(), GitError> {
        loop {
            let from = self.left.len().saturating_sub(self.page_commits);
            let ids = self.left.get(from..).unwrap_or_default();
            match read(&self.git, ids) {
                Err(GitError::TooMuchOutput { .. } | GitError::TimedOut { .. }) if ids.len() > 1 => {
                    self.page_commits = ids.len() / 2;
                }
                Err(error) => return Err(error),
                Ok(commits) => {
                    self.page.extend(commits);
                    self.left.truncate(from);
                    self.page_commits = (self.page_commits * 2).min(PAGE_COMMITS);
                    return Ok(());
                }
            }
        }
    }
}

impl Iterator for PastCommits {
    type Item = Result<PastCommit, GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        let needs_page = self.page.is_empty() && !self.left.is_empty();
        if needs_page && let Err(error) = self.fill() {
            self.left.clear();
            return Some(Err(error));
        }
        self.page.pop_front().map(Ok)
    }
}

/// Reads commits whose ids are given oldest first, and hands them over newest first.
fn read(git: &Git, ids: &[CommitId]) -> Result<Vec<PastCommit>, GitError> {
    let mut arguments = vec![
        "log",
        "--no-walk=unsorted",
        "--first-parent",
        "-m",
        "--numstat",
        "-z",
        "--find-renames",
        "--no-show-signature",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--submodule=short",
        "--format=%x00%H%x00%at%x00%ct%x00%aN%x00%aE%x00%s%x00%b",
    ];
    arguments.extend(ids.iter().rev().map(CommitId::as_str));
    let output = git.text(&arguments)?;
    let mut entries = output.split('\0').peekable();
    let mut commits = Vec::with_capacity(ids.len());
    while let Some(entry) = entries.next() {
        if entry.trim().is_empty() {
            continue;
        }
        let unexpected = || GitError::unexpected("git log", entry);
        let commit = CommitId::parse(entry.trim()).ok_or_else(unexpected)?;
        let mut field = || entries.next().ok_or_else(unexpected);
        let (authored_at, committed_at) = (instant(field()?)?, instant(field()?)?);
        let (author_name, author_email) = (field()?.to_owned(), field()?.to_owned());
        let title = start(field()?, CommitFacts::MAX_TITLE_CHARS);
        let description = start(field()?, CommitFacts::MAX_DESCRIPTION_CHARS);
        let mut numstat = String::new();
        // An id has no tab, and the line of a file always has two; those of a renamed one follow it.
        while let Some(line) = entries.next_if(|entry| entry.contains('\t')) {
            let line = line.trim_start_matches('\n');
            numstat.push_str(line);
            numstat.push('\0');
            for _ in 0..if line.ends_with('\t') { 2 } else { 0 } {
                numstat.push_str(entries.next().ok_or_else(unexpected)?);
                numstat.push('\0');
            }
        }
        let changes = ChangeSet::from_numstat(&numstat)?;
        commits.push(PastCommit {
            commit,
            authored_at,
            committed_at,
            author_name,
            author_email,
            title,
            description,
            changes,
        });
    }
    if commits.len() == ids.len() {
        Ok(commits)
    } else {
        Err(GitError::unexpected("git log", "fewer commits"))
    }
}

fn instant(seconds: &str) -> Result<Timestamp, GitError> {
    let instant = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    instant.ok_or_else(|| GitError::unexpected("git log", seconds))
}
