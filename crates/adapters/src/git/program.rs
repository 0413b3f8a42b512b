//! Runs the `git` program: arguments without a shell, a fixed environment, a time limit and an output limit.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::GitError;

/// How long one call of `git` may take.
pub const GIT_TIMEOUT: Duration = Duration::from_secs(30);
/// How much one call of `git` may write, in bytes (64 MiB).
pub const MAX_GIT_OUTPUT_BYTES: u64 = 64 * 1024 * 1024;
/// How much of git's complaints is kept, in bytes.
const MAX_COMPLAINT_BYTES: u64 = 4096;
/// When a process that closed its output is first asked whether it has ended; each further time after twice as long, …
const EXIT_POLL_MIN: Duration = Duration::from_micros(50);
/// … up to this.
const EXIT_POLL_MAX: Duration = Duration::from_millis(5);

/// Variables that would make git look at another repository, or answer in another form.
const REMOVED_VARIABLES: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
];

/// Untranslated messages, no questions, no writing to the index, commits and paths as they are.
const SET_VARIABLES: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
];

/// Settings of the repository that must not change what is read. A file-system monitor would even be run by `status`,
/// hooks by checking a commit out, and authors are searched for in the output's encoding.
const SETTINGS: &[&str] = &[
    "color.ui=never",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.quotepath=off",
    "i18n.logOutputEncoding=UTF-8",
];

/// The `git` program, in one folder.
#[derive(Debug, Clone)]
pub(super) struct Git {
    program: OsString,
    folder: PathBuf,
    timeout: Duration,
    max_output_bytes: u64,
}

/// What a call of git wrote, and whether it succeeded.
pub(super) struct Answer {
    pub(super) stdout: Vec<u8>,
    complaint: String,
    status: ExitStatus,
}

impl Answer {
    pub(super) fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// What git wrote to standard error.
    pub(super) fn complaint(&self) -> &str {
        &self.complaint
    }

    /// The error that a failed call amounts to.
    pub(super) fn into_failure(self, arguments: &[&str]) -> GitError {
        GitError::Failed {
            command: command_line(arguments),
            status: self.status.to_string(),
            complaint: self.complaint.trim().to_owned(),
        }
    }
}

enum Stream {
    Output(io::Result<Vec<u8>>),
    Complaint(io::Result<Vec<u8>>),
}

impl Git {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            program: "git".into(),
            folder: folder.to_owned(),
            timeout: GIT_TIMEOUT,
            max_output_bytes: MAX_GIT_OUTPUT_BYTES,
        }
    }

    /// The same with another time limit.
    pub(super) fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Runs git and returns what it wrote; failing is an error.
    pub(super) fn output(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        let answer = self.ask(arguments)?;
        if answer.succeeded() { Ok(answer.stdout) } else { Err(answer.into_failure(arguments)) }
    }

    /// Like [`Git::output`] for answers that are text. Bytes that are not UTF-8 become replacement characters.
    pub(super) fn text(&self, arguments: &[&str]) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.output(arguments)?).into_owned())
    }

    /// Runs git, where failing is an answer too.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Answer, GitError> {
        let deadline = Instant::now() + self.timeout;
        let mut child = self.start(arguments)?;
        let answer = self.collect(&mut child, arguments, deadline);
        if answer.is_err() {
            end(&mut child);
        }
        answer
    }

    fn start(&self, arguments: &[&str]) -> Result<Child, GitError> {
        let mut command = Command::new(&self.program);
        command.arg("-C").arg(&self.folder).arg("--no-pager");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        for variable in REMOVED_VARIABLES {
            command.env_remove(variable);
        }
        command
            .args(arguments)
            .envs(SET_VARIABLES.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => GitError::NotInstalled,
            _ => GitError::Run { command: command_line(arguments), source },
        })
    }

    /// Reads both streams at once, so that neither fills up while the other is read.
    ///
    /// The readers are not joined: when git is stopped, something that it started may hold the streams open for longer.
    fn collect(&self, child: &mut Child, arguments: &[&str], deadline: Instant) -> Result<Answer, GitError> {
        let failed = |source| GitError::Run { command: command_line(arguments), source };
        let (sender, streams) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            let (sender, limit) = (sender.clone(), self.max_output_bytes + 1);
            thread::spawn(move || sender.send(Stream::Output(read_at_most(stdout, limit))));
        }
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || sender.send(Stream::Complaint(read_start(stderr, MAX_COMPLAINT_BYTES))));
        }
        let (mut stdout, mut complaint) = (None, None);
        while stdout.is_none() || complaint.is_none() {
            match self.next_stream(&streams, arguments, deadline)? {
                Stream::Output(bytes) => {
                    let bytes = bytes.map_err(failed)?;
                    if u64::try_from(bytes.len()).is_ok_and(|length| length <= self.max_output_bytes) {
                        stdout = Some(bytes);
                    } else {
                        let limit_mib = self.max_output_bytes / 1024 / 1024;
                        return Err(GitError::TooMuchOutput { command: command_line(arguments), limit_mib });
                    }
                }
                Stream::Complaint(bytes) => complaint = Some(bytes.map_err(failed)?),
            }
        }
        let mut pause = EXIT_POLL_MIN;
        let status = loop {
            match child.try_wait().map_err(failed)? {
                Some(status) => break status,
                None if Instant::now() >= deadline => return Err(self.timed_out(arguments)),
                None => thread::sleep(pause),
            }
            pause = (pause * 2).min(EXIT_POLL_MAX);
        };
        let complaint = String::from_utf8_lossy(&complaint.unwrap_or_default()).into_owned();
        Ok(Answer { stdout: stdout.unwrap_or_default(), complaint, status })
    }

    fn next_stream(
        &self,
        streams: &Receiver<Stream>,
        arguments: &[&str],
        deadline: Instant,
    ) -> Result<Stream, GitError> {
        let left = deadline.saturating_duration_since(Instant::now());
        streams.recv_timeout(left).map_err(|_| self.timed_out(arguments))
    }

    fn timed_out(&self, arguments: &[&str]) -> GitError {
        GitError::TimedOut { command: command_line(arguments), seconds: self.timeout.as_secs() }
    }
}

fn read_at_most(stream: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Keeps the start and reads on to the end, so that the writer is never stopped.
fn read_start(mut stream: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.by_ref().take(limit).read_to_end(&mut bytes)?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(bytes)
}

/// Ends git and whatever it started. It may have ended by itself in the meantime, which is as good.
fn end(child: &mut Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = child.wait();
}

/// The command as messages show it.
fn command_line(arguments: &[&str]) -> String {
    arguments.first().map_or_else(|| "git".to_owned(), |subcommand| format!("git {subcommand}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A program in place of git that runs `script`, in which `$0` is the path of the program.
    fn fake(folder: &Path, script: &str) -> Git {
        let program = folder.join("fake-git");
        // A shell writes the file: were it open for writing here while another test forks, it could not be run.
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod +x "$0""#;
        let written = Command::new("sh").args(["-c", write]).arg(&program).arg(script).status().unwrap();
        assert!(written.success());
        Git {
            program: program.into(),
            folder: folder.to_owned(),
            timeout: Duration::from_secs(1),
            max_output_bytes: 1024 * 1024,
        }
    }

    /// Whether a process still runs; one that nobody waited for yet does not.
    fn runs(process: &str) -> bool {
        let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        status.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    }

    #[test]
    fn a_call_that_hangs_is_ended_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let git = fake(folder.path(), r#"sleep 600 & echo $! > "$0.child"; wait"#);
        let error = git.output(&["log"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`git log` did not answer within 1 s; check the disk, and the network if the clone is partial"
        );
        let child = fs::read_to_string(folder.path().join("fake-git.child")).unwrap();
        while runs(child.trim()) {
            thread::yield_now();
        }
    }

    #[test]
    fn endless_output_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = fake(folder.path(), "exec yes").output(&["diff-tree"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`git diff-tree` wrote more than 1 MiB; the commit is too large to be read"
        );
    }

    #[test]
    fn long_complaints_are_cut_and_do_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let script = "i=0; while [ $i -lt 20000 ]; do echo complaint; i=$((i+1)); done >&2; exit 3";
        let error = fake(folder.path(), script).output(&["log"]).unwrap_err();
        let GitError::Failed { status, complaint, .. } = error else { panic!("{error}") };
        assert_eq!(status, "exit status: 3");
        assert!(u64::try_from(complaint.len()).unwrap() <= MAX_COMPLAINT_BYTES);
    }

    #[test]
    fn a_missing_program_is_named() {
        let git = Git { program: "/nonexistent/git".into(), ..Git::new(Path::new("/")) };
        let error = git.output(&["log"]).unwrap_err();
        assert_eq!(error.to_string(), "the program `git` was not found; install git and put it on the PATH");
    }
}
