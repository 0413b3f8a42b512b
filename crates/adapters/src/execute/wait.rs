//! `wait`: lets time pass.

use std::time::Duration;

use domain::plan::Failure;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Attempt;

pub(super) async fn execute(pause: Duration, time_limit: Duration, cancel: &CancellationToken) -> Attempt {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Attempt::failed(Failure::Cancelled, String::new()),
        () = sleep(pause) => Attempt::succeeded(String::new()),
        () = sleep(time_limit) => Attempt::failed(Failure::TimedOut, String::new()),
    }
}
