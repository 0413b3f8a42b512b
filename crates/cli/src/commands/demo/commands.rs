//! Running our own commands as a user does: as processes, with a token of their own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::narrator::Narrator;
use crate::failure::Failure;
use crate::shell::TOKEN_VARIABLE;

/// Longest time for one command of the demo.
const COMMAND_TIME: Duration = Duration::from_secs(120);

/// What a command came to.
#[derive(Debug)]
pub(super) struct Ran {
    /// The line as a user types it.
    pub(super) line: String,
    /// Exit status; -1 where a signal ended it.
    pub(super) status: i32,
    /// What it wrote to standard output.
    pub(super) stdout: String,
    /// What it wrote to standard error.
    pub(super) stderr: String,
}

impl Ran {
    /// Whether it did what was asked for.
    pub(super) fn succeeded(&self) -> bool {
        self.status == 0
    }

    /// Everything it wrote.
    pub(super) fn answer(&self) -> String {
        format!("{}{}", self.stderr, self.stdout)
    }

    /// What was seen, for a claim that does not hold.
    pub(super) fn seen(&self) -> String {
        format!("`{}` ended with status {}: {}", self.line, self.status, self.answer().trim())
    }
}

/// Somebody at a terminal: a folder, a server and a token.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) url: String,
    pub(super) token: String,
}

impl Person {
    /// Types `cortex-change` with these arguments and waits for the end.
    pub(super) async fn types(&self, arguments: &[&str]) -> Result<Ran, Failure> {
        let line = format!("cortex-change {}", arguments.join(" "));
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CORTEX_CHANGE_URL", &self.url)
            .env(TOKEN_VARIABLE, &self.token)
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env_remove("GITHUB_ENV")
            .env_remove("GITHUB_OUTPUT")
            .env_remove("GITLAB_CI")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let failed = |error: &dyn std::error::Error| {
            Failure::new(format!("`{line}` could not be run")).caused_by(error)
        };
        let output = tokio::time::timeout(COMMAND_TIME, command.output()).await;
        let output = output.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ran {
            status: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            line,
        })
    }

    /// The folder the person works in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Types a command and shows it with its answer.
pub(super) async fn run(
    person: &Person,
    narrator: &Narrator<'_>,
    arguments: &[&str],
) -> Result<Ran, Failure> {
    let ran = person.types(arguments).await?;
    narrator.typed(&ran.line, &ran.answer())?;
    Ok(ran)
}

/// Types a command that answers JSON, without showing it.
pub(super) async fn read<T: for<'de> Deserialize<'de>>(
    person: &Person,
    arguments: &[&str],
) -> Result<T, Failure> {
    let ran = person.types(arguments).await?;
    serde_json::from_str(&ran.stdout).map_err(|error| Failure::new(ran.seen()).caused_by(&error))
}
