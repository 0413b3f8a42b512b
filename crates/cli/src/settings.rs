//! A server's settings: a file, and what was typed in its place.

use std::path::PathBuf;

use api::read::FILE_BYTES_MAX;
use server::{Config, KEY_FILE};
use store::Location;

use crate::failure::Failure;
use crate::shell::Shell;

/// The file that is read where none is named and this one is there.
const FILE: &str = "cortex-change.toml";

/// Where the settings come from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SettingsArgs {
    /// File with settings; cortex-change.toml in the working folder when absent and there
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Folder of the embedded database and the signing key
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// PostgreSQL to use instead of the embedded database, as postgresql://…
    #[arg(long, value_name = "URL", env = "CORTEX_CHANGE_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl SettingsArgs {
    /// The settings as they take effect.
    pub(crate) fn read(&self, shell: &Shell) -> Result<Config, Failure> {
        let is_there = || shell.environment.path(FILE).is_file().then(|| FILE.to_owned());
        let mut config = match self.config.clone().or_else(is_there) {
            Some(file) => read_file(&file, shell)?,
            None => Config::default(),
        };
        if let Some(folder) = &self.data {
            config.data.clone_from(folder);
        }
        if let Some(url) = &self.database_url {
            config.database_url = Some(url.clone());
        }
        config.data = shell.environment.path(&config.data);
        Ok(config)
    }
}

/// Where the database is.
pub(crate) fn location(config: Config) -> Location {
    match config.database_url {
        Some(url) => Location::Url(url),
        None => Location::Folder(config.data),
    }
}

/// How to open a database that is there, with the key that signed its log. No key is made: its log would not verify.
pub(crate) fn with_its_key(config: &Config) -> Result<store::Config, Failure> {
    if !config.data.join(KEY_FILE).is_file() {
        return Err(Failure::new(format!("there is no signing key in `{}`", config.data.display()))
            .accepted(format!("a folder with the file `{KEY_FILE}` that signed this log"))
            .next(
                "give the server's folder with `--data`, or put the key back from where you keep its copy",
            ));
    }
    server::store_config(config).map_err(|error| Failure::of(&error))
}

fn read_file(file: &str, shell: &Shell) -> Result<Config, Failure> {
    let bytes = shell.read_input(file)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Failure::new(format!("`{file}` is larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| Failure::new(format!("`{file}` is not UTF-8")).caused_by(&error))?;
    Config::from_toml(text).map_err(|error| {
        Failure::new(format!("`{file}` cannot be used"))
            .at(file, error.to_string().trim_end())
            .next("`cortex-change config show` prints every key with its meaning and default")
    })
}
