//! `http`: a request, whose answer must have an expected status.

use std::time::Duration;

use domain::plan::HttpRequest;
use tokio_util::sync::CancellationToken;

use super::{Attempt, Excerpt, ExecutionContext, Outcome};
use crate::outgoing::OutgoingError;

/// How much of an answer is kept, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 4 * 1024;

pub(super) async fn execute(
    request: &HttpRequest,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let sent = tokio::select! {
        biased;
        () = cancel.cancelled() => return Attempt { outcome: Outcome::Cancelled, log: String::new() },
        sent = context.outgoing().send(request, time_limit, BODY_BYTES_MAX) => sent,
    };
    let masker = context.masker_of_request(request);
    let failed = |reason: &str| Outcome::Failed { reason: masker.mask(reason), exit_status: None };
    match sent {
        Ok(answer) => {
            let mut log = Excerpt::new(masker.clone());
            log.push_line(&format!("{} {}", request.method, request.url));
            log.push_line(&format!("status {} after {} ms", answer.status, answer.latency.as_millis()));
            log.push(&answer.body);
            if answer.body_cut {
                log.push_line("\n[the rest of the answer was not read]");
            }
            let outcome = if answer.is_expected(request) {
                Outcome::Succeeded
            } else {
                failed(&answer.unexpected(request))
            };
            Attempt { outcome, log: log.finish() }
        }
        Err(OutgoingError::TimedOut { .. }) => Attempt { outcome: Outcome::TimedOut, log: String::new() },
        Err(error) => Attempt { outcome: failed(&error.to_string()), log: String::new() },
    }
}
