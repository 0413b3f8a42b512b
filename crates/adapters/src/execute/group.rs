//! A program with all its children: one process group, ended as a whole.
//!
//! A program that moves itself to another group or session (`setsid`) leaves on purpose and is not followed: that is
//! how a step starts a service that is meant to outlive it.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long killed processes may take to disappear. Longer only for one that hangs in the kernel.
pub(super) const KILL_WAIT: Duration = Duration::from_secs(5);
/// First and longest pause between two looks at whether a group is gone.
const POLL_MIN: Duration = Duration::from_millis(5);
const POLL_MAX: Duration = Duration::from_millis(100);
/// Longest name of a program in a message, in characters.
const PROGRAM_CHARS_MAX: usize = 200;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// It was ended because of a stop.
    Stopped,
    /// It never ran, or nobody saw its end; with the reason.
    Unobserved(String),
}

/// What became of a program and its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    /// How the program ended.
    pub(super) end: End,
    /// Whether it left processes behind in its group when it ended by itself. They have been ended.
    pub(super) left_processes: bool,
    /// Whether processes of the group could not be ended.
    pub(super) survivors: bool,
}

impl Report {
    /// A program that never ran, or whose end nobody saw.
    pub(super) fn unobserved(reason: String) -> Self {
        Self { end: End::Unobserved(reason), left_processes: false, survivors: false }
    }
}

/// Runs a program in its own process group until it ends or `stop` completes. No process of the group is left when
/// this returns; none is left either when the returned future is dropped. `started` is told the group's id.
pub(super) async fn supervise(
    mut command: Command,
    grace: Duration,
    started: impl AsyncFnOnce(i32),
    stop: impl Future<Output = ()>,
) -> Report {
    let program = command.as_std().get_program().to_owned();
    let spawned = command.process_group(0).kill_on_drop(true).spawn();
    // The command holds the writing end of the output's pipe.
    drop(command);
    let mut leader = match spawned {
        Ok(leader) => leader,
        Err(error) => return Report::unobserved(not_started(Path::new(&program), &error)),
    };
    let Some(id) = leader.id().and_then(|id| i32::try_from(id).ok()) else {
        return Report::unobserved("the operating system gave no process id".to_owned());
    };
    let mut group = Group { id: Pid::from_raw(id), ended: false };
    started(id).await;
    let end = tokio::select! {
        status = leader.wait() => Some(status),
        () = stop => None,
    };
    let Some(status) = end else {
        let survivors = !group.end(Some(&mut leader), grace).await;
        return Report { end: End::Stopped, left_processes: false, survivors };
    };
    let left_processes = group.is_alive();
    let survivors = !group.end(None, grace).await;
    let end = match status {
        Ok(status) => end_of(status),
        Err(error) => End::Unobserved(format!("its end could not be observed: {error}")),
    };
    Report { end, left_processes, survivors }
}

fn end_of(status: std::process::ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(signal)) => End::Signalled(signal),
        (None, None) => End::Unobserved("it ended without a status".to_owned()),
    }
}

/// Why a program could not be started, with the next step.
pub(super) fn not_started(program: &Path, error: &std::io::Error) -> String {
    let program: String = program.display().to_string().chars().take(PROGRAM_CHARS_MAX).collect();
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!(
                "`{program}` could not be started: there is no such program; give its full path or extend `PATH`"
            )
        }
        std::io::ErrorKind::PermissionDenied => {
            format!(
                "`{program}` could not be started: permission denied; check that it is an executable file"
            )
        }
        _ => format!("`{program}` could not be started: {error}"),
    }
}

/// A process group. Killed when dropped, unless it has been ended.
#[derive(Debug)]
pub(super) struct Group {
    id: Pid,
    ended: bool,
}

impl Group {
    /// A group that another process started.
    pub(super) fn adopted(id: i32) -> Self {
        Self { id: Pid::from_raw(id), ended: false }
    }

    /// Forgets a group that somebody else has ended.
    pub(super) fn release(mut self) {
        self.ended = true;
    }

    /// Asks the group to end, kills what is left after `grace`, and says whether all of it is gone. `leader` is
    /// reaped on the way where it is our child.
    pub(super) async fn end(&mut self, mut leader: Option<&mut Child>, grace: Duration) -> bool {
        self.signal(Signal::SIGTERM);
        let gone = self.wait_gone(leader.as_deref_mut(), grace, None).await
            || self.wait_gone(leader, KILL_WAIT, Some(Signal::SIGKILL)).await;
        self.ended = true;
        gone
    }

    async fn wait_gone(
        &self,
        mut leader: Option<&mut Child>,
        limit: Duration,
        signal: Option<Signal>,
    ) -> bool {
        let deadline = Instant::now() + limit;
        let mut pause = POLL_MIN;
        loop {
            if let Some(signal) = signal {
                self.signal(signal);
            }
            if let Some(leader) = leader.as_deref_mut() {
                // Only reaps: an error would mean that somebody else has reaped it.
                let _reaped = leader.try_wait();
            }
            if !self.is_alive() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            sleep(pause).await;
            pause = (pause * 2).min(POLL_MAX);
        }
    }

    fn signal(&self, signal: Signal) {
        // A group that is gone is what this is for; one that may not be signalled stays alive and is reported.
        let _gone = killpg(self.id, signal);
    }

    /// Whether a process of the group still runs. Ended ones that nobody has reaped do not count.
    fn is_alive(&self) -> bool {
        match killpg(self.id, None) {
            Err(Errno::ESRCH) => false,
            Ok(()) | Err(_) => has_running_member(self.id).unwrap_or(true),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::SIGKILL);
        }
    }
}

/// Looks through `/proc` for a process of the group that is not a zombie; `None` where there is no `/proc`.
fn has_running_member(group: Pid) -> Option<bool> {
    let mut seen_any = false;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // `pid (name) state ppid pgrp …`; the name may contain anything.
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        seen_any = true;
        let mut fields = fields.split_ascii_whitespace();
        let (state, process_group) = (fields.next(), fields.nth(1));
        let member = process_group.and_then(|id| id.parse().ok()) == Some(group.as_raw());
        if member && !matches!(state, Some("Z" | "X")) {
            return Some(true);
        }
    }
    seen_any.then_some(false)
}
