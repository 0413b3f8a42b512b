//! Runs a program of a plan to its end: clean environment, bounded time, bounded masked log, no process left behind.

use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use domain::plan::Command;
use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::process;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::context::{ExecutionContext, Guardian, UnfitCommand};
use super::excerpt::Excerpt;
use super::group::{End, Group, KILL_WAIT, Report, not_started, supervise};
use super::guardian::{MESSAGE_BYTES_MAX, Message};
use crate::mask::Masker;

/// How much of the output is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// How long output is read after the last process of the group is gone. Longer only when a process has left the
/// group and holds the output open.
const DRAIN_WAIT: Duration = Duration::from_millis(500);

/// A program that has run, or could not.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) conclusion: Conclusion,
    /// Output and our own notes, masked and bounded.
    pub(crate) log: String,
}

/// How a program's run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conclusion {
    Exited(i32),
    /// Ended by a signal of somebody else.
    Signalled(i32),
    TimedOut,
    Cancelled,
    /// It did not run, or nobody saw its end; with the reason, secrets masked.
    Unknown(String),
}

impl Conclusion {
    fn masked(self, masker: &Masker) -> Self {
        if let Self::Unknown(reason) = &self { Self::Unknown(masker.mask(reason)) } else { self }
    }
}

#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error(transparent)]
    Unfit(#[from] UnfitCommand),
    #[error("no pipe for the program's output could be made: {0}")]
    Pipe(#[from] std::io::Error),
}

/// Runs the program. When this returns, or when its future is dropped, no process of its group is left.
pub(crate) async fn run_to_end(
    command: &Command,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
    log_bytes_max: usize,
) -> Finished {
    let masker = context.masker_of(command);
    let mut excerpt = Excerpt::bounded(masker.clone(), log_bytes_max);
    let conclusion = match prepare(command, context) {
        // Not even begun: what starts may have done something before it is stopped.
        Ok(_) if cancel.is_cancelled() => Conclusion::Cancelled,
        Ok((program, output)) => watch(program, output, time_limit, context, cancel, &mut excerpt).await,
        Err(error) => Conclusion::Unknown(error.to_string()),
    };
    Finished { conclusion: conclusion.masked(&masker), log: excerpt.finish() }
}

fn prepare(
    command: &Command,
    context: &ExecutionContext,
) -> Result<(process::Command, Receiver), SetupError> {
    let (program, arguments) = command.argv.split_first().ok_or(UnfitCommand::NoProgram)?;
    let folder = context.folder_of(command)?;
    let environment = context.environment_of(command)?;
    let (reader, writer) = std::io::pipe()?;
    let reader = Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let mut prepared = match context.guardian() {
        Some(Guardian { program: guardian, arguments: own }) => {
            let mut prepared = process::Command::new(guardian);
            prepared.args(own).arg(context.grace().as_millis().to_string()).arg(program);
            prepared
        }
        None => process::Command::new(program),
    };
    prepared
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    Ok((prepared, reader))
}

async fn watch(
    program: process::Command,
    output: Receiver,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
    excerpt: &mut Excerpt,
) -> Conclusion {
    let mut timed_out = false;
    let mut held_open = false;
    let report = {
        let stop = async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = sleep(time_limit) => timed_out = true,
            }
        };
        let reported = async {
            match context.guardian() {
                Some(guardian) => through_guardian(guardian, program, context.grace(), stop).await,
                None => supervise(program, context.grace(), async |_| (), stop).await,
            }
        };
        let mut reported = pin!(reported);
        let mut pumped = pin!(pump(output, excerpt));
        tokio::select! {
            report = &mut reported => {
                held_open = timeout(DRAIN_WAIT, pumped).await.is_err();
                report
            }
            () = &mut pumped => reported.await,
        }
    };
    note(&report, held_open, excerpt);
    match report.end {
        End::Exited(status) => Conclusion::Exited(status),
        End::Signalled(signal) => Conclusion::Signalled(signal),
        End::Stopped if timed_out => Conclusion::TimedOut,
        End::Stopped => Conclusion::Cancelled,
        End::Unobserved(reason) => Conclusion::Unknown(reason),
    }
}

/// Reads the output to its end, so that the program never blocks on writing.
async fn pump(mut reader: Receiver, excerpt: &mut Excerpt) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(length @ 1..) = reader.read(&mut buffer).await {
        excerpt.push(buffer.get(..length).unwrap_or_default());
    }
}

fn note(report: &Report, held_open: bool, excerpt: &mut Excerpt) {
    if report.left_processes {
        excerpt.push_line(
            "\n[processes that the program left running were ended; start a service that is to stay with `setsid`]",
        );
    }
    if report.survivors {
        excerpt.push_line(
            "\n[processes of this step could not be ended: look for them on the runner's machine]",
        );
    }
    if held_open {
        excerpt.push_line(
            "\n[a process that left the step's group holds the output open: its output is not recorded]",
        );
    }
}

/// A signal as people call it.
pub(crate) fn signal_name(number: i32) -> String {
    Signal::try_from(number)
        .map_or_else(|_| format!("signal {number}"), |signal| format!("{signal} ({number})"))
}

/// Starts the program through a guardian and waits for its report.
async fn through_guardian(
    guardian: &Guardian,
    mut command: process::Command,
    grace: Duration,
    stop: impl Future<Output = ()>,
) -> Report {
    let (link, theirs) = match socket_pair() {
        Ok(pair) => pair,
        Err(error) => {
            return Report::unobserved(format!("no socket to the step's guardian could be made: {error}"));
        }
    };
    // It makes itself the leader of a session of its own.
    let spawned = command.stdin(theirs).spawn();
    drop(command);
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            return Report::unobserved(format!("step guardian: {}", not_started(&guardian.program, &error)));
        }
    };
    let (from_guardian, mut to_guardian) = link.into_split();
    let mut group = None;
    let report = {
        let mut told = pin!(listen(from_guardian, &mut group));
        tokio::select! {
            report = &mut told => report,
            () = stop => {
                // Closing our half asks the guardian to end the step. An error means that it is gone already.
                let _gone = to_guardian.shutdown().await;
                timeout(grace + KILL_WAIT + KILL_WAIT, told).await.ok().flatten()
            }
        }
    };
    if let Some(report) = report {
        let _reaped = timeout(KILL_WAIT, child.wait()).await;
        return report;
    }
    let _killed = child.start_kill();
    let _reaped = child.wait().await;
    let survivors = match &mut group {
        Some(group) => !group.end(None, grace).await,
        None => false,
    };
    let reason = format!(
        "the step's guardian `{}` ended without a report, and the step with it",
        guardian.program.display()
    );
    Report { end: End::Unobserved(reason), left_processes: false, survivors }
}

fn socket_pair() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs.into()))
}

/// Reads the guardian's messages. `group` is set while the step's group may be alive; `None` is returned when the
/// guardian ends without a report.
async fn listen(
    from_guardian: impl tokio::io::AsyncRead + Unpin,
    group: &mut Option<Group>,
) -> Option<Report> {
    let mut lines = BufReader::new(from_guardian.take(MESSAGE_BYTES_MAX)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Message::Started { group: id }) => *group = Some(Group::adopted(id)),
            Ok(Message::Ended(report)) => {
                if let Some(group) = group.take() {
                    group.release();
                }
                return Some(report);
            }
            Err(_) => return None,
        }
    }
    None
}
