//! Asks how healthy the system is, so that no assessment has to wait for the answer.

use crate::app::SharedApp;
use crate::failure::Failure;

/// Asks when it is time to.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    tokio::select! {
        () = app.health.ask(|| app.clock.now()) => {}
        () = app.shutdown.cancelled() => {}
    }
    Ok(())
}
