//! What handlers receive, parsed and checked: the caller, ids, bodies, queries, preconditions.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::canonical::Digest;
use domain::id::{ChangeId, IncidentId};
use serde::de::DeserializeOwned;
use store::IdempotencyKey;

use super::problem::Rejection;
use crate::app::SharedApp;
use crate::caller::Caller;
use crate::failure::Failure;

/// The caller behind the request's token.
#[derive(Debug)]
pub(super) struct Authenticated(pub Caller);

impl FromRequestParts<SharedApp> for Authenticated {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Rejection> {
        let token = bearer(&parts.headers).map_err(Rejection)?;
        let caller = Caller::of_token(&app.known().directory, token, app.clock.now());
        caller.map(Self).map_err(Rejection)
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

async fn path_part<T, S>(parts: &mut Parts, state: &S, name: &str, what: &'static str) -> Result<T, Rejection>
where
    T: std::str::FromStr,
    S: Send + Sync,
{
    let path: Path<std::collections::HashMap<String, String>> = Path::from_request_parts(parts, state)
        .await
        .map_err(|error| Rejection(Failure::Internal(error.to_string())))?;
    let text = path.get(name).cloned().unwrap_or_default();
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    text.parse().map_err(|_| Rejection(Failure::NotFound { what, name: shown }))
}

/// A JSON body, and the digest of the request for telling repetitions from other requests.
#[derive(Debug)]
pub(super) struct JsonBody<T> {
    /// What was sent.
    pub value: T,
    /// Digest of method, path and body.
    pub digest: Digest,
}

impl<T: DeserializeOwned> FromRequest<SharedApp> for JsonBody<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &SharedApp) -> Result<Self, Rejection> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers).map_err(Rejection)?;
        let bytes = read(body).await.map_err(Rejection)?;
        let value = api::read::json(&bytes, api::BODY_BYTES_MAX).map_err(|error| Rejection(error.into()))?;
        Ok(Self { value, digest: request_digest(&parts, &bytes) })
    }
}

/// A request without a body, or with an ignored empty one.
#[derive(Debug)]
pub(super) struct NoBody {
    /// Digest of method and path.
    pub digest: Digest,
}

impl FromRequest<SharedApp> for NoBody {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &SharedApp) -> Result<Self, Rejection> {
        let (parts, body) = request.into_parts();
        let bytes = read(body).await.map_err(Rejection)?;
        if !bytes.is_empty() && !bytes.trim_ascii().is_empty() && bytes.trim_ascii() != b"{}" {
            let error = api::FieldError::new(".", "this request takes no body: send none");
            return Err(Rejection(error.into()));
        }
        Ok(Self { digest: request_digest(&parts, b"") })
    }
}

async fn read(body: Body) -> Result<axum::body::Bytes, Failure> {
    // One byte more than the limit tells a body that is too large from one that just fits.
    let limit = api::BODY_BYTES_MAX + 1;
    to_bytes(body, limit).await.map_err(|_| {
        Failure::Read(api::read::ReadError::TooLarge { bytes: limit, limit: api::BODY_BYTES_MAX })
    })
}

fn require_json(headers: &HeaderMap) -> Result<(), Failure> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = media_type.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Failure::MediaType { given: essence.chars().filter(|c| !c.is_control()).take(80).collect() })
}

fn request_digest(parts: &Parts, body: &[u8]) -> Digest {
    let head = format!("{} {}\n", parts.method, parts.uri.path());
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
            Rejection(api::FieldError::new("query", source).into())
        })
    }
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
            .map_err(|error| Rejection(api::FieldError::new("Idempotency-Key", error).into()))?;
        Ok(Self(Some(key)))
    }
}

/// The version that the request is about, from `If-Match`.
#[derive(Debug)]
pub(super) struct IfMatch(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let value = parts.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        let version = value.and_then(|text| text.trim().trim_matches('"').parse().ok());
        version.map(Self).ok_or(Rejection(Failure::VersionMissing))
    }
}

/// Answers addresses that nothing else answers.
pub(crate) async fn not_found(uri: axum::http::Uri) -> Response {
    let name = uri.path().chars().take(120).collect();
    Rejection(Failure::NotFound { what: "address", name }).into_response()
}

/// Answers methods that an address does not take.
pub(crate) async fn method_not_allowed() -> Response {
    let problem = api::Problem::new(
        "method-not-allowed",
        StatusCode::METHOD_NOT_ALLOWED.as_u16(),
        "Method not allowed",
        "this address does not take this method",
    )
    .with_next_step("see /api/v1/openapi.json for the methods of each address");
    super::problem::respond(problem)
}
