//! What the tests of steps, probes and snapshots stand on: a folder, contexts, shell lines, a look at processes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use adapters::execute::{Execution, ExecutionContext, Performed, execute};
use adapters::outgoing::{Outgoing, OutgoingPolicy};
use domain::plan::{Command, Failure, HttpRequest, Outcome, StepKind};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Longest wait for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Time limit of steps that are not meant to reach it.
pub(crate) const AMPLE: Duration = Duration::from_secs(60);
/// Grace of the test contexts.
pub(crate) const GRACE: Duration = Duration::from_millis(300);

pub(crate) const SUCCEEDED: Performed = Performed::Ended(Outcome::Succeeded);
pub(crate) const TIMED_OUT: Performed = Performed::Ended(Outcome::Failed { failure: Failure::TimedOut });
pub(crate) const CANCELLED: Performed = Performed::Ended(Outcome::Failed { failure: Failure::Cancelled });

/// A failure by exit status.
pub(crate) fn ended_with(status: i32) -> Performed {
    Performed::Ended(Outcome::Failed { failure: Failure::ExitStatus { status } })
}

/// The reason of a step that must have failed for one that has no type of its own.
#[track_caller]
pub(crate) fn reason(execution: &Execution) -> &str {
    match &execution.result {
        Performed::Ended(Outcome::Failed { failure: Failure::Other { reason } }) => reason.as_str(),
        other => panic!("expected a failure with a reason, got {other:?}"),
    }
}

/// A folder of its own, and contexts that work in it.
pub(crate) struct Workbench {
    folder: TempDir,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    /// Runs programs directly, and reaches private addresses, where the tests' listeners are.
    pub(crate) fn context(&self) -> ExecutionContext {
        self.context_with(&[])
    }

    pub(crate) fn context_with(&self, variables: &[(&str, &str)]) -> ExecutionContext {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let mut environment: Vec<(OsString, OsString)> = vec![("PATH".into(), path)];
        environment.extend(variables.iter().map(|(name, value)| (name.into(), value.into())));
        let outgoing = Outgoing::new(OutgoingPolicy::with_private_networks()).unwrap();
        ExecutionContext::new(self.folder.path().to_owned(), environment, outgoing).with_grace(GRACE)
    }

    /// Both ways to run programs: directly and through a guardian.
    pub(crate) fn contexts(&self) -> [(&'static str, ExecutionContext); 2] {
        let guarded = self.context().with_guardian(guardian_program(), vec!["__step-guardian".into()]);
        [("direct", self.context()), ("guarded", guarded)]
    }

    /// The process ids that a step has written into a file, one per line, once there are `count`.
    pub(crate) async fn pids(&self, name: &str, count: usize) -> Vec<i32> {
        let read = || {
            let text = self.read(name).unwrap_or_default();
            let pids: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
            (text.ends_with('\n') && pids.len() >= count).then_some(pids)
        };
        eventually("the step writes its process ids", read).await
    }
}

/// The example program that is a guardian; `cargo test` builds it beside the tests.
pub(crate) fn guardian_program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("examples/guardian");
    assert!(
        program.exists(),
        "{} is missing: build it with `cargo build -p adapters --examples`",
        program.display()
    );
    program
}

pub(crate) fn program(argv: &[&str]) -> Command {
    Command {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        environment: Default::default(),
        pass_environment: Vec::new(),
        working_directory: None,
    }
}

pub(crate) fn shell(line: &str) -> Command {
    program(&["/bin/sh", "-c", line])
}

pub(crate) fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Default::default(),
        body: None,
        credentials: None,
        header_variables: Default::default(),
        expected_status: (200, 299),
    }
}

/// Executes a step that nobody cancels.
pub(crate) async fn perform(kind: &StepKind, time_limit: Duration, context: &ExecutionContext) -> Execution {
    execute(kind, time_limit, context, &CancellationToken::new()).await
}

/// Executes a shell line with ample time.
pub(crate) async fn perform_line(line: &str, context: &ExecutionContext) -> Execution {
    perform(&StepKind::Run(shell(line)), AMPLE, context).await
}

/// Whether a process runs; one that has ended but not been reaped does not.
pub(crate) fn is_running(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_ascii_whitespace().next());
    !matches!(state, Some("Z" | "X") | None)
}

/// Waits until `look` finds something.
pub(crate) async fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until none of these processes runs.
pub(crate) async fn all_gone(pids: &[i32]) {
    eventually("the processes end", || (!pids.iter().any(|pid| is_running(*pid))).then_some(())).await;
}
