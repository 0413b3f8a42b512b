//! Reports of other tools, good and bad.

mod coverage;
mod findings;
mod junit;
mod sarif;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A report in a folder that cleans up after itself.
struct Written {
    _folder: TempDir,
    path: PathBuf,
}

impl Written {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        Self { _folder: folder, path }
    }
}

/// The whole chain of an error as a user reads it, with the file's name instead of its path.
fn message(error: &dyn Error, path: &Path) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    let name = path.file_name().unwrap().to_string_lossy();
    text.replace(&*path.to_string_lossy(), &name)
}
