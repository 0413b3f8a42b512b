//! Asks git about one repository.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::commit::{CommitFacts, CommitId, Experience, WorkingTree};
use super::diff::{ChangeSet, count, ranges_from_patch};
use super::program::Git;
use super::{ChangedLines, GitError, Intent, Remote};

/// The longest revision that is looked up, in bytes.
const MAX_REVISION_BYTES: usize = 256;

/// The difference of two commits, the same whatever the user's settings say.
const DIFF_TREE: &[&str] = &[
    "diff-tree",
    "-r",
    "--root",
    "--no-commit-id",
    "--find-renames",
    "--no-relative",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--submodule=short",
];

/// A checkout of a git repository.
#[derive(Debug, Clone)]
pub struct Repository {
    git: Git,
    root: PathBuf,
}

/// What the commit object itself says.
struct Header {
    parents: Vec<CommitId>,
    author_name: String,
    author_email: String,
    committed_at: Timestamp,
    title: String,
    description: String,
}

/// What a commit is compared with.
enum Base<'a> {
    /// Nothing: it is the first one.
    Root,
    Parent(&'a CommitId),
    /// A parent that a shallow clone lacks.
    NotFetched,
}

impl Repository {
    /// Finds the repository whose working tree holds `folder`.
    pub fn discover(folder: &Path) -> Result<Self, GitError> {
        let arguments = ["rev-parse", "--show-toplevel"];
        let answer = Git::new(folder).ask(&arguments)?;
        if !answer.succeeded() {
            let outside = ["not a git repository", "must be run in a work tree", "cannot change to"];
            if outside.iter().any(|reason| answer.complaint().contains(reason)) {
                return Err(GitError::NotARepository { folder: folder.to_owned() });
            }
            return Err(answer.into_failure(&arguments));
        }
        let root = path_from_line(answer.stdout);
        Ok(Self { git: Git::new(&root), root })
    }

    /// One without a working tree.
    pub(super) fn bare(folder: &Path) -> Self {
        Self { git: Git::new(folder), root: folder.to_owned() }
    }

    pub(super) fn git(&self) -> &Git {
        &self.git
    }

    /// The top folder of the working tree, or of the repository where it has none.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The full id of the commit that a branch, tag, reference, short or full id names.
    pub fn resolve(&self, revision: &str) -> Result<CommitId, GitError> {
        let plain = !revision.is_empty()
            && revision.len() <= MAX_REVISION_BYTES
            && !revision.starts_with('-')
            && !revision.contains("..")
            && !revision.contains(|character: char| character.is_whitespace() || character.is_control());
        let revision = revision.to_owned();
        if !plain {
            return Err(GitError::InvalidRevision { revision });
        }
        let answer = self.git.ask(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")])?;
        if answer.succeeded() {
            let id = String::from_utf8_lossy(&answer.stdout);
            return CommitId::parse(id.trim()).ok_or_else(|| GitError::unexpected("git rev-parse", &id));
        }
        if answer.complaint().contains("is ambiguous") {
            return Err(GitError::AmbiguousRevision { revision });
        }
        Err(GitError::UnknownRevision { revision })
    }

    /// Everything that is known about `revision`, or about the commit that is checked out.
    pub fn facts(&self, revision: Option<&str>) -> Result<CommitFacts, GitError> {
        let revision = revision.unwrap_or("HEAD");
        let commit = self.resolve(revision)?;
        let working_tree = self.working_tree()?;
        let header = self.header(&commit)?;
        let base = self.base(&header)?;
        let history_truncated = self.is_shallow()?;
        let changes = self.changes(&commit, &base)?;
        let experience = self.experience(&header.author_email, &base, changes.as_ref(), history_truncated)?;
        let remote = self.remote()?;
        let repository_name = match &remote {
            Some(remote) => remote.name().to_owned(),
            None => self.root.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        Ok(CommitFacts {
            branch: self.branch(revision, commit == working_tree.head)?,
            intent: Intent::of(&header.title, &header.description),
            commit,
            parents: header.parents,
            title: header.title,
            description: header.description,
            author_name: header.author_name,
            author_email: header.author_email,
            committed_at: header.committed_at,
            changes,
            experience,
            history_truncated,
            working_tree,
            remote,
            repository_name,
        })
    }

    /// The lines that a commit added or rewrote; `None` when a shallow clone lacks its parent.
    ///
    /// Apart from [`Repository::facts`], because it reads the whole difference, and only coverage needs it.
    pub fn changed_lines(&self, commit: &CommitId) -> Result<Option<ChangedLines>, GitError> {
        let header = self.header(commit)?;
        let base = self.base(&header)?;
        let Some(patch) = self.diff_tree(
            &["--patch", "--unified=0", "--inter-hunk-context=0", "--dst-prefix=b/"],
            commit,
            &base,
        )?
        else {
            return Ok(None);
        };
        let ranges = ranges_from_patch(&patch)?;
        let tracked =
            self.git.text(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.as_str()])?;
        let changed = ChangedLines::new(ranges, tracked.split_terminator('\0').map(str::to_owned));
        Ok(Some(changed.checked_out_at(self.root.to_string_lossy())))
    }

    /// What is checked out, and how it differs from its commit.
    pub fn working_tree(&self) -> Result<WorkingTree, GitError> {
        let head = self.resolve("HEAD")?;
        let status = self.git.text(&[
            "status",
            "--porcelain=v1",
            "-z",
            "--no-renames",
            "--untracked-files=normal",
            "--ignore-submodules=none",
        ])?;
        let mut modified = Vec::new();
        let mut untracked = Vec::new();
        for entry in status.split_terminator('\0') {
            match entry.split_at_checked(3) {
                Some(("?? ", path)) => untracked.push(path),
                Some((_, path)) => modified.push(path),
                None => return Err(GitError::unexpected("git status", entry)),
            }
        }
        let examples = modified.iter().chain(&untracked).take(WorkingTree::MAX_EXAMPLES);
        Ok(WorkingTree {
            head,
            modified_files: count(modified.len()),
            untracked_files: count(untracked.len()),
            examples: examples.map(|path| (*path).to_owned()).collect(),
        })
    }

    /// Where the repository was cloned from: the remote `origin`, or else the first one.
    pub fn remote(&self) -> Result<Option<Remote>, GitError> {
        let answer = self.git.ask(&["config", "-z", "--get-regexp", r"^remote\..*\.url$"])?;
        Ok(Remote::choose(&String::from_utf8_lossy(&answer.stdout)))
    }

    /// Whether this is a shallow clone, in which earlier commits are missing.
    pub fn is_shallow(&self) -> Result<bool, GitError> {
        Ok(self.git.text(&["rev-parse", "--is-shallow-repository"])?.trim() == "true")
    }

    /// The parents are read from the commit object, because in a shallow clone git shows its last commits without any.
    fn header(&self, commit: &CommitId) -> Result<Header, GitError> {
        let object = self.git.text(&["cat-file", "commit", commit.as_str()])?;
        let head = object.split("\n\n").next().unwrap_or_default();
        let parents =
            head.lines().filter_map(|line| line.strip_prefix("parent ").and_then(CommitId::parse)).collect();

        let format = "--format=%an%x00%ae%x00%ct%x00%s%x00%b";
        let text = self.git.text(&[
            "log",
            "--max-count=1",
            "--no-show-signature",
            "--no-color",
            format,
            commit.as_str(),
        ])?;
        let unexpected = || GitError::unexpected("git log", &text);
        let mut fields = text.splitn(5, '\0');
        let mut next = || fields.next().ok_or_else(unexpected);
        Ok(Header {
            parents,
            author_name: next()?.to_owned(),
            author_email: next()?.to_owned(),
            committed_at: next()?
                .parse()
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .ok_or_else(unexpected)?,
            title: start(next()?, CommitFacts::MAX_TITLE_CHARS),
            description: start(next()?, CommitFacts::MAX_DESCRIPTION_CHARS),
        })
    }

    fn base<'a>(&self, header: &'a Header) -> Result<Base<'a>, GitError> {
        let Some(parent) = header.parents.first() else { return Ok(Base::Root) };
        let found = self.git.ask(&["cat-file", "-e", &format!("{parent}^{{commit}}")])?.succeeded();
        Ok(if found { Base::Parent(parent) } else { Base::NotFetched })
    }

    fn diff_tree(
        &self,
        options: &[&str],
        commit: &CommitId,
        base: &Base<'_>,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let parent = match base {
            Base::Root => None,
            Base::Parent(parent) => Some(parent.as_str()),
            Base::NotFetched => return Ok(None),
        };
        let arguments: Vec<&str> =
            DIFF_TREE.iter().chain(options).copied().chain(parent).chain([commit.as_str()]).collect();
        self.git.output(&arguments).map(Some)
    }

    fn changes(&self, commit: &CommitId, base: &Base<'_>) -> Result<Option<ChangeSet>, GitError> {
        let Some(output) = self.diff_tree(&["--numstat", "-z"], commit, base)? else { return Ok(None) };
        ChangeSet::from_numstat(&String::from_utf8_lossy(&output)).map(Some)
    }

    fn experience(
        &self,
        author_email: &str,
        base: &Base<'_>,
        changes: Option<&ChangeSet>,
        history_truncated: bool,
    ) -> Result<Experience, GitError> {
        let (Base::Parent(parent), Some(changes)) = (base, changes) else {
            let is_lower_bound = history_truncated || matches!(base, Base::NotFetched);
            return Ok(Experience { commits: 0, commits_to_same_files: 0, is_lower_bound });
        };
        let mut paths: Vec<&str> = Vec::new();
        for file in changes.files().iter().take(Experience::MAX_FILES_SEARCHED) {
            paths.push(&file.path);
            paths.extend(file.previous_path.as_deref());
        }
        let commits = self.count_commits(author_email, parent, &[])?;
        let commits_to_same_files =
            if paths.is_empty() { 0 } else { self.count_commits(author_email, parent, &paths)? };
        let limited = commits >= Experience::MAX_COMMITS_COUNTED
            || changes.files().len() > Experience::MAX_FILES_SEARCHED;
        Ok(Experience { commits, commits_to_same_files, is_lower_bound: history_truncated || limited })
    }

    /// Counts the author's commits up to `newest`, those that touched `paths` if there are any.
    fn count_commits(&self, author_email: &str, newest: &CommitId, paths: &[&str]) -> Result<u64, GitError> {
        let limit = format!("--max-count={}", Experience::MAX_COMMITS_COUNTED);
        // Names cannot contain angle brackets, so that this finds the whole address and nothing else.
        let author = format!("--author=<{author_email}>");
        let mut arguments = vec![
            "rev-list",
            "--count",
            &limit,
            "--fixed-strings",
            "--regexp-ignore-case",
            &author,
            newest.as_str(),
            "--",
        ];
        arguments.extend(paths);
        let counted = self.git.text(&arguments)?;
        counted.trim().parse().map_err(|_| GitError::unexpected("git rev-list", &counted))
    }

    fn branch(&self, revision: &str, is_checked_out: bool) -> Result<Option<String>, GitError> {
        let asked = self.branch_of(revision)?;
        if asked.is_none() && is_checked_out { self.branch_of("HEAD") } else { Ok(asked) }
    }

    /// The branch that a revision names, if it names one and not just a commit.
    fn branch_of(&self, revision: &str) -> Result<Option<String>, GitError> {
        let full_name = self.git.text(&["rev-parse", "--symbolic-full-name", "--verify", revision])?;
        let full_name = full_name.trim();
        let is_branch = full_name.starts_with("refs/heads/") || full_name.starts_with("refs/remotes/");
        Ok(is_branch.then(|| branch_name(full_name).to_owned()))
    }
}

/// The name of a branch as people say it: `refs/heads/main` and `refs/remotes/origin/main` are `main`.
pub fn branch_name(reference: &str) -> &str {
    let remote = reference.strip_prefix("refs/remotes/").and_then(|rest| rest.split_once('/'));
    match remote {
        Some((_, branch)) => branch,
        None => reference.strip_prefix("refs/heads/").unwrap_or(reference),
    }
}

/// The start of a text without the space around it.
pub(super) fn start(text: &str, max_chars: usize) -> String {
    text.trim().chars().take(max_chars).collect()
}

/// The path in an answer of one line; only its last byte is the line's end.
fn path_from_line(mut line: Vec<u8>) -> PathBuf {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    OsString::from_vec(line).into()
}
