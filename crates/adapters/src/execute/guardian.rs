//! Ends a step's processes when the runner is gone, whatever ended it.
//!
//! The operating system kills no grandchildren when a runner is killed with `kill -9`. So the runner starts each step
//! through a small process of its own, the guardian, with which it shares a socket: the runner's end closes with the
//! runner, and the guardian then ends the step's process group. The rejected alternative, `PR_SET_PDEATHSIG`, reaches
//! only the direct child and fires when the starting thread ends.
//!
//! On the socket the guardian writes one JSON message per line: `started` with the group's id, then `ended` with the
//! report. The runner writes nothing: it closes its writing half to have the step ended.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::group::{Report, supervise};

/// Longest message of a guardian, in bytes.
pub(super) const MESSAGE_BYTES_MAX: u64 = 16 * 1024;

/// What a guardian tells its runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// The step runs, in this process group.
    Started {
        /// The group's id.
        group: i32,
    },
    /// The step and its group have ended.
    Ended(Report),
}

/// A guardian that cannot do its work.
#[derive(Debug, thiserror::Error)]
enum GuardianError {
    #[error("expected the grace in milliseconds and a program: this command is started by the runner only")]
    Usage,
    #[error("standard input is not the runner's socket: this command is started by the runner only")]
    Link(#[source] std::io::Error),
    #[error("the runtime could not be started")]
    Runtime(#[source] std::io::Error),
}

/// The whole life of a guardian process. `arguments` are the grace in milliseconds, the program and its arguments.
/// Call it before anything else is started; it needs standard input, output and error as the runner set them up.
pub fn guardian_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match guard(arguments.into_iter()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the step's log: the right place, as the runner sees nothing else of this process.
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let _unwritable = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("step guardian: {error}{cause}\n").as_bytes(),
            );
            ExitCode::FAILURE
        }
    }
}

fn guard(mut arguments: impl Iterator<Item = OsString>) -> Result<(), GuardianError> {
    let grace = arguments.next().and_then(|text| text.to_str()?.parse().ok()).map(Duration::from_millis);
    let (Some(grace), Some(program)) = (grace, arguments.next()) else { return Err(GuardianError::Usage) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());

    // Away from the runner's terminal: its Ctrl-C does not reach the guardian, and a step that wants to ask a person
    // there fails instead of hanging. An error means that we lead a session already.
    let _leader = nix::unistd::setsid();

    let link = std::io::stdin().as_fd().try_clone_to_owned().map_err(GuardianError::Link)?;
    let link = std::os::unix::net::UnixStream::from(link);
    link.peer_addr().and_then(|_| link.set_nonblocking(true)).map_err(GuardianError::Link)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(GuardianError::Runtime)?;
    runtime.block_on(async {
        let link = UnixStream::from_std(link).map_err(GuardianError::Link)?;
        // A guardian that is asked to end like everybody else would leave its step alone.
        let requests =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit()];
        let _handlers: Vec<_> = requests.into_iter().map(signal).collect();
        let (mut from_runner, mut to_runner) = link.into_split();
        let report = {
            let tell_started = async |group| tell(&mut to_runner, &Message::Started { group }).await;
            let runner_gone = async {
                // The runner writes nothing: whatever ends the wait, be it an error, means that it is gone.
                let _gone = from_runner.read(&mut [0]).await;
            };
            supervise(command, grace, tell_started, runner_gone).await
        };
        tell(&mut to_runner, &Message::Ended(report)).await;
        Ok(())
    })
}

async fn tell(to_runner: &mut (impl AsyncWriteExt + Unpin), message: &Message) {
    if let Ok(mut line) = serde_json::to_vec(message) {
        line.push(b'\n');
        // A runner that is gone needs no message.
        let _gone = to_runner.write_all(&line).await;
    }
}
