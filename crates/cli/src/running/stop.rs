//! Stopping a run by signal: politely the first time, at once the second.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::shell::Shell;

/// Waits for SIGINT or SIGTERM. The first one stops the run through `stop`, which then ends in order; only the second
/// one ends this function, and with it everything that runs. Without signals to wait for, a run cannot be stopped.
pub(crate) async fn stop_on_signals(stop: &CancellationToken, shell: &Shell) -> Failure {
    let Ok(mut signals) = signals() else { return std::future::pending().await };
    next(&mut signals).await;
    shell.warn("stopping; a second signal ends it at once, with the running step unknown");
    stop.cancel();
    next(&mut signals).await;
    Failure::new("stopped at once; the change is reported interrupted as soon as its lease has ended")
}

fn signals() -> std::io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?])
}

async fn next([interrupt, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
