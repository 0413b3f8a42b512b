//! The key that signs checkpoints: a file beside the embedded database, readable by its owner only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use audit::SigningKey;

/// The key's file, in the data folder.
pub const KEY_FILE: &str = "signing-key";

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("`{}` cannot be used: check that the folder exists and that this user may write to it", path.display())]
    Path {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The database is there, its key is not.
    #[error("`{}` is missing: restore the key with which this database was started from a backup", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
    },
    /// The file does not hold a key.
    #[error("`{}` is not a signing key: expected 64 hexadecimal digits; restore it from a backup", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// The log's name cannot name a key.
    #[error("`{name}` cannot name a log: expected a word without blanks and plus signs")]
    Name {
        /// The name.
        name: String,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
}

/// Reads the key of the data folder, or makes one on the first start.
///
/// # Errors
/// When the file cannot be used or does not hold a key.
pub(crate) fn load_or_create(folder: &Path, log_name: &str) -> Result<SigningKey, KeyFileError> {
    let path = folder.join(KEY_FILE);
    let seed = match fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A new key could not continue the log that the old one signed.
            if folder.join(store::DATABASE_FILE).exists() {
                return Err(KeyFileError::Lost { path });
            }
            create(folder, &path)?
        }
        Err(source) => return Err(KeyFileError::Path { path, source }),
    };
    SigningKey::from_seed(log_name, seed).map_err(|_| KeyFileError::Name { name: log_name.to_owned() })
}

fn parse(path: &Path, text: &str) -> Result<[u8; 32], KeyFileError> {
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed).map_err(|_| KeyFileError::Form { path: path.to_owned() })?;
    Ok(seed)
}

fn create(folder: &Path, path: &Path) -> Result<[u8; 32], KeyFileError> {
    let failed = |source| KeyFileError::Path { path: path.to_owned(), source };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| KeyFileError::Random)?;
    // Audit texts and the key are for the server's own user.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(|_| KeyFileError::Random)?;
    let written = folder.join(format!("{KEY_FILE}-{}", hex::encode(suffix)));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&written).map_err(failed)?;
    file.write_all(hex::encode(seed).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    // The key appears under its name as a whole and never replaces another: a second server that starts at the same
    // moment finds the first one's key.
    let linked = fs::hard_link(&written, path);
    fs::remove_file(&written).map_err(failed)?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    match linked {
        Ok(()) => Ok(seed),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            parse(path, &fs::read_to_string(path).map_err(failed)?)
        }
        Err(source) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_never_for_a_log_that_another_one_signed() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let key = load_or_create(&data, "log").unwrap().verifying_key().to_string();
        assert_eq!(load_or_create(&data, "log").unwrap().verifying_key().to_string(), key);
        let others = fs::read_dir(&data).unwrap().count();
        assert_eq!(others, 1, "nothing is left beside the key");
        fs::write(data.join(store::DATABASE_FILE), "").unwrap();
        fs::remove_file(data.join(KEY_FILE)).unwrap();
        let error = load_or_create(&data, "log").unwrap_err().to_string();
        assert!(error.contains("is missing: restore the key"), "{error}");
        assert!(!data.join(KEY_FILE).exists());
        fs::write(data.join(KEY_FILE), "rubbish").unwrap();
        assert!(load_or_create(&data, "log").unwrap_err().to_string().contains("64 hexadecimal digits"));
    }

    #[test]
    fn of_many_who_start_at_once_all_have_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let start = || load_or_create(folder.path(), "log").unwrap().verifying_key().to_string();
        let keys: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
    }
}
