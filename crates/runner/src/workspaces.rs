//! A working copy for each change: the commit it was approved for, checked out into a folder that nothing else uses.
//!
//! The folder is named after the change, so that whoever takes the change over on this machine goes on with the same files.
//! It stays as long as the change may be gone on with or taken back here, and is removed when it is over. Which commit a
//! copy is of is written beside it when it is whole: one without that was never worked in.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use adapters::git::{CommitId, GitError, Repository};
use domain::id::ChangeId;

/// Most working copies that are kept of changes that are not under way but may yet be taken back. They are whole checkouts.
pub const WORKSPACES_KEPT_MAX: usize = 16;
/// Held by the runner that works with the folder.
const LOCK_FILE: &str = ".lock";
/// Below the folder of a change: its files.
const TREE_FOLDER: &str = "tree";
/// Beside its files: the commit that they are of.
const COMMIT_FILE: &str = "commit";
/// The copies hold what the steps leave there.
const FOLDER_MODE: u32 = 0o700;

/// Why a change has no working copy of its own.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Two runners would remove each other's copies.
    #[error("`{}` is used by another runner: give this one a folder of its own", folder.display())]
    InUse {
        /// The folder for working copies.
        folder: PathBuf,
    },
    /// The operating system refuses.
    #[error("`{}` cannot be used for working copies", path.display())]
    Folder {
        /// What cannot be used.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A commit that is not one of git's.
    #[error("`{given}` is no full commit id: expected 40 or 64 hexadecimal digits in lower case")]
    NoCommit {
        /// What the change names.
        given: String,
    },
    /// Too much is kept.
    #[error(
        "`{}` holds {kept} working copies: close or take back the changes they are of, or remove what is no longer needed",
        folder.display()
    )]
    Full {
        /// The folder for working copies.
        folder: PathBuf,
        /// How many there are.
        kept: usize,
    },
    /// Git refuses.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The thread that waited for git broke off.
    #[error("the work on the working copy broke off")]
    BrokenOff(#[source] tokio::task::JoinError),
}

/// Where working copies are made, and of what. Nobody else works with the folder as long as this value or a clone is there.
#[derive(Debug, Clone)]
pub struct Workspaces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    repository: Repository,
    folder: PathBuf,
    /// One fetch at a time, …
    fetching: Mutex<()>,
    /// … and apart from that one checkout or removal: a copy is not waited for because of another one's slow remote.
    copying: Mutex<()>,
    /// Locked until it is closed, also when the process is killed.
    _lock: File,
}

/// A working copy that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Whose it is.
    pub change: ChangeId,
    /// Whether it was finished; what was not was never worked in.
    pub is_whole: bool,
}

impl Workspaces {
    /// Working copies of `repository`, made below `folder`, which is made where it is not there.
    ///
    /// # Errors
    /// When the folder cannot be used, or another runner uses it.
    pub fn open(repository: Repository, folder: PathBuf) -> Result<Self, WorkspaceError> {
        let refused = |path: &Path, source| WorkspaceError::Folder { path: path.to_owned(), source };
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder);
        made.map_err(|error| refused(&folder, error))?;
        // Git is told of it from another folder.
        let folder = folder.canonicalize().map_err(|error| refused(&folder, error))?;
        let file = folder.join(LOCK_FILE);
        let lock = File::create(&file).map_err(|error| refused(&file, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WorkspaceError::InUse { folder }),
            Err(TryLockError::Error(error)) => return Err(refused(&file, error)),
        }
        let (fetching, copying) = (Mutex::new(()), Mutex::new(()));
        Ok(Self(Arc::new(Inner { repository, folder, fetching, copying, _lock: lock })))
    }

    /// A change's working copy of `commit`: the one that is there, whatever has become of its files, or a new one. With
    /// `most`, none is made where as many are there.
    ///
    /// # Errors
    /// When the commit is not to be had, or git cannot check it out.
    pub async fn provide(
        &self,
        change: ChangeId,
        commit: &str,
        most: Option<usize>,
    ) -> Result<PathBuf, WorkspaceError> {
        let given = || WorkspaceError::NoCommit { given: commit.to_owned() };
        let commit = CommitId::parse(commit).ok_or_else(given)?;
        self.blocking(move |inner| inner.provide(change, &commit, most)).await
    }

    /// Removes a change's working copy; nothing where there is none.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove(&self, change: ChangeId) -> Result<(), WorkspaceError> {
        self.blocking(move |inner| inner.remove(&inner.folder_of(change))).await
    }

    /// The working copies that are there.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn kept(&self) -> Result<Vec<Kept>, WorkspaceError> {
        self.blocking(|inner| inner.kept()).await
    }

    /// Git is waited for on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, WorkspaceError> + Send + 'static,
    ) -> Result<T, WorkspaceError> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(WorkspaceError::BrokenOff(error)))
    }
}

impl Inner {
    fn provide(
        &self,
        change: ChangeId,
        commit: &CommitId,
        most: Option<usize>,
    ) -> Result<PathBuf, WorkspaceError> {
        let own = self.folder_of(change);
        let tree = own.join(TREE_FOLDER);
        if commit_of(&own).as_ref() == Some(commit) && tree.is_dir() {
            return Ok(tree);
        }
        {
            let _turn = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            self.repository.obtain(commit)?;
        }
        self.remove(&own)?;
        let kept = self.kept()?.len();
        if most.is_some_and(|most| kept >= most) {
            return Err(WorkspaceError::Full { folder: self.folder.clone(), kept });
        }
        let _turn = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        fs::create_dir_all(&own).map_err(|source| folder_error(&own, source))?;
        self.repository.check_out(commit, &tree)?;
        let file = own.join(COMMIT_FILE);
        fs::write(&file, commit.as_str()).map_err(|source| folder_error(&file, source))?;
        Ok(tree)
    }

    fn remove(&self, own: &Path) -> Result<(), WorkspaceError> {
        if !own.exists() {
            return Ok(());
        }
        let _turn = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        // First of all it is no longer whole: one that is half removed is not worked in.
        match fs::remove_file(own.join(COMMIT_FILE)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(folder_error(own, source));
            }
            Ok(()) | Err(_) => {}
        }
        self.repository.remove_copy(&own.join(TREE_FOLDER))?;
        fs::remove_dir_all(own).map_err(|source| folder_error(own, source))
    }

    fn kept(&self) -> Result<Vec<Kept>, WorkspaceError> {
        let entries = fs::read_dir(&self.folder).map_err(|source| folder_error(&self.folder, source))?;
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| folder_error(&self.folder, source))?;
            let name = entry.file_name();
            // What else lies there is not ours.
            let Some(change) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            kept.push(Kept { change, is_whole: commit_of(&entry.path()).is_some() });
        }
        kept.sort_by_key(|kept| kept.change);
        Ok(kept)
    }

    fn folder_of(&self, change: ChangeId) -> PathBuf {
        self.folder.join(change.to_string())
    }
}

/// The commit that a change's files are of; nothing where they were never whole.
fn commit_of(own: &Path) -> Option<CommitId> {
    CommitId::parse(&fs::read_to_string(own.join(COMMIT_FILE)).ok()?)
}

fn folder_error(path: &Path, source: io::Error) -> WorkspaceError {
    WorkspaceError::Folder { path: path.to_owned(), source }
}
