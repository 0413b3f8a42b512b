//! What executing needs to know about the runner: its environment, its folder, its guardian and its limits.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::plan::source::Credentials;
use domain::plan::{Command, HttpRequest};

use crate::mask::{Masker, is_secret_name};
use crate::outgoing::Outgoing;

/// Time between asking a step's processes to end and killing them, when the context does not say.
pub const GRACE_DEFAULT: Duration = Duration::from_secs(5);
/// Variables of the runner that every program gets.
const PASSED_ALWAYS: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"];
/// Variables with this beginning hold our own tokens and are given to no program.
const OWN_TOKEN_PREFIX: &str = "CORTEX_CHANGE_TOKEN";

/// What executing a step, asking a probe or taking a snapshot needs to know about the runner. Made once, at the edge.
#[derive(Clone)]
pub struct ExecutionContext {
    environment: BTreeMap<String, OsString>,
    working_folder: PathBuf,
    guardian: Option<Guardian>,
    grace: Duration,
    outgoing: Outgoing,
    masker: Masker,
    is_repeated: bool,
}

/// The program that starts steps and ends them when the runner is gone: see [`guardian_main`](super::guardian_main).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guardian {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

/// A program that cannot be given the environment or the folder that the plan asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnfitCommand {
    /// Nothing to run.
    #[error("`argv` is empty: give the program and its arguments")]
    NoProgram,
    /// One of our own tokens.
    #[error(
        "the variable `{name}` is not given to programs, because names that begin with `{OWN_TOKEN_PREFIX}` hold \
         tokens of the change system: remove it from `environment` and `pass_environment`"
    )]
    OwnToken {
        /// The variable.
        name: String,
    },
    /// A name that no environment can hold.
    #[error("`{name}` is not a variable name: expected at least one character, none of them `=` or NUL")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// A variable to pass on that the runner does not have.
    #[error(
        "the variable `{name}` is not set where the runner runs: set it there, or take it out of the plan"
    )]
    NotSet {
        /// The variable.
        name: String,
    },
    /// The folder to run in is missing.
    #[error("`working_directory` `{path}` is not a folder in the runner's working folder")]
    NoFolder {
        /// The folder as the plan names it.
        path: String,
    },
}

impl ExecutionContext {
    /// A context without a guardian, whose steps live on when the runner is killed, and with the default grace. `environment` is the runner's own, read once.
    /// Variables whose name is not UTF-8 are left out.
    pub fn new(
        working_folder: PathBuf,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        outgoing: Outgoing,
    ) -> Self {
        let environment: BTreeMap<String, OsString> = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        let secrets =
            environment.iter().filter(|(name, _)| is_secret_name(name)).map(|(_, value)| value.as_bytes());
        let masker = Masker::new(secrets);
        let (guardian, grace) = (None, GRACE_DEFAULT);
        Self { environment, working_folder, guardian, grace, outgoing, masker, is_repeated: false }
    }

    /// Starts programs through `program arguments… grace_millis argv…`, which must call
    /// [`guardian_main`](super::guardian_main) with what follows `arguments`. The path must be absolute.
    #[must_use]
    pub fn with_guardian(mut self, program: PathBuf, arguments: Vec<OsString>) -> Self {
        self.guardian = Some(Guardian { program, arguments });
        self
    }

    /// Sets the time between asking processes to end and killing them.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The same for an attempt after the first one: what is executed may have taken effect already.
    #[must_use]
    pub fn repeated(&self) -> Self {
        Self { is_repeated: true, ..self.clone() }
    }

    /// The same in another working folder.
    #[must_use]
    pub fn in_folder(&self, working_folder: PathBuf) -> Self {
        Self { working_folder, ..self.clone() }
    }

    /// The same in another working folder, where a program gets no variable of the runner's but those that every program
    /// gets and the given ones: name to the variable whose value it has there.
    ///
    /// # Errors
    /// When the runner does not have one of them.
    pub fn elsewhere(
        &self,
        working_folder: PathBuf,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, UnfitCommand> {
        let is_passed = |name: &&String| PASSED_ALWAYS.contains(&name.as_str());
        let always = self.environment.iter().filter(|(name, _)| is_passed(name));
        let mut environment: BTreeMap<String, OsString> =
            always.map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, other) in variables {
            fit_name(name)?;
            fit_name(other)?;
            let value = self.environment.get(other);
            let value = value.ok_or_else(|| UnfitCommand::NotSet { name: other.clone() })?;
            environment.insert(name.clone(), value.clone());
        }
        Ok(Self { environment, working_folder, ..self.clone() })
    }

    /// The text without the secrets that the runner's environment holds and without what looks like one.
    pub fn mask(&self, text: &str) -> String {
        self.masker.mask(text)
    }

    pub(crate) fn guardian(&self) -> Option<&Guardian> {
        self.guardian.as_ref()
    }

    pub(crate) fn grace(&self) -> Duration {
        self.grace
    }

    pub(crate) fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// A path of a plan: relative ones start from the runner's working folder.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.working_folder.join(path)
    }

    pub(crate) fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    pub(crate) fn masker(&self) -> &Masker {
        &self.masker
    }

    /// Masks in addition what the plan gives to this program under a secret's name or passes on.
    pub(crate) fn masker_of(&self, command: &Command) -> Masker {
        let passed = command.pass_environment.iter().filter_map(|name| self.environment.get(name));
        let given = command.environment.iter().filter(|(name, _)| is_secret_name(name));
        self.masker
            .knowing(passed.map(|value| value.as_bytes()).chain(given.map(|(_, value)| value.as_bytes())))
    }

    /// A request with the secrets that it names by their variables, and who masks them and what else it sends in headers
    /// with a secret's name, also without a leading scheme.
    pub(crate) fn authorized(&self, request: &HttpRequest) -> Result<(HttpRequest, Masker), UnfitCommand> {
        let mut request = request.clone();
        let mut secrets = Vec::new();
        if let Some(credentials) = request.credentials.take() {
            let (value, secret) = self.authorization(&credentials)?;
            secrets.push(secret);
            request.headers.insert("authorization".to_owned(), value);
        }
        for (name, variable) in std::mem::take(&mut request.header_variables) {
            let value = self.variable(&variable)?;
            secrets.push(value.clone());
            request.headers.insert(name, value);
        }
        let sent = request.headers.iter().filter(|(name, _)| is_secret_name(name));
        let sent = sent.flat_map(|(_, value)| [Some(value.as_str()), value.split(' ').next_back()]).flatten();
        let masker = self.masker.knowing(sent.chain(secrets.iter().map(String::as_str)));
        Ok((request, masker))
    }

    /// What is sent as `Authorization`, and the secret in it.
    pub(crate) fn authorization(&self, credentials: &Credentials) -> Result<(String, String), UnfitCommand> {
        Ok(match credentials {
            Credentials::Bearer { variable } => {
                let token = self.variable(variable)?;
                (format!("Bearer {token}"), token)
            }
            Credentials::Basic { user, variable } => {
                let password = self.variable(variable)?;
                (format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))), password)
            }
        })
    }

    /// The complete environment of a program: clean, except for what the plan asks for.
    pub(crate) fn environment_of(
        &self,
        command: &Command,
    ) -> Result<BTreeMap<String, OsString>, UnfitCommand> {
        let always = PASSED_ALWAYS.iter().filter_map(|name| self.environment.get_key_value(*name));
        let mut environment: BTreeMap<String, OsString> =
            always.map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, value) in &command.environment {
            fit_name(name)?;
            environment.insert(name.clone(), OsStr::new(value).to_owned());
        }
        for name in &command.pass_environment {
            fit_name(name)?;
            let value =
                self.environment.get(name).ok_or_else(|| UnfitCommand::NotSet { name: name.clone() })?;
            environment.insert(name.clone(), value.clone());
        }
        Ok(environment)
    }

    /// What the runner's environment holds under this name, a secret for example.
    pub(crate) fn variable(&self, name: &str) -> Result<String, UnfitCommand> {
        fit_name(name)?;
        let value = self.environment.get(name).and_then(|value| value.to_str());
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        value.map(str::to_owned).ok_or_else(|| UnfitCommand::NotSet { name: name.to_owned() })
    }

    /// The folder a program runs in.
    pub(crate) fn folder_of(&self, command: &Command) -> Result<PathBuf, UnfitCommand> {
        let Some(path) = &command.working_directory else { return Ok(self.working_folder.clone()) };
        let folder = self.path(path);
        if folder.is_dir() { Ok(folder) } else { Err(UnfitCommand::NoFolder { path: path.clone() }) }
    }
}

impl fmt::Debug for ExecutionContext {
    /// Names of variables only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutionContext")
            .field("environment", &self.environment.keys().collect::<Vec<_>>())
            .field("working_folder", &self.working_folder)
            .field("guardian", &self.guardian)
            .field("grace", &self.grace)
            .field("outgoing", &self.outgoing)
            .field("masker", &self.masker)
            .finish()
    }
}

fn fit_name(name: &str) -> Result<(), UnfitCommand> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(UnfitCommand::InvalidName { name: name.replace('\0', "\u{FFFD}") });
    }
    if name.starts_with(OWN_TOKEN_PREFIX) {
        return Err(UnfitCommand::OwnToken { name: name.to_owned() });
    }
    Ok(())
}
