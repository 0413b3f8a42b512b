//! Runs the program in a folder and an environment of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The token that every test uses; it must appear nowhere but where it is sent.
pub(crate) const TOKEN: &str = "cct_secret_of_the_test";

/// A folder in which the program is run.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// An empty folder, which is also home; a known server and token.
    pub(crate) fn with_server(url: &str) -> Self {
        Self::new().variable("CORTEX_CHANGE_URL", url).variable("CORTEX_CHANGE_TOKEN", TOKEN)
    }

    /// An empty folder, which is also home. Nothing else is known.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// Sets a variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Runs git in the folder.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args([
            "-c",
            "user.name=Ada Lovelace",
            "-c",
            "user.email=ada@shop.example",
            "-c",
            "commit.gpgsign=false",
        ]);
        let output = self.clean(&mut git).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs the program with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_input(arguments, "")
    }

    /// Runs the program with these arguments and this standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let file = self.path().join(".input");
        std::fs::write(&file, input).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_cortex-change"));
        let program = self.clean(&mut program).args(arguments);
        let output = program.stdin(Stdio::from(std::fs::File::open(&file).unwrap())).output().unwrap();
        std::fs::remove_file(file).unwrap();
        let ran = Ran {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ran.stderr.contains(TOKEN), "the token is shown: {}", ran.stderr);
        ran
    }

    fn clean<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = std::env::var_os("PATH").unwrap();
        let home = self.path();
        command.env_clear().env("PATH", path).env("HOME", home).env("LANG", "C.UTF-8").env("COLUMNS", "100");
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).current_dir(home)
    }
}

impl Ran {
    /// Checks the status; shows everything where it is another one.
    pub(crate) fn ended_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that standard error has each of these parts.
    pub(crate) fn said(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in:\n{}", self.stderr);
        }
        self
    }
}
