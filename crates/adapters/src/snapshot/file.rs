//! One file: saved with its digest, put back in one step, compared afterwards. Synchronous: see the callers.
//!
//! Kept are bytes, mode and owner. Not kept: times, extended attributes, access control lists and hard links.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use domain::canonical::Digest;
use serde::{Deserialize, Serialize};

use super::SnapshotError;

/// Largest file that is saved, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The bits of a mode that are kept: permissions, set-id and sticky.
const MODE_BITS: u32 = 0o7777;

/// What is kept of a file besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Of the bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub bytes: u64,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
}

/// The place a path means now: symbolic links in its folders resolved, so that a rollback finds the same place when a
/// step has switched such a link. The last part is left as it is.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, SnapshotError> {
    let unreadable = |source| SnapshotError::Read { path: path.to_owned(), source };
    let mut missing = Vec::new();
    let mut at = path;
    loop {
        let (Some(folder), Some(name)) = (at.parent(), at.file_name()) else {
            return Err(SnapshotError::NoFileName { path: path.to_owned() });
        };
        missing.push(name);
        match folder.canonicalize() {
            Ok(folder) => return Ok(missing.iter().rev().fold(folder, |path, name| path.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => at = folder,
            Err(error) => return Err(unreadable(error)),
        }
    }
}

/// Reads a regular file; `None` when there is nothing at `path`.
pub(super) fn read(path: &Path) -> Result<Option<(FileState, Vec<u8>)>, SnapshotError> {
    let unreadable = |source| SnapshotError::Read { path: path.to_owned(), source };
    let seen = match fs::symlink_metadata(path) {
        Ok(seen) => seen,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    if !seen.is_file() {
        return Err(SnapshotError::NotRegular { path: path.to_owned(), kind: kind_of(&seen) });
    }
    let too_large = |bytes| SnapshotError::FileTooLarge { path: path.to_owned(), bytes };
    if seen.len() > FILE_BYTES_MAX {
        return Err(too_large(seen.len()));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut content = Vec::new();
    let bytes = (&mut file).take(FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(unreadable)?;
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    if bytes > FILE_BYTES_MAX {
        return Err(too_large(bytes));
    }
    // A file that was written to or replaced meanwhile would be saved in a state it never had.
    let after = file.metadata().map_err(unreadable)?;
    let version =
        |m: &Metadata| (m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
    if version(&seen) != version(&after) || bytes != after.len() {
        return Err(SnapshotError::ChangedWhileRead { path: path.to_owned() });
    }
    let (mode, owner, group) = (after.mode() & MODE_BITS, after.uid(), after.gid());
    Ok(Some((FileState { digest: Digest::of_bytes(&content), bytes, mode, owner, group }, content)))
}

fn kind_of(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_symlink() {
        "a symbolic link; capture the file it points to"
    } else if kind.is_dir() {
        "a folder; capture its files"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Makes `path` a regular file with these bytes and this state: complete or not at all, and durable. `temporary` is
/// the name under which it is prepared in the same folder. Says whether anything had to be done.
pub(super) fn put_back(
    path: &Path,
    state: &FileState,
    content: &[u8],
    temporary: &str,
) -> Result<bool, SnapshotError> {
    let unwritable = |source| SnapshotError::Write { path: path.to_owned(), source };
    if is_in_state(path, state) {
        return Ok(false);
    }
    let folder = path.parent().ok_or_else(|| SnapshotError::NoFileName { path: path.to_owned() })?;
    create_folders(folder).map_err(unwritable)?;
    let prepared = folder.join(temporary);
    let moved = prepare(&prepared, state, content).and_then(|()| fs::rename(&prepared, path));
    if let Err(error) = moved {
        // Nothing may be there; what counts is the first error.
        let _absent = fs::remove_file(&prepared);
        return Err(unwritable(error));
    }
    sync_folder(folder).map_err(unwritable)?;
    if is_in_state(path, state) {
        Ok(true)
    } else {
        Err(SnapshotError::NotAsBefore { path: path.to_owned() })
    }
}

fn is_in_state(path: &Path, state: &FileState) -> bool {
    read(path).is_ok_and(|found| found.is_some_and(|(found, _)| found == *state))
}

fn prepare(path: &Path, state: &FileState, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // Left over from a restore that did not end.
        Ok(()) | Err(_) => {}
    }
    let mut file = create_private(path)?;
    file.write_all(content)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (state.owner, state.group) {
        fchown(&file, Some(state.owner), Some(state.group))?;
    }
    // After the owner, because changing that clears the set-id bits.
    file.set_permissions(Permissions::from_mode(state.mode))?;
    file.sync_all()
}

/// Removes what is at `path` unless it is a folder. Says whether anything had to be done.
pub(super) fn remove(path: &Path) -> Result<bool, SnapshotError> {
    let unwritable = |source| SnapshotError::Write { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(unwritable(error)),
        Ok(found) if found.is_dir() => {
            Err(SnapshotError::NotRegular { path: path.to_owned(), kind: "a folder now; remove it by hand" })
        }
        Ok(_) => {
            fs::remove_file(path).map_err(unwritable)?;
            path.parent().map_or(Ok(()), sync_folder).map_err(unwritable)?;
            Ok(true)
        }
    }
}

/// A file that cannot be rewritten.
#[derive(Debug)]
pub(crate) enum FileProblem {
    /// It cannot be read or written.
    File(SnapshotError),
    /// What it holds is not as it must be; with the reason.
    Content(String),
}

/// Replaces a file's bytes in one step: mode and owner stay, and nobody ever sees half of it. Nothing is done when the
/// bytes stay the same.
pub(crate) fn rewrite(
    path: &Path,
    edit: impl FnOnce(&[u8]) -> Result<Vec<u8>, String>,
) -> Result<(), FileProblem> {
    let path = resolve(path).map_err(FileProblem::File)?;
    let found = read(&path).map_err(FileProblem::File)?;
    let (state, before) = found.ok_or_else(|| FileProblem::Content("there is no such file".to_owned()))?;
    let after = edit(&before).map_err(FileProblem::Content)?;
    let bytes = u64::try_from(after.len()).unwrap_or(u64::MAX);
    let wanted = FileState { digest: Digest::of_bytes(&after), bytes, ..state };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = format!(".{name}.cortex-change-{}", std::process::id());
    put_back(&path, &wanted, &after, &temporary).map(|_done| ()).map_err(FileProblem::File)
}

/// Creates a file that only its owner can read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Creates a folder that only its owner can enter, and its parents.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a folder and its parents where they are missing, durably.
fn create_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return Ok(()) };
    create_folders(parent)?;
    fs::create_dir(path)?;
    sync_folder(parent)
}

/// Makes renames and new names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
