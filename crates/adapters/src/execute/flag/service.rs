//! A flag of a service: a request switches it, another one asks for it until it is as wanted.

use std::time::Duration;

use domain::plan::{HttpRequest, ReadBack};
use serde_json::Value;
use tokio::time::sleep;

use crate::execute::ExecutionContext;
use crate::text::clipped;

/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How much of a value is repeated, in characters.
const VALUE_CHARS_MAX: usize = 200;
/// Times that a service is asked until it says what was set.
const READS_MAX: u32 = 10;
const READ_PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn switch(
    set: &HttpRequest,
    read: &ReadBack,
    expected: &str,
    time_limit: Duration,
    context: &ExecutionContext,
) -> Result<String, String> {
    let (set, masker) = context.authorized(set).map_err(|unfit| unfit.to_string())?;
    let (set, masked) = (&set, |text: &str| masker.mask(text));
    let answer = context.outgoing().send(set, time_limit, ANSWER_BYTES_MAX).await;
    let answer = answer.map_err(|error| masked(&error.to_string()))?;
    if !answer.is_expected(set) {
        return Err(format!("{} {}", masked(&set.url), answer.unexpected(set)));
    }
    let mut found = String::new();
    for attempt in 0..READS_MAX {
        if attempt > 0 {
            sleep(READ_PAUSE).await;
        }
        found = value(read, time_limit, context).await?;
        if found == expected {
            return Ok(format!("{} {}: {found}", set.method, masked(&set.url)));
        }
    }
    let (found, expected) = (clipped(&found, VALUE_CHARS_MAX), clipped(expected, VALUE_CHARS_MAX));
    Err(format!(
        "the service says `{found}` afterwards, expected `{expected}`: it took the request and did not do it"
    ))
}

/// The value that the service answers: a text as it is, anything else as JSON.
pub(crate) async fn value(
    read: &ReadBack,
    time_limit: Duration,
    context: &ExecutionContext,
) -> Result<String, String> {
    let ReadBack { request, pointer } = read;
    let (request, masker) = context.authorized(request).map_err(|unfit| unfit.to_string())?;
    let (request, masked) = (&request, |text: &str| masker.mask(text));
    let answer = context.outgoing().send(request, time_limit, ANSWER_BYTES_MAX).await;
    let answer = answer.map_err(|error| masked(&error.to_string()))?;
    let url = masked(&request.url);
    if !answer.is_expected(request) {
        return Err(format!("{url} {}", answer.unexpected(request)));
    }
    if answer.body_cut {
        return Err(format!("{url} answers more than {ANSWER_BYTES_MAX} bytes"));
    }
    if pointer.is_empty() {
        return Ok(masked(&String::from_utf8_lossy(&answer.body)));
    }
    let document: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("{url} does not answer JSON: {error}"))?;
    match document.pointer(pointer) {
        Some(Value::String(text)) => Ok(masked(text)),
        Some(value) => Ok(masked(&value.to_string())),
        None => Err(format!("{url} answers nothing at `{pointer}`")),
    }
}
