//! The working tree that steps run in, and whether it is what was approved.

use std::path::Path;

use adapters::git::{CommitId, GitError, Repository, WorkingTree};

use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::working_tree::modified_files;

/// A git checkout and what is checked out.
#[derive(Debug)]
pub(super) struct Checkout {
    repository: Repository,
    tree: WorkingTree,
}

impl Checkout {
    /// The checkout that holds `folder`; nothing where there is none, or no git to ask.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>, Failure> {
        let repository = match Repository::discover(folder) {
            Ok(repository) => repository,
            Err(GitError::NotARepository { .. } | GitError::NotInstalled) => return Ok(None),
            Err(error) => return Err(Failure::of(&error)),
        };
        match repository.working_tree() {
            Ok(tree) => Ok(Some(Self { repository, tree })),
            // A repository without a single commit holds nothing that could have been approved.
            Err(GitError::UnknownRevision { .. }) => Ok(None),
            Err(error) => Err(Failure::of(&error)),
        }
    }

    /// The top folder of the working tree.
    pub(super) fn root(&self) -> &Path {
        self.repository.root()
    }

    /// The repository.
    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The commit that is checked out.
    pub(super) fn head(&self) -> &CommitId {
        &self.tree.head
    }

    /// The commit that is checked out, if every tracked file is as in it.
    pub(super) fn unmodified_commit(&self) -> Option<String> {
        self.tree.holds(&self.tree.head).then(|| self.tree.head.to_string())
    }
}

/// Refuses a working tree in which something else than `approved` would run.
pub(super) fn check(checkout: Option<&Checkout>, approved: &str) -> Result<(), Failure> {
    let refused = |what: String| Failure::new(what).with_status(ExitStatus::Refused);
    let Some(checkout) = checkout else {
        return Err(refused(format!("commit {approved} was approved, but this folder is no git checkout"))
            .next("run it in a checkout of that commit"));
    };
    let tree = &checkout.tree;
    if CommitId::parse(approved).is_none_or(|approved| tree.head != approved) {
        return Err(refused(format!("commit {approved} was approved, but {} is checked out", tree.head))
            .next(format!("`git checkout {approved}`, or amend the change and have it approved")));
    }
    if tree.modified_files > 0 {
        let count = tree.modified_files;
        return Err(refused(format!("{count} files of the working tree differ from the approved commit"))
            .at(checkout.root().display().to_string(), modified_files(tree))
            .next("commit or discard the modifications: what was approved is what runs"));
    }
    Ok(())
}
