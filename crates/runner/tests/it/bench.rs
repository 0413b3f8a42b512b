//! A machine with a working folder, a server, and runners between them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use adapters::execute::ExecutionContext;
use adapters::outgoing::{Outgoing, OutgoingPolicy};
use client::Client;
use domain::id::ChangeId;
use domain::plan::{Command, Monitor, Plan, Probe, RollbackPlan, Step, StepKind, Strategy};
use domain::rollback::{HealthCheck, Reaction, RollbackConditions, RollbackSpeed};
use runner::{Ended, Options, Progress, Reporter, Runner, RunnerError, Settings};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::server::{Definition, Server};

/// Ample time for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Life of a lease where a test does not care.
const LEASE_SECONDS: u64 = 10;
const GRACE: Duration = Duration::from_millis(300);

pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) server: Server,
}

impl Bench {
    pub(crate) async fn new(definition: Definition) -> Self {
        Self::with_lease(definition, LEASE_SECONDS).await
    }

    pub(crate) async fn with_lease(definition: Definition, lease_seconds: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        Self { folder, server: Server::start(definition, lease_seconds).await }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A file's text; empty when there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub(crate) fn runner(&self) -> Runner {
        self.runner_on("machine")
    }

    /// A runner on another machine has another state folder.
    pub(crate) fn runner_on(&self, machine: &str) -> Runner {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let environment: [(OsString, OsString); 1] = [("PATH".into(), path)];
        let outgoing = Outgoing::new(OutgoingPolicy::with_private_networks()).unwrap();
        let context = ExecutionContext::new(self.path(""), environment, outgoing);
        let client = Client::new(&self.server.address, "cct_of-the-test").unwrap();
        let state_folder = self.folder.path().join(machine);
        Runner::new(client, Settings { context, state_folder, grace: GRACE }).unwrap()
    }

    pub(crate) async fn implement(&self, options: &Options) -> Result<Ended, RunnerError> {
        Box::pin(self.runner().implement(change(), options)).await
    }

    /// Runs the plan while `meanwhile` happens.
    pub(crate) async fn implement_while<T>(
        &self,
        options: &Options,
        meanwhile: impl Future<Output = T>,
    ) -> (Result<Ended, RunnerError>, T) {
        tokio::join!(self.implement(options), meanwhile)
    }

    /// Waits until a file has this many lines, and gives them.
    pub(crate) async fn lines(&self, name: &str, count: usize) -> Vec<String> {
        let lines = || {
            let text = self.read(name);
            let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
            (text.ends_with('\n') && lines.len() >= count).then_some(lines)
        };
        eventually(name, lines).await
    }

    /// Waits until an observation with this sentence is on record.
    pub(crate) async fn observed(&self, sentence: &str) {
        let found = || self.server.history().iter().any(|line| line == sentence).then_some(());
        eventually(sentence, found).await;
    }

    /// Waits until the run asks a person.
    pub(crate) async fn question(&self) -> String {
        let question = || {
            let change = self.server.change();
            change.run.as_ref().and_then(|run| run.question()).map(|question| question.to_string())
        };
        eventually("a question", question).await
    }

    pub(crate) fn phase(&self) -> &'static str {
        self.server.change().run.as_ref().map_or("none", |run| run.phase().as_str())
    }

    pub(crate) fn state(&self) -> &'static str {
        self.server.change().state
    }
}

pub(crate) fn change() -> ChangeId {
    "CHG-2026-000001".parse().unwrap()
}

/// Looks until there is something to see.
pub(crate) async fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    let mut look = look;
    let seen = async {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("never seen: {what}"))
}

/// Options that tell us everything.
pub(crate) fn told() -> (Options, mpsc::Receiver<Progress>) {
    let (reporter, updates) = Reporter::channel();
    (Options { reporter, ..Options::default() }, updates)
}

/// Everything told so far.
pub(crate) fn all(updates: &mut mpsc::Receiver<Progress>) -> Vec<Progress> {
    std::iter::from_fn(|| updates.try_recv().ok()).collect()
}

/// Options under which a failure is undone.
pub(crate) fn undoing() -> Options {
    Options { auto_rollback: true, ..Options::default() }
}

pub(crate) fn shell(line: &str) -> Command {
    Command {
        argv: ["/bin/sh", "-c", line].map(ToOwned::to_owned).to_vec(),
        environment: Default::default(),
        pass_environment: Vec::new(),
        working_directory: None,
    }
}

pub(crate) fn run(line: &str) -> StepKind {
    StepKind::Run(shell(line))
}

pub(crate) fn manual(instructions: &str) -> StepKind {
    StepKind::Manual { instructions: instructions.to_owned() }
}

/// A step that runs a shell line.
pub(crate) fn step(name: &str, line: &str) -> Step {
    Step {
        name: name.parse().unwrap(),
        kind: run(line),
        undo: None,
        check: None,
        timeout_seconds: 60,
        retries: 0,
        retry_delay_millis: 0,
        idempotent: false,
        captures: Vec::new(),
        reversibility: None,
    }
}

/// A step that notes its name in `log`, and takes it back by a note.
pub(crate) fn noting(name: &str) -> Step {
    let undo = Some(run(&format!("echo undo {name} >> log")));
    Step { undo, ..step(name, &format!("echo {name} >> log")) }
}

pub(crate) fn definition(steps: impl IntoIterator<Item = Step>) -> Definition {
    let plan = Plan {
        strategy: Strategy::AllAtOnce,
        steps: steps.into_iter().collect(),
        estimated_duration_seconds: None,
        maintenance_window: false,
        soak_seconds: 0,
        stages: Vec::new(),
        tolerance: None,
        runs_on: std::collections::BTreeSet::new(),
        user_acceptance: None,
    };
    Definition {
        plan,
        rollback_plan: None,
        monitors: Vec::new(),
        conditions: RollbackConditions::default(),
        calibration: None,
    }
}

pub(crate) fn rollback_plan(steps: impl IntoIterator<Item = Step>) -> RollbackPlan {
    let steps = steps.into_iter().collect();
    RollbackPlan { automated: true, steps, max_duration_seconds: None, quarantine: Vec::new() }
}

/// A monitor that asks a shell line every tenth of a second.
pub(crate) fn monitor(name: &str, line: &str) -> Monitor {
    Monitor {
        name: name.parse().unwrap(),
        probe: Probe::Command { command: shell(line), timeout_millis: 10_000 },
        interval_millis: 100,
    }
}

/// Roll back after three failed checks in a row.
pub(crate) fn health_check(rollback: RollbackSpeed) -> RollbackConditions {
    let action = Reaction { rollback, quarantine: false };
    let health_check = Some(HealthCheck { failed_checks: 3, action });
    RollbackConditions { health_check, ..RollbackConditions::default() }
}

/// Whether a process runs; one that has ended but not been reaped does not.
pub(crate) fn is_running(pid: &str) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_ascii_whitespace().next());
    !matches!(state, Some("Z" | "X") | None)
}

/// A line that writes its process id and that of a child into `pids`, and runs until it is stopped.
pub(crate) const ENDLESS: &str = "sleep 300 & echo $$ >> pids; echo $! >> pids; wait";
/// The same, deaf to requests to end.
pub(crate) const STUBBORN: &str =
    "trap '' TERM; sleep 300 & echo $$ >> pids; echo $! >> pids; while :; do sleep 1; done";
