//! A run's folder on disk: saved bytes under numbers, and the manifest that is written last. Synchronous.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use domain::canonical::Digest;
use serde::{Deserialize, Serialize};

use super::file::{self, FILE_BYTES_MAX, FileState, create_private, create_private_folder, sync_folder};
use super::{Item, SNAPSHOT_BYTES_MAX, Snapshot, SnapshotError, SnapshotId};

/// Longest manifest, in bytes: every output at its longest, escaped.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";

/// What is on disk: the snapshot with its digest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    digest: Digest,
    snapshot: Snapshot,
}

/// Makes an empty, durable folder for a run. What a broken off attempt left there is removed.
pub(super) fn begin(store: &Path, folder: &Path, id: SnapshotId) -> Result<(), SnapshotError> {
    if folder.join(MANIFEST).try_exists().map_err(storage(folder))? {
        return Err(SnapshotError::AlreadyTaken { change: id.change, run: id.run });
    }
    discard(folder)?;
    create_private_folder(folder).map_err(storage(folder))?;
    sync_folder(folder.parent().unwrap_or(store)).map_err(storage(folder))?;
    sync_folder(store).map_err(storage(store))
}

pub(super) fn discard(folder: &Path) -> Result<(), SnapshotError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(storage(folder)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Saves files, each with its position. A file that is named twice is saved once.
pub(super) fn save_files(
    files: Vec<(usize, String, PathBuf)>,
    folder: &Path,
) -> Result<Vec<(usize, Item)>, SnapshotError> {
    check_total(files.iter().map(|(_, _, path)| path))?;
    let mut items: Vec<(usize, Item)> = Vec::with_capacity(files.len());
    for (position, named, path) in files {
        let path = file::resolve(&path)?;
        let saved = items.iter().map(|(_, item)| item).find(|item| item.path() == Some(&path));
        let item = match saved {
            Some(item) => item.clone(),
            None => save_file(named, path, format!("{position:04}"), folder)?,
        };
        items.push((position, item));
    }
    Ok(items)
}

fn save_file(named: String, path: PathBuf, saved_as: String, folder: &Path) -> Result<Item, SnapshotError> {
    let Some((state, content)) = file::read(&path)? else { return Ok(Item::AbsentFile { named, path }) };
    write_durably(&folder.join(&saved_as), &content)?;
    Ok(Item::File { named, path, state, saved_as })
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

pub(super) fn write_manifest(folder: &Path, snapshot: Snapshot) -> Result<(), SnapshotError> {
    let path = folder.join(MANIFEST);
    let unwritable = |reason: String| storage(&path)(io::Error::other(reason));
    let digest = snapshot.digest().map_err(|error| unwritable(error.to_string()))?;
    let manifest = Manifest { format: FORMAT, digest, snapshot };
    let json = serde_json::to_vec_pretty(&manifest).map_err(|error| unwritable(error.to_string()))?;
    if u64::try_from(json.len()).map_or(true, |bytes| bytes > MANIFEST_BYTES_MAX) {
        return Err(unwritable("its manifest would be too long; capture less output".to_owned()));
    }
    let prepared = folder.join("manifest.json.new");
    write_durably(&prepared, &json)?;
    fs::rename(&prepared, &path).and_then(|()| sync_folder(folder)).map_err(storage(&path))
}

pub(super) fn read_manifest(folder: &Path, id: SnapshotId) -> Result<Option<Snapshot>, SnapshotError> {
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

pub(super) fn read_saved(path: &Path, state: &FileState) -> Result<Vec<u8>, SnapshotError> {
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

pub(super) fn storage(path: &Path) -> impl Fn(io::Error) -> SnapshotError {
    move |source| SnapshotError::Storage { path: path.to_owned(), source }
}
