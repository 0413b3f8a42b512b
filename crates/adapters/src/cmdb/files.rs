//! The files that an import reads: what was named, and everything of the right kind in the folders that were named.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Imported, Problem};

/// Most files of one import.
pub const FILES_MAX: usize = 20_000;
/// The largest file that is read, in bytes (32 MiB).
pub const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Most bytes of all files of one import (512 MiB).
pub const TOTAL_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Deepest folder below a named one.
pub const FOLDER_DEPTH_MAX: usize = 32;
/// Most entries of all folders of one import that are looked at.
pub const ENTRIES_MAX: usize = 500_000;

/// One file: the path as it is shown, and its text.
#[derive(Clone)]
pub struct SourceFile {
    /// The path, from where the import was started or from the folder that was named, with `/`.
    pub path: String,
    /// Its text, without a byte-order mark.
    pub text: String,
}

impl std::fmt::Debug for SourceFile {
    /// Without the text, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceFile").field("path", &self.path).field("bytes", &self.text.len()).finish()
    }
}

/// Why nothing can be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A named path is not there or not readable.
    #[error("cannot read `{path}`; check the path and its permissions")]
    Read {
        /// The path.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// No path was named.
    #[error("no file or folder named: name at least one")]
    Nothing,
    /// More files than [`FILES_MAX`].
    #[error("more than {FILES_MAX} files; import folder by folder, each under a source of its own")]
    TooMany,
    /// More bytes than [`TOTAL_BYTES_MAX`].
    #[error(
        "more than {} MiB in all files; import folder by folder, each under a source of its own",
        TOTAL_BYTES_MAX / 1024 / 1024
    )]
    TooLarge,
}

/// Reads files and folders. A named file is read whatever it is called; in folders, files with one of the `endings`
/// are, in the order of their paths. Hidden entries and symbolic links inside of folders are passed over.
///
/// # Errors
/// When a named path cannot be read, or all together is more than the limits allow. A file inside of a folder that
/// cannot be read is a problem of the import, not an error.
pub(super) fn read(
    paths: &[PathBuf],
    endings: &[&str],
    imported: &mut Imported,
) -> Result<Vec<SourceFile>, FilesError> {
    if paths.is_empty() {
        return Err(FilesError::Nothing);
    }
    let mut reader = Reader { endings, entries: 0, total: 0, files: Vec::new(), imported };
    for path in paths {
        let unreadable = |source| FilesError::Read { path: shown(path), source };
        if fs::metadata(path).map_err(unreadable)?.is_dir() {
            fs::read_dir(path).map_err(unreadable)?;
            reader.folder(path, 0)?;
        } else {
            File::open(path).map_err(unreadable)?;
            reader.file(path)?;
        }
    }
    Ok(reader.files)
}

struct Reader<'a> {
    endings: &'a [&'a str],
    entries: usize,
    total: u64,
    files: Vec<SourceFile>,
    imported: &'a mut Imported,
}

impl Reader<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), FilesError> {
        if depth > FOLDER_DEPTH_MAX {
            let what = format!("folders are nested deeper than {FOLDER_DEPTH_MAX} levels");
            self.problem(folder, None, what, "name the inner folder itself");
            return Ok(());
        }
        let mut entries = match self.entries_of(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.problem(folder, None, format!("cannot be read: {error}"), "check its permissions");
                return Ok(());
            }
        };
        entries.sort();
        for path in entries {
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                return Err(FilesError::TooMany);
            }
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            match fs::symlink_metadata(&path) {
                Ok(_) if is_hidden => self.imported.skipped.hidden += 1,
                // A link may lead out of the folder or back into it; what it leads to can be named itself.
                Ok(found) if found.is_symlink() => self.imported.skipped.links += 1,
                Ok(found) if found.is_dir() => self.folder(&path, depth + 1)?,
                Ok(found) if found.is_file() && self.is_wanted(&path) => self.file(&path)?,
                Ok(_) => self.imported.skipped.other_files += 1,
                Err(error) => {
                    self.problem(&path, None, format!("cannot be read: {error}"), "check its permissions")
                }
            }
        }
        Ok(())
    }

    fn entries_of(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder)?.take(ENTRIES_MAX - self.entries + 1);
        entries.map(|entry| entry.map(|entry| entry.path())).collect()
    }

    fn is_wanted(&self, path: &Path) -> bool {
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        self.endings.iter().any(|ending| name.ends_with(ending))
    }

    fn file(&mut self, path: &Path) -> Result<(), FilesError> {
        if self.files.len() >= FILES_MAX {
            return Err(FilesError::TooMany);
        }
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file of just the allowed size from a larger one.
        let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
        let length = match read {
            Ok(length) => u64::try_from(length).unwrap_or(u64::MAX),
            Err(error) => {
                self.problem(path, None, format!("cannot be read: {error}"), "check its permissions");
                return Ok(());
            }
        };
        if length > FILE_BYTES_MAX {
            let what = format!("larger than {} MiB", FILE_BYTES_MAX / 1024 / 1024);
            self.problem(path, None, what, "split it");
            return Ok(());
        }
        self.total += length;
        if self.total > TOTAL_BYTES_MAX {
            return Err(FilesError::TooLarge);
        }
        match decoded(bytes) {
            Ok(text) => {
                self.imported.files += 1;
                self.files.push(SourceFile { path: shown(path), text });
            }
            Err(BadByte { line, column }) => {
                let what = format!("byte {column} of the line is not UTF-8");
                self.problem(path, Some(line), what, "save the file as UTF-8");
            }
        }
        Ok(())
    }

    fn problem(&mut self, path: &Path, line: Option<u32>, what: String, next_step: &str) {
        self.imported.report(Problem { file: shown(path), line, what, next_step: next_step.to_owned() });
    }
}

/// Where a text stops being UTF-8, counted from 1.
struct BadByte {
    line: u32,
    column: usize,
}

fn decoded(bytes: Vec<u8>) -> Result<String, BadByte> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let newlines = valid.iter().filter(|byte| **byte == b'\n').count();
            let column = valid.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
            Err(BadByte { line: u32::try_from(newlines + 1).unwrap_or(u32::MAX), column })
        }
    }
}

fn shown(path: &Path) -> String {
    let shown = path.to_string_lossy();
    shown.strip_prefix("./").map(str::to_owned).unwrap_or_else(|| shown.into_owned())
}
