//! The state before a change, kept on the runner's disk and put back by a rollback.
//!
//! A snapshot is taken before the first step and complete or absent: its manifest is written last, synced and renamed
//! into place, so a runner that was killed while taking it starts over. It is found again by change and run after a
//! restart. Files are readable only by the runner's user, because saved configuration may hold secrets. Saved bytes
//! and the manifest carry digests: a damaged copy is reported and never put back.

mod file;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::canonical::{Digest, NotCanonical};
use domain::id::ChangeId;
use domain::plan::{Capture, Command};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::execute::{Conclusion, ExecutionContext, run_to_end};
pub use file::{FILE_BYTES_MAX, FileState};
use file::{create_private, create_private_folder, sync_folder};

/// Most bytes of files in one snapshot.
pub const SNAPSHOT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most captures in one snapshot.
pub const CAPTURES_MAX: usize = 1_000;
/// Longest record of a captured program's output, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Longest manifest, in bytes: every output at its longest, escaped.
const MANIFEST_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Longest command line in a report, in characters.
const COMMAND_LINE_CHARS_MAX: usize = 200;
/// Separates a snapshot's digest from those of other values.
const DIGEST_LABEL: &str = "cortex-change/snapshot/v1";
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";

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
    /// What was captured, each thing once.
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
    /// In the order of the snapshot.
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
    /// The file is as before again: bytes compared.
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
    #[error("{count} captures are declared: at most {CAPTURES_MAX} are taken")]
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
    /// Cancelled while taking or comparing.
    #[error("cancelled")]
    Cancelled,
    /// The task that works on files ended early.
    #[error("the work on the snapshot's files was broken off")]
    BrokenOff,
}

/// What is on disk: the snapshot with its digest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    digest: Digest,
    snapshot: Snapshot,
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
    fn name(&self, context: &ExecutionContext) -> String {
        match self {
            Self::File { named, .. } | Self::AbsentFile { named, .. } => context.mask(named),
            Self::Output { command, .. } => command_line(command, context),
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

    /// Captures the state now. Equal captures are taken once.
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
        if captures.len() > CAPTURES_MAX {
            return Err(SnapshotError::TooMany { count: captures.len() });
        }
        let (store, folder) = (self.folder.clone(), self.folder_of(id));
        let run_folder = folder.clone();
        blocking(move || begin(&store, &run_folder, id)).await?;
        let taken = take_into(&folder, id, captures, context, cancel).await;
        if taken.is_err() {
            // Half a snapshot is of no use and may hold secrets. What counts is the first error.
            let _left_behind = blocking(move || discard(&folder)).await;
        }
        taken
    }

    /// The snapshot of a run, if one was completed here.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub async fn load(&self, id: SnapshotId) -> Result<Option<Snapshot>, SnapshotError> {
        let folder = self.folder_of(id);
        blocking(move || read_manifest(&folder, id)).await
    }

    /// Puts back every file, removes the ones that were not there, and compares what the captured programs print now.
    /// Goes on after a failure: the report says what became of each thing. Doing it again changes nothing.
    pub async fn restore(
        &self,
        snapshot: &Snapshot,
        context: &ExecutionContext,
        cancel: &CancellationToken,
    ) -> RestoreReport {
        let mut items = Vec::with_capacity(snapshot.items.len());
        // Outputs depend on files, so files come first; `take` has put them first.
        for item in &snapshot.items {
            let result = match self.restore_item(snapshot.id, item, context, cancel).await {
                Ok(result) => result,
                Err(error) => Restored::Failed { reason: context.mask(&error.to_string()) },
            };
            items.push(RestoredItem { name: item.name(context), result });
        }
        RestoreReport { items }
    }

    /// Removes the snapshot of a run that is over.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove(&self, id: SnapshotId) -> Result<(), SnapshotError> {
        let folder = self.folder_of(id);
        blocking(move || discard(&folder)).await
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
                    let content = read_saved(&saved, &state)?;
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
    let mut commands: Vec<(&Command, u64)> = Vec::new();
    for capture in captures {
        match capture {
            Capture::File { path } => files.push((path.clone(), context.path(path))),
            Capture::Command { command, .. } if commands.iter().any(|(taken, _)| *taken == command) => {}
            Capture::Command { command, timeout_millis } => commands.push((command, *timeout_millis)),
        }
    }
    let files_folder = folder.to_owned();
    let mut items = blocking(move || save_files(&files, &files_folder)).await?;
    for (command, timeout_millis) in commands {
        let output = captured(command, timeout_millis, context, cancel).await?;
        let digest = Digest::of_bytes(output.text.as_bytes());
        items.push(Item::Output { command: command.clone(), timeout_millis, output, digest });
    }
    let snapshot = Snapshot { id, items };
    let (manifest_folder, kept) = (folder.to_owned(), snapshot.clone());
    blocking(move || write_manifest(&manifest_folder, kept)).await?;
    Ok(snapshot)
}

/// Runs work on files where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(SnapshotError::BrokenOff))
}

fn storage(path: &Path) -> impl Fn(io::Error) -> SnapshotError {
    move |source| SnapshotError::Storage { path: path.to_owned(), source }
}

/// Makes an empty, durable folder for a run. What a broken off attempt left there is removed.
fn begin(store: &Path, folder: &Path, id: SnapshotId) -> Result<(), SnapshotError> {
    if folder.join(MANIFEST).try_exists().map_err(storage(folder))? {
        return Err(SnapshotError::AlreadyTaken { change: id.change, run: id.run });
    }
    discard(folder)?;
    create_private_folder(folder).map_err(storage(folder))?;
    sync_folder(folder.parent().unwrap_or(store)).map_err(storage(folder))?;
    sync_folder(store).map_err(storage(store))
}

fn discard(folder: &Path) -> Result<(), SnapshotError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(storage(folder)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn save_files(files: &[(String, PathBuf)], folder: &Path) -> Result<Vec<Item>, SnapshotError> {
    check_total(files.iter().map(|(_, path)| path))?;
    let mut items: Vec<Item> = Vec::new();
    for (named, path) in files {
        let path = file::resolve(path)?;
        let is_path = |item: &Item| match item {
            Item::File { path: taken, .. } | Item::AbsentFile { path: taken, .. } => *taken == path,
            Item::Output { .. } => false,
        };
        if items.iter().any(is_path) {
            continue;
        }
        let named = named.clone();
        let Some((state, content)) = file::read(&path)? else {
            items.push(Item::AbsentFile { named, path });
            continue;
        };
        let saved_as = format!("{:04}", items.len());
        write_durably(&folder.join(&saved_as), &content)?;
        items.push(Item::File { named, path, state, saved_as });
    }
    Ok(items)
}

/// Refuses too much before anything is copied. A file that grows after this is noticed when it is read.
fn check_total<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<(), SnapshotError> {
    let distinct: BTreeSet<&PathBuf> = paths.collect();
    let mut total_bytes: u64 = 0;
    for path in distinct {
        let bytes =
            fs::symlink_metadata(path).map_or(0, |found| if found.is_file() { found.len() } else { 0 });
        total_bytes = total_bytes.saturating_add(bytes);
        if total_bytes > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::SnapshotTooLarge { path: path.clone() });
        }
    }
    Ok(())
}

fn write_durably(path: &Path, content: &[u8]) -> Result<(), SnapshotError> {
    create_private(path)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .map_err(storage(path))
}

fn write_manifest(folder: &Path, snapshot: Snapshot) -> Result<(), SnapshotError> {
    let path = folder.join(MANIFEST);
    let unwritable = |reason: String| storage(&path)(io::Error::other(reason));
    let digest = snapshot.digest().map_err(|error| unwritable(error.to_string()))?;
    let manifest = Manifest { format: FORMAT, digest, snapshot };
    let json = serde_json::to_vec_pretty(&manifest).map_err(|error| unwritable(error.to_string()))?;
    let prepared = folder.join("manifest.json.new");
    write_durably(&prepared, &json)?;
    fs::rename(&prepared, &path).and_then(|()| sync_folder(folder)).map_err(storage(&path))
}

fn read_manifest(folder: &Path, id: SnapshotId) -> Result<Option<Snapshot>, SnapshotError> {
    let path = folder.join(MANIFEST);
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(storage(&path)(error)),
    };
    let damaged = |reason: &str| SnapshotError::Damaged { path: path.clone(), reason: reason.to_owned() };
    let mut json = Vec::new();
    file.take(MANIFEST_BYTES_MAX).read_to_end(&mut json).map_err(storage(&path))?;
    let manifest: Manifest = serde_json::from_slice(&json).map_err(|error| damaged(&error.to_string()))?;
    if manifest.format != FORMAT {
        return Err(damaged("its format is not known to this version"));
    }
    let digest = manifest.snapshot.digest().map_err(|error| damaged(&error.to_string()))?;
    if digest != manifest.digest {
        return Err(damaged("its digest is not the recorded one"));
    }
    if manifest.snapshot.id != id {
        return Err(damaged("it belongs to another run"));
    }
    Ok(Some(manifest.snapshot))
}

fn read_saved(path: &Path, state: &FileState) -> Result<Vec<u8>, SnapshotError> {
    let damaged = |reason: &str| SnapshotError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let mut content = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content))
        .map_err(storage(path))?;
    if Digest::of_bytes(&content) == state.digest {
        Ok(content)
    } else {
        Err(damaged("its digest is not the recorded one"))
    }
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
        Conclusion::Signalled(signal) => failed(format!("ended by {signal}")),
        Conclusion::Unknown(reason) => failed(format!("has no output: {reason}")),
        Conclusion::TimedOut => failed(format!("did not end within {timeout_millis} ms")),
        Conclusion::Cancelled => Err(SnapshotError::Cancelled),
    }
}

fn command_line(command: &Command, context: &ExecutionContext) -> String {
    let line = context.masker_of(command).mask(&command.argv.join(" "));
    line.chars().take(COMMAND_LINE_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
