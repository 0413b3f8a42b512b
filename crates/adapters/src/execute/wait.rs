//! `wait`: lets time pass.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Attempt, Outcome};

pub(super) async fn execute(pause: Duration, time_limit: Duration, cancel: &CancellationToken) -> Attempt {
    let outcome = tokio::select! {
        biased;
        () = cancel.cancelled() => Outcome::Cancelled,
        () = sleep(pause) => Outcome::Succeeded,
        () = sleep(time_limit) => Outcome::TimedOut,
    };
    Attempt { outcome, log: String::new() }
}
