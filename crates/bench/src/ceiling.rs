//! The store's own benchmark as a process, asked for one round at a time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::place::Place;

/// Writes the same rows by plain SQL.
#[derive(Debug)]
pub struct Ceiling {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Ceiling {
    /// Starts it with the changes at one place as patterns and an empty place as target.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn start(program: &Path, from: &Place, into: &Place) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--from").arg(from.target()).arg("--into").arg(into.target());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("run the ceiling")?;
        let ask = child.stdin.take().context("no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, ask, answers })
    }

    /// Writes so many changes in transactions of `group`, and tells how long that took.
    ///
    /// # Errors
    /// When the database refuses something; standard error says what.
    pub fn round(&mut self, group: usize, changes: usize) -> Result<Duration> {
        writeln!(self.ask, "{group} {changes}").context("the ceiling has ended")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let micros = answer.trim().parse().context("the ceiling has ended")?;
        Ok(Duration::from_micros(micros))
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        // What is left to happen to it does not matter.
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
