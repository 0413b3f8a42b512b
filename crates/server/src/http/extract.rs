//! What handlers receive, parsed and checked: the caller, ids, bodies, queries, preconditions.

use api::read::ReadError;
use api::{FieldError, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use domain::canonical::Digest;
use domain::id::{ChangeId, CiName, IncidentId};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use store::IdempotencyKey;
use utoipa::IntoParams;

use super::problem::Rejection;
use crate::app::SharedApp;
use crate::caller::Caller;
use crate::failure::{Failure, Precondition, RequestError};
use crate::follow;

/// Longest part of what was sent that an answer repeats, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// The caller behind the request's token.
#[derive(Debug)]
pub(super) struct Authenticated(pub Caller);

impl FromRequestParts<SharedApp> for Authenticated {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Rejection> {
        let token = bearer(&parts.headers)?;
        Ok(Self(of_token(app, token).await?))
    }
}

/// The caller behind a token.
///
/// # Errors
/// When the token is not good, or the store fails.
pub(super) async fn of_token(app: &SharedApp, token: &str) -> Result<Caller, Failure> {
    let caller = || Caller::of_token(&app.known().directory, token, app.clock.now());
    match caller() {
        // Another server may have issued the token a moment ago.
        Err(_) if !app.followed.is_alone() => {
            follow::catch_up(app).await?;
            caller()
        }
        other => other,
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let missing = Failure::Unauthenticated("no token: send `Authorization: Bearer cct_…`");
    let value = headers.get(header::AUTHORIZATION).ok_or(missing)?;
    let malformed = Failure::Unauthenticated("the token does not have the form `Bearer cct_…`");
    let Some(text) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
        return Err(malformed);
    };
    let (scheme, token) = text;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(malformed) }
}

/// The change that the address names.
#[derive(Debug)]
pub(super) struct ChangePath(pub ChangeId);

impl<S: Send + Sync> FromRequestParts<S> for ChangePath {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        path_part(parts, state, "id", "change").await.map(Self)
    }
}

/// The incident that the address names.
#[derive(Debug)]
pub(super) struct IncidentPath(pub IncidentId);

impl<S: Send + Sync> FromRequestParts<S> for IncidentPath {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        path_part(parts, state, "id", "incident").await.map(Self)
    }
}

/// The configuration item that the address names, percent-encoded as one part of it.
#[derive(Debug)]
pub(super) struct CiPath(pub CiName);

impl<S: Send + Sync> FromRequestParts<S> for CiPath {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        path_part(parts, state, "id", "configuration item").await.map(Self)
    }
}

/// The parts of the address that the route leaves open, as texts.
#[derive(Debug)]
pub(super) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        // What a route leaves open is always text, so that only bytes which are no text can be wrong with it.
        let name = shown(parts.uri.path());
        path.map(|axum::extract::Path(value)| Self(value))
            .map_err(|_| Rejection(Failure::NotFound { what: "address", name }))
    }
}

async fn path_part<T, S>(parts: &mut Parts, state: &S, name: &str, what: &'static str) -> Result<T, Rejection>
where
    T: std::str::FromStr,
    S: Send + Sync,
{
    let Path(path): Path<std::collections::HashMap<String, String>> =
        Path::from_request_parts(parts, state).await?;
    let text = path.get(name).map_or("", String::as_str);
    text.parse().map_err(|_| Rejection(Failure::NotFound { what, name: shown(text) }))
}

/// What was sent, cut and cleaned so that it can be shown to whoever sent it.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect()
}

/// A JSON body, and the digest of the request for telling repetitions from other requests.
#[derive(Debug)]
pub(super) struct JsonBody<T> {
    /// What was sent.
    pub value: T,
    /// Digest of method, path, query and body.
    pub digest: Digest,
}

impl<T: DeserializeOwned> FromRequest<SharedApp> for JsonBody<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &SharedApp) -> Result<Self, Rejection> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        let bytes = read(body).await?;
        let value = api::read::json(&bytes, api::BODY_BYTES_MAX).map_err(RequestError::Body)?;
        Ok(Self { value, digest: request_digest(&parts, &bytes) })
    }
}

/// A body as it came, for what is signed as a whole.
#[derive(Debug)]
pub(super) struct RawBody(pub Vec<u8>);

impl FromRequest<SharedApp> for RawBody {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &SharedApp) -> Result<Self, Rejection> {
        Ok(Self(read(request.into_body()).await?))
    }
}

/// A request without a body, or with an ignored empty one.
#[derive(Debug)]
pub(super) struct NoBody {
    /// Digest of method, path and query.
    pub digest: Digest,
}

impl FromRequest<SharedApp> for NoBody {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &SharedApp) -> Result<Self, Rejection> {
        let (parts, body) = request.into_parts();
        let bytes = read(body).await?;
        if !bytes.is_empty() && !bytes.trim_ascii().is_empty() && bytes.trim_ascii() != b"{}" {
            let error = FieldError::new(".", "this request takes no body: send none");
            return Err(Rejection(error.into()));
        }
        Ok(Self { digest: request_digest(&parts, b"") })
    }
}

async fn read(body: Body) -> Result<Vec<u8>, RequestError> {
    let limit = api::BODY_BYTES_MAX;
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| RequestError::BrokenOff)?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit {
            return Err(ReadError::TooLarge { bytes: bytes.len(), limit }.into());
        }
    }
    Ok(bytes)
}

fn require_json(headers: &HeaderMap) -> Result<(), RequestError> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = media_type.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(RequestError::MediaType { given: shown(essence) })
}

fn request_digest(parts: &Parts, body: &[u8]) -> Digest {
    let target = parts.uri.path_and_query().map_or_else(|| parts.uri.path(), PathAndQuery::as_str);
    let head = format!("{} {target}\n", parts.method);
    Digest::of_bytes(&[head.as_bytes(), body].concat())
}

/// The query of the address.
#[derive(Debug)]
pub(super) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|axum::extract::Query(value)| Self(value)).map_err(|error| {
            let source =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Rejection(FieldError::new("query", source).into())
        })
    }
}

/// A value of the query; empty is as good as absent.
///
/// # Errors
/// When it does not have the accepted form.
pub(super) fn one<T>(field: &str, text: Option<&str>) -> Result<Option<T>, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|error| FieldError::new(field, error).into())).transpose()
}

/// Values of the query, separated by commas.
///
/// # Errors
/// When one does not have the accepted form.
pub(super) fn words<T>(field: &str, text: Option<&str>) -> Result<Vec<T>, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let parts =
        text.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty());
    parts.map(|word| word.parse().map_err(|error| FieldError::new(field, error).into())).collect()
}

/// The number of items on a page.
///
/// # Errors
/// When it is out of range.
pub(super) fn page_limit(given: Option<u32>) -> Result<usize, Failure> {
    let limit = given.unwrap_or(PAGE_ITEMS_DEFAULT);
    if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
        let message = format!("{limit} is out of range: expected 1 to {PAGE_ITEMS_MAX}");
        return Err(FieldError::new("limit", message).into());
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// The caller's own name for the request, from `Idempotency-Key`.
#[derive(Debug)]
pub(super) struct Idempotency(pub Option<IdempotencyKey>);

impl<S: Send + Sync> FromRequestParts<S> for Idempotency {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or_default().trim_matches('"');
        let key = IdempotencyKey::new(text)
            .map_err(|error| Rejection(FieldError::new("Idempotency-Key", error).into()))?;
        Ok(Self(Some(key)))
    }
}

/// The header of [`Idempotency`], for the OpenAPI document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) struct IdempotencyParams {
    /// The caller's own name for this request: repeated under the same name, it is answered and not done again.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// The version that the request is about, from `If-Match`.
#[derive(Debug)]
pub(super) struct IfMatch(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let value = parts.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        let version = value.and_then(|text| text.trim().trim_matches('"').parse().ok());
        version.map(Self).ok_or(Rejection(Precondition::VersionMissing.into()))
    }
}

/// Answers addresses that nothing else answers.
pub(crate) async fn not_found(uri: axum::http::Uri) -> Response {
    Rejection(Failure::NotFound { what: "address", name: shown(uri.path()) }).into_response()
}

/// Answers methods that an address does not take.
pub(crate) async fn method_not_allowed(method: axum::http::Method) -> Response {
    Rejection::from(RequestError::Method { given: shown(method.as_str()) }).into_response()
}
