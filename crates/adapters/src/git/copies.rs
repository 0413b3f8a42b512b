//! Working copies of their own: a commit checked out into a folder that nothing else uses.

use std::path::Path;
use std::time::Duration;

use super::program::Git;
use super::{CommitId, GitError, Repository};

/// How long checking a commit out, fetching one or removing a working copy may take.
const COPY_TIMEOUT: Duration = Duration::from_secs(600);

impl Repository {
    /// Checks `commit` out into `folder`, which must not exist yet. The copy shares the repository's objects; its files are
    /// its own. A commit that is not here is fetched from the remotes first.
    ///
    /// # Errors
    /// When there is no such commit, or git cannot check it out.
    pub fn check_out(&self, commit: &CommitId, folder: &Path) -> Result<(), GitError> {
        let git = self.patient();
        if self.resolve(commit.as_str()).is_err() {
            git.output(&["fetch", "--quiet", "--all", "--no-tags"])?;
            self.resolve(commit.as_str())?;
        }
        // A copy whose folder was removed by hand is still known to git.
        git.output(&["worktree", "prune"])?;
        let folder = folder.to_string_lossy();
        git.output(&["worktree", "add", "--quiet", "--detach", "--", &folder, commit.as_str()])?;
        Ok(())
    }

    /// Removes a working copy with whatever has become of its files. One that is gone already needs no removal.
    ///
    /// # Errors
    /// When git cannot remove it.
    pub fn remove_copy(&self, folder: &Path) -> Result<(), GitError> {
        let git = self.patient();
        if folder.exists() {
            let folder = folder.to_string_lossy();
            git.output(&["worktree", "remove", "--force", "--force", "--", &folder])?;
        }
        git.output(&["worktree", "prune"]).map(|_pruned| ())
    }

    fn patient(&self) -> Git {
        self.git().with_timeout(COPY_TIMEOUT)
    }
}
