//! The folder that adds policies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::canonical::Digest;
use domain::governance::{AddedFile, NamedSet};
use policy::{FILE_BYTES_MAX, FILES_MAX, LoadError, PolicyFile, PolicySet};

/// Endings of the files that are read; others may lie beside them.
const ENDINGS: [&str; 2] = ["cedar", "json"];

/// Why a folder of policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFolderError {
    /// It cannot be read.
    #[error("policies in `{}` cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// A file larger than is accepted.
    #[error("policy file `{}` has {bytes} bytes: at most {FILE_BYTES_MAX} are accepted; split it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// More files than are accepted.
    #[error("`{}` has more than {FILES_MAX} policy files: put several policies into one file", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// What is read makes no set of policies.
    #[error(transparent)]
    Invalid(#[from] LoadError),
}

/// Texts that add to the shipped policies, by file name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddedPolicies(Vec<(String, String)>);

impl AddedPolicies {
    /// Texts from elsewhere than a folder, by file name.
    pub fn of(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut texts: Vec<_> = texts.into_iter().collect();
        texts.sort();
        Self(texts)
    }

    /// Reads a folder, in order of the file names. Hidden files and those with other endings are left out.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, or is larger than is accepted.
    pub fn read(folder: &Path) -> Result<Self, PolicyFolderError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| PolicyFolderError::Unreadable { path, source }
        };
        let mut texts = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            let path = entry.map_err(unreadable(folder))?.path();
            let Some(name) = policy_file_name(&path) else { continue };
            let bytes = fs::metadata(&path).map_err(unreadable(&path))?.len();
            if usize::try_from(bytes).map_or(true, |bytes| bytes > FILE_BYTES_MAX) {
                return Err(PolicyFolderError::TooLarge { path, bytes });
            }
            if texts.len() >= FILES_MAX {
                return Err(PolicyFolderError::TooMany { path: folder.to_owned() });
            }
            let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
            texts.push((name, text));
        }
        Ok(Self::of(texts))
    }

    /// The shipped policies with these.
    ///
    /// # Errors
    /// When they are not valid; the error says where, and what to do.
    pub fn set(&self) -> Result<PolicySet, LoadError> {
        let files: Vec<_> = self.texts().map(|(name, text)| PolicyFile { name, text }).collect();
        PolicySet::with_additional(&files)
    }

    /// Names and texts, in order of the names.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// How the log names the set that these make.
    pub(crate) fn named(&self, set: &PolicySet) -> NamedSet {
        let added =
            self.texts().map(|(name, text)| AddedFile { name: name.to_owned(), digest: text_digest(text) });
        NamedSet { digest: set.digest(), core: set.core_digest(), added: added.collect() }
    }
}

/// The digest under which a text is kept.
fn text_digest(text: &str) -> Digest {
    Digest::of_bytes(text.as_bytes())
}

/// The name of a file that is read.
fn policy_file_name(path: &Path) -> Option<String> {
    let ending = path.extension()?.to_str()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    (ENDINGS.contains(&ending) && !name.starts_with('.')).then_some(name)
}
