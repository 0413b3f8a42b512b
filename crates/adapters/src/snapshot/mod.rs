//! The state before a change, kept on the runner's disk and put back by a rollback.
//!
//! A snapshot is taken before the first step and complete or absent: its manifest is written last, synced and renamed
//! into place, so a runner that was killed while taking it starts over. It is found again by change and run after a
//! restart. Files are readable only by the runner's user, because saved configuration may hold secrets. Saved bytes
//! and the manifest carry digests: a damaged copy is reported and never put back.

mod disk;
mod file;
mod remote;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::canonical::{Digest, NotCanonical};
use domain::id::ChangeId;
use domain::plan::definition::CAPTURES_TOTAL_MAX;
use domain::plan::{Capture, Cluster, Command, ReadBack, Router};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::execute::kubernetes::Kept;
use crate::execute::{Conclusion, ExecutionContext, run_to_end, signal_name};
use file::create_private_folder;
pub use file::{FILE_BYTES_MAX, FileState};
pub(crate) use file::{FileProblem, create_private, rewrite};

/// Most bytes of files in one snapshot.
pub const SNAPSHOT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Longest record of a captured program's output, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Longest command line in a report, in characters.
const COMMAND_LINE_CHARS_MAX: usize = 200;
/// Separates a snapshot's digest from those of other values.
const DIGEST_LABEL: &str = "cortex-change/snapshot/v1";

/// Where a runner keeps its snapshots.
#[derive(Debug, Clone)]
pub struct SnapshotStore {
    folder: PathBuf,
}

/// Which run of which change a snapshot belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotId {
    /// The change.
    pub change: ChangeId,
    /// Its run, counted by the caller.
    pub run: u64,
}

/// A complete snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Which run it belongs to.
    pub id: SnapshotId,
    /// One for each declared capture, in their order.
    pub items: Vec<Item>,
}

/// One captured thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case", deny_unknown_fields)]
pub enum Item {
    /// A file that was there.
    File {
        /// Its path as the plan names it.
        named: String,
        /// Where it is, links in folders resolved.
        path: PathBuf,
        /// What it was.
        state: FileState,
        /// The name of its saved bytes.
        saved_as: String,
    },
    /// A file that was not there.
    AbsentFile {
        /// Its path as the plan names it.
        named: String,
        /// Where it would be, links in folders resolved.
        path: PathBuf,
    },
    /// A program's output.
    Output {
        /// The program.
        command: Command,
        /// Longest run time, in milliseconds.
        timeout_millis: u64,
        /// What it printed.
        output: Output,
        /// Of the output.
        digest: Digest,
    },
    /// The weights of a router's targets.
    Weights {
        /// Who divides the traffic.
        router: Router,
        /// Target to weight.
        weights: BTreeMap<String, u32>,
        /// Of the weights.
        digest: Digest,
    },
    /// Objects of a Kubernetes cluster.
    Objects {
        /// Which cluster.
        cluster: Cluster,
        /// Each object as it was.
        kept: Vec<Kept>,
        /// Of the objects.
        digest: Digest,
    },
    /// A value that a service answers.
    Answer {
        /// Where it stands.
        read: ReadBack,
        /// What it was.
        output: Output,
        /// Of the value.
        digest: Digest,
    },
}

/// What a captured program came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its status.
    pub exit_status: i32,
    /// What it printed: secrets masked, at most [`OUTPUT_BYTES_MAX`] bytes of it.
    pub text: String,
}

/// What putting back came to, thing by thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// One for each item of the snapshot, in their order.
    pub items: Vec<RestoredItem>,
}

/// What putting back one thing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredItem {
    /// The path or the command line; secrets masked.
    pub name: String,
    /// What happened.
    pub result: Restored,
}

/// What happened to one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// It was as before already.
    Unchanged,
    /// It is as before again: read again and compared.
    PutBack,
    /// The file that had not been there is gone.
    Removed,
    /// The program prints the same as before.
    SameOutput,
    /// The program prints something else.
    OtherOutput {
        /// What it printed before the change.
        before: Output,
        /// What it prints now.
        after: Output,
    },
    /// It could not be put back or compared; with the reason.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A snapshot that cannot be taken, found or put back.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The place of the snapshots cannot be used.
    #[error("the snapshot in `{path}` cannot be kept or read: {source}", path = path.display())]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is one already, of the state before the change.
    #[error("{change} run {run} has a snapshot already: load it instead of taking another one")]
    AlreadyTaken {
        /// The change.
        change: ChangeId,
        /// The run.
        run: u64,
    },
    /// It does not have the form or the digest it was written with.
    #[error("the snapshot in `{path}` is damaged: {reason}; what it holds is not put back", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Too much to capture.
    #[error("{count} captures are declared: at most {CAPTURES_TOTAL_MAX} are taken")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A path that names no file.
    #[error("`{path}` names no file: it must end with a name and must not leave folders that do not exist by `..`", path = path.display())]
    NoFileName {
        /// The path.
        path: PathBuf,
    },
    /// Something else than a regular file.
    #[error("`{path}` is not a regular file but {kind}", path = path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What it is, and what to do.
        kind: &'static str,
    },
    /// A file over the limit.
    #[error("`{path}` has {bytes} bytes: files up to {FILE_BYTES_MAX} bytes are saved; use a command that backs it up", path = path.display())]
    FileTooLarge {
        /// The path.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// All files together are over the limit.
    #[error("`{path}` brings the snapshot over {SNAPSHOT_BYTES_MAX} bytes: capture less", path = path.display())]
    SnapshotTooLarge {
        /// The file with which the limit was passed.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("`{path}` cannot be read: {source}", path = path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file that is being written to.
    #[error("`{path}` changed while it was read: stop what writes to it and try again", path = path.display())]
    ChangedWhileRead {
        /// The path.
        path: PathBuf,
    },
    /// A file that cannot be put back or removed.
    #[error("`{path}` cannot be put back: {source}", path = path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file that something else changed right after it had been put back.
    #[error("`{path}` was put back but is not as before: something else writes to it", path = path.display())]
    NotAsBefore {
        /// The path.
        path: PathBuf,
    },
    /// A program whose output cannot be captured.
    #[error("`{command}` {reason}")]
    Command {
        /// The command line; secrets masked.
        command: String,
        /// What went wrong.
        reason: String,
    },
    /// A service that does not say or take what is needed.
    #[error("{reason}")]
    Service {
        /// What went wrong; secrets masked.
        reason: String,
    },
    /// Cancelled while taking or comparing.
    #[error("cancelled")]
    Cancelled,
    /// The task that works on files ended early.
    #[error("the work on the snapshot's files was broken off")]
    BrokenOff,
}

impl Restored {
    /// Whether the thing is now as it was before the change.
    pub fn is_as_before(&self) -> bool {
        match self {
            Self::Unchanged | Self::PutBack | Self::Removed | Self::SameOutput => true,
            Self::OtherOutput { .. } | Self::Failed { .. } => false,
        }
    }
}

impl RestoreReport {
    /// Whether everything could be put back and compared. Other output does not count against it.
    pub fn is_complete(&self) -> bool {
        !self.items.iter().any(|item| matches!(item.result, Restored::Failed { .. }))
    }
}

impl Snapshot {
    /// Digest over everything in it, the files' bytes by their digests.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn digest(&self) -> Result<Digest, NotCanonical> {
        Digest::of(DIGEST_LABEL, self)
    }
}

impl Item {
    /// Of the file's bytes or the program's output; absent when there was no such file.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::File { state, .. } => Some(state.digest),
            Self::AbsentFile { .. } => None,
            Self::Output { digest, .. }
            | Self::Weights { digest, .. }
            | Self::Objects { digest, .. }
            | Self::Answer { digest, .. } => Some(*digest),
        }
    }

    fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::File { path, .. } | Self::AbsentFile { path, .. } => Some(path),
            Self::Output { .. } | Self::Weights { .. } | Self::Objects { .. } | Self::Answer { .. } => None,
        }
    }

    /// Whether it is put back, as opposed to compared only.
    pub fn can_be_put_back(&self) -> bool {
        match self {
            Self::File { .. } | Self::AbsentFile { .. } | Self::Weights { .. } | Self::Objects { .. } => true,
            Self::Output { .. } | Self::Answer { .. } => false,
        }
    }

    fn command(&self) -> Option<&Command> {
        match self {
            Self::Output { command, .. } => Some(command),
            Self::File { .. }
            | Self::AbsentFile { .. }
            | Self::Weights { .. }
            | Self::Objects { .. }
            | Self::Answer { .. } => None,
        }
    }

    fn name(&self, context: &ExecutionContext) -> String {
        match self {
            Self::File { named, .. } | Self::AbsentFile { named, .. } => context.mask(named),
            Self::Output { command, .. } => command_line(command, context),
            Self::Weights { router, .. } => context.mask(&router.to_string()),
            Self::Objects { cluster, kept, .. } => {
                let objects = kept.iter().map(|kept| kept.object.to_string()).collect::<Vec<_>>();
                context.mask(&format!("{cluster}: {}", objects.join(", ")))
            }
            Self::Answer { read, .. } => context.mask(&read.request.url),
        }
    }
}

impl SnapshotStore {
    /// Uses `folder`, which is created if need be and closed to everybody but its owner.
    ///
    /// # Errors
    /// When the folder cannot be created or closed.
    pub fn open(folder: PathBuf) -> Result<Self, SnapshotError> {
        create_private_folder(&folder)
            .and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)))
            .map_err(|source| SnapshotError::Storage { path: folder.clone(), source })?;
        Ok(Self { folder })
    }

    /// Captures the state now: one item for each capture, in their order. What is declared twice is captured once.
    ///
    /// # Errors
    /// When anything cannot be captured, or the run has a snapshot already. Nothing is kept then.
    pub async fn take(
        &self,
        id: SnapshotId,
        captures: &[Capture],
        context: &ExecutionContext,
        cancel: &CancellationToken,
    ) -> Result<Snapshot, SnapshotError> {
        if captures.len() > CAPTURES_TOTAL_MAX {
            return Err(SnapshotError::TooMany { count: captures.len() });
        }
        let (store, folder) = (self.folder.clone(), self.folder_of(id));
        let run_folder = folder.clone();
        blocking(move || disk::begin(&store, &run_folder, id)).await?;
        let taken = take_into(&folder, id, captures, context, cancel).await;
        if taken.is_err() {
            // Half a snapshot is of no use and may hold secrets. What counts is the first error.
            let _left_behind = blocking(move || disk::discard(&folder)).await;
        }
        taken
    }

    /// The snapshot of a run, if one was completed here.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub async fn load(&self, id: SnapshotId) -> Result<Option<Snapshot>, SnapshotError> {
        let folder = self.folder_of(id);
        blocking(move || disk::read_manifest(&folder, id)).await
    }

    /// Puts back every file, removes the ones that were not there, and compares what the captured programs print now.
    /// Goes on after a failure: the report says what became of each thing. Doing it again changes nothing.
    pub async fn restore(
        &self,
        snapshot: &Snapshot,
        context: &ExecutionContext,
        cancel: &CancellationToken,
    ) -> RestoreReport {
        let (outputs, files): (Vec<_>, Vec<_>) =
            snapshot.items.iter().enumerate().partition(|(_, item)| item.command().is_some());
        let mut items = Vec::with_capacity(snapshot.items.len());
        // Outputs depend on files, so files come first.
        for (position, item) in files.into_iter().chain(outputs) {
            let result = match self.restore_item(snapshot.id, item, context, cancel).await {
                Ok(result) => result,
                Err(error) => Restored::Failed { reason: context.mask(&error.to_string()) },
            };
            items.push((position, RestoredItem { name: item.name(context), result }));
        }
        items.sort_by_key(|(position, _)| *position);
        RestoreReport { items: items.into_iter().map(|(_, item)| item).collect() }
    }

    /// Removes the snapshot of a run that is over.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove(&self, id: SnapshotId) -> Result<(), SnapshotError> {
        let folder = self.folder_of(id);
        blocking(move || disk::discard(&folder)).await
    }

    async fn restore_item(
        &self,
        id: SnapshotId,
        item: &Item,
        context: &ExecutionContext,
        cancel: &CancellationToken,
    ) -> Result<Restored, SnapshotError> {
        match item {
            Item::File { path, state, saved_as, .. } => {
                let temporary = format!(".cortex-change-restore-{}-{}-{saved_as}", id.change, id.run);
                let (path, state, saved) = (path.clone(), *state, self.folder_of(id).join(saved_as));
                blocking(move || {
                    let content = disk::read_saved(&saved, &state)?;
                    let done = file::put_back(&path, &state, &content, &temporary)?;
                    Ok(if done { Restored::PutBack } else { Restored::Unchanged })
                })
                .await
            }
            Item::AbsentFile { path, .. } => {
                let path = path.clone();
                blocking(move || {
                    file::remove(&path).map(|done| if done { Restored::Removed } else { Restored::Unchanged })
                })
                .await
            }
            Item::Output { command, timeout_millis, output: before, .. } => {
                let after = captured(command, *timeout_millis, context, cancel).await?;
                let same = after == *before;
                let before = before.clone();
                Ok(if same { Restored::SameOutput } else { Restored::OtherOutput { before, after } })
            }
            Item::Weights { router, weights, .. } => {
                remote::set_again(router, weights, context, cancel).await
            }
            Item::Objects { cluster, kept, .. } => {
                remote::objects_again(cluster, kept, context, cancel).await
            }
            Item::Answer { read, output, .. } => remote::compared(read, output, context, cancel).await,
        }
    }

    fn folder_of(&self, id: SnapshotId) -> PathBuf {
        self.folder.join(id.change.to_string()).join(id.run.to_string())
    }
}

async fn take_into(
    folder: &Path,
    id: SnapshotId,
    captures: &[Capture],
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Snapshot, SnapshotError> {
    let mut files = Vec::new();
    let mut commands = Vec::new();
    let mut services = Vec::new();
    for (position, capture) in captures.iter().enumerate() {
        match capture {
            Capture::File { path } => files.push((position, path.clone(), context.path(path))),
            Capture::Command { command, timeout_millis } => {
                commands.push((position, command, *timeout_millis))
            }
            Capture::Weights { .. } | Capture::Objects { .. } | Capture::Answer { .. } => {
                services.push((position, capture))
            }
        }
    }
    let files_folder = folder.to_owned();
    let mut items = blocking(move || disk::save_files(files, &files_folder)).await?;
    for (position, capture) in services {
        items.extend(remote::take(capture, context, cancel).await?.map(|item| (position, item)));
    }
    for (position, command, timeout_millis) in commands {
        let taken = items.iter().map(|(_, item)| item).find(|item| item.command() == Some(command));
        let item = match taken {
            Some(item) => item.clone(),
            None => take_output(command, timeout_millis, context, cancel).await?,
        };
        items.push((position, item));
    }
    items.sort_by_key(|(position, _)| *position);
    let items = items.into_iter().map(|(_, item)| item).collect();
    let snapshot = Snapshot { id, items };
    let (manifest_folder, kept) = (folder.to_owned(), snapshot.clone());
    blocking(move || disk::write_manifest(&manifest_folder, kept)).await?;
    Ok(snapshot)
}

/// Runs work on files where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(SnapshotError::BrokenOff))
}

async fn take_output(
    command: &Command,
    timeout_millis: u64,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Item, SnapshotError> {
    let output = captured(command, timeout_millis, context, cancel).await?;
    let digest = Digest::of_bytes(output.text.as_bytes());
    Ok(Item::Output { command: command.clone(), timeout_millis, output, digest })
}

async fn captured(
    command: &Command,
    timeout_millis: u64,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Output, SnapshotError> {
    let limit = Duration::from_millis(timeout_millis);
    let finished = run_to_end(command, limit, context, cancel, OUTPUT_BYTES_MAX).await;
    let failed = |reason| Err(SnapshotError::Command { command: command_line(command, context), reason });
    match finished.conclusion {
        Conclusion::Exited(exit_status) => Ok(Output { exit_status, text: finished.log }),
        Conclusion::Signalled(signal) => failed(format!("ended by {}", signal_name(signal))),
        Conclusion::Unknown(reason) => failed(format!("has no output: {reason}")),
        Conclusion::TimedOut => failed(format!("did not end within {timeout_millis} ms")),
        Conclusion::Cancelled => Err(SnapshotError::Cancelled),
    }
}

fn command_line(command: &Command, context: &ExecutionContext) -> String {
    let line = context.masker_of(command).mask(&command.argv.join(" "));
    line.chars().take(COMMAND_LINE_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
