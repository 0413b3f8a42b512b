//! Tokens that `cortex-change login` keeps: one file that its owner alone may read, with one token per server.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;

/// The file below the folder for our settings.
const FILE: &str = "login.toml";
/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// What others than the owner may do with the file: nothing.
const OTHERS: u32 = 0o077;

/// The stored tokens by address of their server.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Logins {
    servers: BTreeMap<String, Login>,
}

/// One server's token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

impl fmt::Debug for Logins {
    /// Addresses only: tokens are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("servers", &self.servers.keys().collect::<Vec<_>>()).finish()
    }
}

/// Why the stored tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginFileError {
    #[error("there is no folder for settings: set HOME or XDG_CONFIG_HOME to an absolute path")]
    NoFolder,
    #[error("`{}` cannot be read; check its owner and permissions", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` cannot be written; check the folder's owner, permissions and free space", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("`{}` may be read by others (mode {mode:03o}); run `chmod 600` on it and have its tokens replaced", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("`{}` is not a list of logins; remove it and run `cortex-change login` again", path.display())]
    Malformed { path: PathBuf },
}

/// The token for a server, if one is stored.
pub(crate) fn token(environment: &Environment, url: &str) -> Result<Option<String>, LoginFileError> {
    let Some(folder) = environment.settings_folder() else { return Ok(None) };
    let logins = read(&folder.join(FILE))?;
    Ok(logins.servers.get(key(url)).map(|login| login.token.clone()))
}

/// Stores the token for a server; returns where.
pub(crate) fn store(environment: &Environment, url: &str, token: &str) -> Result<PathBuf, LoginFileError> {
    let folder = environment.settings_folder().ok_or(LoginFileError::NoFolder)?;
    let path = folder.join(FILE);
    let mut logins = read(&path)?;
    logins.servers.insert(key(url).to_owned(), Login { token: token.to_owned() });
    write(&folder, &path, &logins).map_err(|source| LoginFileError::Write { path: path.clone(), source })?;
    Ok(path)
}

/// Two spellings of one address are one server.
fn key(url: &str) -> &str {
    url.trim_end_matches('/')
}

fn read(path: &Path) -> Result<Logins, LoginFileError> {
    let unreadable = |source| LoginFileError::Read { path: path.to_owned(), source };
    let malformed = || LoginFileError::Malformed { path: path.to_owned() };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Logins::default()),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(LoginFileError::Exposed { path: path.to_owned(), mode });
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(malformed());
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    // The reader's message could repeat a line with a token.
    toml::from_str(&text).map_err(|_| malformed())
}

/// Writes beside the file and renames, so that a crash leaves the old or the new one and neither is ever exposed.
fn write(folder: &Path, path: &Path, logins: &Logins) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let text = toml::to_string(logins).map_err(io::Error::other)?;
    let beside = folder.join(format!("{FILE}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path));
    written.inspect_err(|_| {
        // The first error is the one to report.
        let _leftover = fs::remove_file(&beside);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &Path) -> Environment {
        Environment::of(folder, &[("XDG_CONFIG_HOME", folder.to_str().unwrap())])
    }

    #[test]
    fn tokens_are_kept_by_server_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path());
        assert_eq!(token(&environment, "http://a").unwrap(), None);
        store(&environment, "http://a/", "cct_one").unwrap();
        let path = store(&environment, "http://b", "cct_two").unwrap();
        assert_eq!(token(&environment, "http://a").unwrap().as_deref(), Some("cct_one"));
        assert_eq!(token(&environment, "http://b/").unwrap().as_deref(), Some("cct_two"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_damaged_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path());
        let path = store(&environment, "http://a", "cct_secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(token(&environment, "http://a"), Err(LoginFileError::Exposed { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "servers = \"cct_secret").unwrap();
        let error = token(&environment, "http://a").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("cct_secret"), "{error:?}");
    }
}
