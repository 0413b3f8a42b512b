//! What surrounds the process: variables, folder, terminals. Read here once and nowhere else.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Our folder below the user's folders.
const OUR_FOLDER: &str = "cortex-change";

/// The process's surroundings.
#[derive(Default)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    working_folder: PathBuf,
    /// Whether each standard stream is a terminal.
    pub(crate) terminals: Terminals,
}

/// Which standard streams are terminals.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terminals {
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

impl Environment {
    /// Reads the surroundings.
    pub(crate) fn read() -> Result<Self, Failure> {
        let working_folder = std::env::current_dir().map_err(|error| {
            Failure::new("the folder this command runs in cannot be read")
                .caused_by(&error)
                .next("change to a folder that exists and that you may read")
        })?;
        let terminals = Terminals {
            stdin: std::io::stdin().is_terminal(),
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
        };
        Ok(Self { variables: std::env::vars_os().collect(), working_folder, terminals })
    }

    /// Where this program lies.
    pub(crate) fn program() -> Result<PathBuf, Failure> {
        std::env::current_exe().map_err(|error| {
            Failure::new(
                "this program cannot tell where it lies, so it cannot guard the steps that it starts",
            )
            .caused_by(&error)
        })
    }

    /// Surroundings as a test wants them, without terminals.
    #[cfg(test)]
    pub(crate) fn of(working_folder: &Path, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Self {
            variables: variables.collect(),
            working_folder: working_folder.to_owned(),
            terminals: Terminals::default(),
        }
    }

    /// A variable's value. Empty counts as absent, because pipelines set what they do not know to nothing.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variable_os(name).and_then(OsStr::to_str)
    }

    fn variable_os(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A path that a variable holds.
    pub(crate) fn path_variable(&self, name: &str) -> Option<PathBuf> {
        self.variable_os(name).map(PathBuf::from)
    }

    /// Every variable, for the programs that a plan starts.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone()))
    }

    /// The folder the command runs in.
    pub(crate) fn working_folder(&self) -> &Path {
        &self.working_folder
    }

    /// A path as it was typed: relative ones start from the working folder.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.working_folder.join(path)
    }

    /// The folder for our settings; nothing on a machine without `HOME`.
    pub(crate) fn settings_folder(&self) -> Option<PathBuf> {
        self.users_folder("XDG_CONFIG_HOME", ".config")
    }

    /// The folder for what we keep between runs; nothing on a machine without `HOME`.
    pub(crate) fn state_folder(&self) -> Option<PathBuf> {
        self.users_folder("XDG_STATE_HOME", ".local/state")
    }

    /// Our folder below one of the user's, by the XDG base directory specification.
    fn users_folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let base = self.path_variable(variable).filter(|path| path.is_absolute());
        let base = base.or_else(|| self.path_variable("HOME").map(|home| home.join(below_home)));
        base.map(|base| base.join(OUR_FOLDER))
    }

    /// Whether the terminal shows more than ASCII.
    pub(crate) fn is_utf8(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| self.variable(name));
        locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    }
}

impl fmt::Debug for Environment {
    /// Names of variables only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("working_folder", &self.working_folder)
            .field("terminals", &self.terminals)
            .finish()
    }
}
