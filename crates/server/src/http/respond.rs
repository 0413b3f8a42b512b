//! Answers that several handlers give.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::canonical::Digest;
use domain::id::ChangeId;
use serde::{Deserialize, Serialize};
use store::{AppendError, IdempotencyKey, NewIdempotency, StoredResponse};

use super::problem::Rejection;
use crate::app::App;
use crate::caller::Caller;
use crate::commit::Extras;
use crate::failure::{Failure, Precondition};
use crate::view;
use crate::work::ChangeWork;

/// Marks an answer to a repeated request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What most changes need in an answer, so that writing one seldom moves what was written.
const CHANGE_BYTES_USUAL: usize = 16 * 1024;

/// What is kept of an answer: enough to give it again as the change is then.
#[derive(Debug, Serialize, Deserialize)]
struct KeptAnswer {
    change_id: ChangeId,
}

/// A change, with its version as entity tag.
pub(super) fn change(app: &App, status: StatusCode, work: &ChangeWork) -> Response {
    let told = view::change(&app.known(), &work.change, &work.trail, work.now);
    let mut body = Vec::with_capacity(CHANGE_BYTES_USUAL);
    if let Err(error) = serde_json::to_writer(&mut body, &told) {
        return Rejection(Failure::Internal(error.to_string())).into_response();
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (status, json, body).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", work.change.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if status == StatusCode::CREATED
        && let Ok(location) = HeaderValue::from_str(&format!("/api/v1/changes/{}", work.change.id))
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// What a request's idempotency key adds to the append.
pub(super) fn extras(
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    request_digest: Digest,
    status: StatusCode,
    id: ChangeId,
) -> Extras {
    let body = serde_json::to_vec(&KeptAnswer { change_id: id }).unwrap_or_default();
    let idempotency = key.map(|key| NewIdempotency {
        actor: caller.id(),
        key: key.clone(),
        request_digest,
        status: status.as_u16(),
        body,
    });
    Extras { idempotency, ..Extras::default() }
}

/// The earlier answer to the same request, where there is one.
///
/// # Errors
/// When the key was used for another request, or the store fails.
pub(super) async fn replay(
    app: &App,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    request_digest: Digest,
) -> Result<Option<Response>, Failure> {
    let Some(key) = key else { return Ok(None) };
    match app.store.idempotency(&caller.id(), key).await? {
        Some(stored) => replayed(app, &stored, request_digest).await.map(Some),
        None => Ok(None),
    }
}

/// Answers a change that was created, or the earlier answer to the same request. The append itself tells a repetition
/// from a new request; what came to no append may repeat a request that was accepted then and would be refused by now.
///
/// # Errors
/// What the work failed with, or when the key was used for another request.
pub(super) async fn created(
    app: &App,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    request_digest: Digest,
    done: Result<ChangeWork, Failure>,
) -> Result<Response, Rejection> {
    let is_told = matches!(done, Ok(_) | Err(Failure::Append(AppendError::IdempotentReplay(_))));
    if !is_told && let Some(answer) = replay(app, caller, key, request_digest).await? {
        return Ok(answer);
    }
    worked(app, StatusCode::CREATED, request_digest, done).await
}

/// Answers a change that was worked on, or the earlier answer when the same request was faster.
///
/// # Errors
/// What the work failed with.
pub(super) async fn worked(
    app: &App,
    status: StatusCode,
    request_digest: Digest,
    done: Result<ChangeWork, Failure>,
) -> Result<Response, Rejection> {
    match done {
        Ok(work) => Ok(change(app, status, &work)),
        Err(Failure::Append(AppendError::IdempotentReplay(stored))) => {
            Ok(replayed(app, &stored, request_digest).await?)
        }
        Err(failure) => Err(Rejection(failure)),
    }
}

async fn replayed(app: &App, stored: &StoredResponse, request_digest: Digest) -> Result<Response, Failure> {
    if stored.request_digest != request_digest {
        return Err(Precondition::KeyReused.into());
    }
    let kept: KeptAnswer =
        serde_json::from_slice(&stored.body).map_err(|error| Failure::Internal(error.to_string()))?;
    let work = ChangeWork::load(app, kept.change_id).await?;
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    let mut response = change(app, status, &work);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
