//! Working copies of their own: a commit checked out into a folder that nothing else uses.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::program::Git;
use super::{CommitId, GitError, Repository};

/// How long checking a commit out or removing a working copy may take.
const COPY_TIMEOUT: Duration = Duration::from_secs(600);
/// How long fetching may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(300);

/// From every remote, without asking anybody, and without a program that tidies up behind our back.
const FETCH: &[&str] =
    &["fetch", "--quiet", "--all", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance"];

impl Repository {
    /// Opens the clone in `folder`, which may be one without a working tree.
    ///
    /// # Errors
    /// When there is none, or git cannot say so.
    pub fn open(folder: &Path) -> Result<Self, GitError> {
        match Self::discover(folder) {
            Err(nowhere @ GitError::NotARepository { .. }) => {
                let answer = Git::new(folder).ask(&["rev-parse", "--is-bare-repository"])?;
                let is_bare = answer.succeeded() && answer.stdout.trim_ascii() == b"true";
                if is_bare { Ok(Self::bare(folder)) } else { Err(nowhere) }
            }
            found => found,
        }
    }

    /// Makes sure that a commit is here: one that is not is fetched, once.
    ///
    /// # Errors
    /// When the remotes cannot be asked, or do not have it either.
    pub fn obtain(&self, commit: &CommitId) -> Result<(), GitError> {
        if self.has(commit)? {
            return Ok(());
        }
        self.git().with_timeout(FETCH_TIMEOUT).output(FETCH)?;
        if self.has(commit)? {
            return Ok(());
        }
        Err(GitError::NotToBeHad { commit: commit.to_string(), folder: self.root().to_owned() })
    }

    /// Checks `commit` out into `folder`, which must not exist yet. The copy shares the repository's objects; its files are
    /// its own. A commit that is not here is fetched from the remotes first.
    ///
    /// # Errors
    /// When there is no such commit, or git cannot check it out.
    pub fn check_out(&self, commit: &CommitId, folder: &Path) -> Result<(), GitError> {
        self.obtain(commit)?;
        let git = self.git().with_timeout(COPY_TIMEOUT);
        // A copy whose folder was removed by hand is still known to git.
        git.output(&["worktree", "prune"])?;
        let folder = folder.to_string_lossy();
        // What a killed git has begun is known as locked; nothing is there, so nothing is overridden.
        let add = ["worktree", "add", "--quiet", "--force", "--force", "--detach", "--"];
        git.output(&[add.as_slice(), &[&folder, commit.as_str()]].concat())?;
        Ok(())
    }

    /// Removes a working copy with whatever has become of its files, also one that was never finished. One that is gone
    /// already needs no removal.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_copy(&self, folder: &Path) -> Result<(), GitError> {
        let git = self.git().with_timeout(COPY_TIMEOUT);
        if folder.exists() {
            let shown = folder.to_string_lossy();
            let remove = ["worktree", "remove", "--force", "--force", "--", &shown];
            if !git.ask(&remove)?.succeeded() {
                // One that was never finished, or that git has forgotten: its files first, then what git knows of it.
                remove_folder(folder)?;
                git.ask(&remove)?;
            }
        }
        git.output(&["worktree", "prune"]).map(|_pruned| ())
    }

    fn has(&self, commit: &CommitId) -> Result<bool, GitError> {
        Ok(self.git().ask(&["cat-file", "-e", &format!("{commit}^{{commit}}")])?.succeeded())
    }
}

fn remove_folder(folder: &Path) -> Result<(), GitError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(GitError::Folder { folder: folder.to_owned(), source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
