//! Asks by HTTP request.

use std::time::Duration;

use domain::plan::HttpRequest;
use domain::rollback::Verdict;
use tokio_util::sync::CancellationToken;

use super::Sampled;
use crate::execute::ExecutionContext;

/// How much of an answer is read, in bytes. It is not kept: the status is what counts.
const BODY_BYTES_MAX: usize = 4 * 1024;

pub(super) async fn probe(
    request: &HttpRequest,
    limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Sampled {
    let (request, masker) = match context.authorized(request) {
        Ok(authorized) => authorized,
        Err(unfit) => return Sampled::unanswered(Verdict::Error, unfit.to_string()),
    };
    let request = &request;
    let sent = tokio::select! {
        biased;
        () = cancel.cancelled() => return Sampled::cancelled(),
        sent = context.outgoing().send(request, limit, BODY_BYTES_MAX) => sent,
    };
    match sent {
        Ok(answer) if answer.is_expected(request) => {
            Sampled::answered(Verdict::Pass, answer.latency, format!("status {}", answer.status))
        }
        Ok(answer) => Sampled::answered(Verdict::Fail, answer.latency, answer.unexpected(request)),
        Err(error) => {
            let verdict = if error.is_targets_fault() { Verdict::Fail } else { Verdict::Error };
            Sampled::unanswered(verdict, masker.mask(&error.to_string()))
        }
    }
}
