//! `http`: a request, whose answer must have an expected status.

use std::time::Duration;

use domain::plan::{Failure, HttpRequest};
use tokio_util::sync::CancellationToken;

use super::{Attempt, Excerpt, ExecutionContext, other_failure};
use crate::mask::Masker;
use crate::outgoing::{Answer, OutgoingError};

/// How much of an answer is kept, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024;

pub(super) async fn execute(
    request: &HttpRequest,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let (request, masker) = match context.authorized(request) {
        Ok(authorized) => authorized,
        Err(unfit) => return Attempt::failed(other_failure(&unfit.to_string()), String::new()),
    };
    let request = &request;
    let sent = tokio::select! {
        biased;
        () = cancel.cancelled() => return Attempt::failed(Failure::Cancelled, String::new()),
        sent = context.outgoing().send(request, time_limit, BODY_BYTES_MAX) => sent,
    };
    let failed = |reason: &str| other_failure(&masker.mask(reason));
    match sent {
        Ok(answer) => {
            let log = record(request, &answer, masker.clone());
            if answer.is_expected(request) {
                Attempt::succeeded(log)
            } else {
                Attempt::failed(failed(&answer.unexpected(request)), log)
            }
        }
        Err(OutgoingError::TimedOut { .. }) => Attempt::failed(Failure::TimedOut, String::new()),
        Err(error) => Attempt::failed(failed(&error.to_string()), String::new()),
    }
}

fn record(request: &HttpRequest, answer: &Answer, masker: Masker) -> String {
    let mut log = Excerpt::new(masker);
    log.push_line(&format!("{} {}", request.method, request.url));
    log.push_line(&format!("status {} after {} ms", answer.status, answer.latency.as_millis()));
    log.push(&answer.body);
    if answer.body_cut {
        log.push_line("\n[the rest of the answer was not read]");
    }
    log.finish()
}
