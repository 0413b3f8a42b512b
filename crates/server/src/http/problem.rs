//! The one place where a failure becomes a problem (RFC 9457) with its HTTP status.

use api::read::ReadError;
use api::{ErrorItem, PROBLEM_MEDIA_TYPE, Problem};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::authorization::Violation;
use domain::change::Refusal;
use store::{AppendError, LeaseError, StoreError};

use crate::failure::Failure;

/// A failure on its way out.
#[derive(Debug)]
pub(super) struct Rejection(pub Failure);

impl<F: Into<Failure>> From<F> for Rejection {
    fn from(failure: F) -> Self {
        Self(failure.into())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let problem = problem(&self.0);
        if problem.status >= 500 {
            tracing::error!(error = chain(&self.0), status = problem.status, "request failed");
        }
        respond(problem)
    }
}

/// The error and its causes in one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A problem as an answer.
pub(super) fn respond(problem: Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The problem that tells of a failure. What went wrong inside is not told.
pub(crate) fn problem(failure: &Failure) -> Problem {
    match failure {
        Failure::Unauthenticated(detail) => make(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            .with_next_step("get a token from an administrator, or with `cortex-change token issue`"),
        Failure::Denied(violations) => denied(violations),
        Failure::Refused(Refusal::Policy { violations }) => denied(violations),
        Failure::Refused(refusal) => refused(refusal),
        Failure::Incident(refusal) => make(StatusCode::CONFLICT, "incident-refused", &refusal.to_string()),
        Failure::Actor(refusal) => {
            make(StatusCode::UNPROCESSABLE_ENTITY, "actor-refused", &refusal.to_string())
        }
        Failure::Catalog(error) => {
            make(StatusCode::UNPROCESSABLE_ENTITY, "catalog-refused", &error.to_string())
        }
        Failure::Field(error) => with_item(
            make(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", &error.to_string()),
            &error.field,
            &error.message,
        ),
        Failure::Read(error) => read(error),
        Failure::MediaType { given } => {
            make(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", &format!("`{given}` is not accepted"))
                .with_next_step("send JSON with `Content-Type: application/json`")
        }
        Failure::NotFound { what, name } => {
            make(StatusCode::NOT_FOUND, "not-found", &format!("there is no {what} `{name}`"))
        }
        Failure::Exists { .. } => make(StatusCode::CONFLICT, "exists", &failure.to_string())
            .with_next_step("choose another name, or change the existing one"),
        Failure::StaleVersion { .. } => {
            make(StatusCode::PRECONDITION_FAILED, "stale-version", &failure.to_string())
                .with_next_step("read the change again, apply the amendment to it, and send the new version")
        }
        Failure::VersionMissing => {
            make(StatusCode::PRECONDITION_REQUIRED, "version-missing", &failure.to_string())
                .with_next_step("read the change and send its `ETag` as `If-Match`")
        }
        Failure::IdempotencyMismatch => {
            make(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", &failure.to_string())
                .with_next_step("use a new key for a new request, or repeat the earlier request exactly")
        }
        Failure::Lease(error) => lease(error),
        Failure::Contended => {
            make(StatusCode::CONFLICT, "contended", &failure.to_string()).with_next_step("try again")
        }
        Failure::Append(error) => append(error),
        Failure::Store(error) => store(error),
        Failure::Overloaded(detail) => make(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .with_next_step("try again in a moment"),
        Failure::Unreadable(_)
        | Failure::CorruptChange(_)
        | Failure::CorruptIncident(_)
        | Failure::Internal(_) => internal(),
    }
}

/// The answer when too many requests are worked on.
pub(crate) fn overloaded() -> Response {
    Rejection(Failure::Overloaded("too many requests are being worked on")).into_response()
}

/// The answer to a request that took too long. Work that was begun still comes to its end.
pub(crate) fn timed_out() -> Response {
    let problem = make(StatusCode::GATEWAY_TIMEOUT, "timed-out", "the request took too long")
        .with_next_step("read what was written, then repeat the request with the same idempotency key");
    respond(problem)
}

/// The answer when a handler panicked: a mistake of ours.
pub(crate) fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().cloned();
    let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    tracing::error!(cause = text.unwrap_or_default(), "a handler panicked");
    respond(internal())
}

fn make(status: StatusCode, kind: &str, detail: &str) -> Problem {
    Problem::new(kind, status.as_u16(), status.canonical_reason().unwrap_or("Problem"), detail)
}

fn with_item(problem: Problem, at: &str, message: &str) -> Problem {
    problem.with_errors(vec![ErrorItem { at: at.to_owned(), message: message.to_owned(), next_step: None }])
}

fn denied(violations: &[Violation]) -> Problem {
    let first = violations.first();
    let detail = first.map_or("refused by policy", |violation| violation.sentence.as_str());
    let mut problem = make(StatusCode::FORBIDDEN, "refused-by-policy", detail);
    if let Some(violation) = first {
        problem = problem.with_rule(violation.rule.as_str()).with_next_step(violation.next_step.as_str());
    }
    let item = |violation: &Violation| ErrorItem {
        at: violation.rule.to_string(),
        message: violation.sentence.clone(),
        next_step: Some(violation.next_step.clone()),
    };
    problem.with_errors(violations.iter().map(item).collect())
}

fn refused(refusal: &Refusal) -> Problem {
    let (status, kind) = match refusal {
        Refusal::Policy { .. }
        | Refusal::SegregationOfDuties
        | Refusal::HumanGate
        | Refusal::RoleNotHeld { .. } => (StatusCode::FORBIDDEN, "refused-by-policy"),
        Refusal::InvalidContent(_) | Refusal::NothingValidated | Refusal::FollowUpMissing => {
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid-content")
        }
        Refusal::ClockWentBack { .. } => (StatusCode::SERVICE_UNAVAILABLE, "clock"),
        Refusal::NoSuchCondition { .. } => (StatusCode::NOT_FOUND, "not-found"),
        Refusal::IllegalTransition { .. }
        | Refusal::NotOutstanding { .. }
        | Refusal::AlreadyApproved
        | Refusal::NotApproved
        | Refusal::DigestMismatch { .. }
        | Refusal::CommitMismatch { .. }
        | Refusal::ApprovalsOutstanding { .. }
        | Refusal::ConditionsUnmet { .. }
        | Refusal::OutsideWindow { .. }
        | Refusal::DeadlinePassed { .. }
        | Refusal::DeadlineNotPassed
        | Refusal::NoPlan
        | Refusal::StaleLease { .. }
        | Refusal::IllegalObservation(_)
        | Refusal::NoDecisionAwaited { .. }
        | Refusal::PlanNotDone(_)
        | Refusal::OutcomeMismatch { .. }
        | Refusal::NoRetrospectiveDue => (StatusCode::CONFLICT, "refused"),
    };
    make(status, kind, &refusal.to_string()).with_rule(refusal.rule()).with_next_step(refusal.next_step())
}

fn read(error: &ReadError) -> Problem {
    match error {
        ReadError::TooLarge { .. } => make(StatusCode::PAYLOAD_TOO_LARGE, "too-large", &error.to_string())
            .with_next_step("send less: shorten texts, or name services instead of single items"),
        ReadError::Encoding { .. } | ReadError::TooDeep { .. } => {
            make(StatusCode::BAD_REQUEST, "unreadable-body", &error.to_string())
                .with_next_step("send JSON as in /api/v1/openapi.json")
        }
        ReadError::Form { field, message } => {
            with_item(make(StatusCode::BAD_REQUEST, "unreadable-body", &error.to_string()), field, message)
                .with_next_step("send JSON as in /api/v1/openapi.json")
        }
    }
}

fn lease(error: &LeaseError) -> Problem {
    match error {
        LeaseError::HeldBy { .. } => make(StatusCode::CONFLICT, "lease-held", &error.to_string())
            .with_rule("lease")
            .with_next_step("wait until the lease can be taken over, then try again"),
        LeaseError::Lost { .. } => make(StatusCode::CONFLICT, "lease-lost", &error.to_string())
            .with_rule("lease")
            .with_next_step("stop: another runner may have taken over"),
        LeaseError::Time { .. } => internal(),
        LeaseError::Store(error) => store(error),
    }
}

fn append(error: &AppendError) -> Problem {
    match error {
        AppendError::VersionConflict { .. } | AppendError::TimerGone { .. } => {
            make(StatusCode::CONFLICT, "contended", "others keep changing the same thing")
                .with_next_step("try again")
        }
        AppendError::LeaseLost { .. } => make(StatusCode::CONFLICT, "lease-lost", &error.to_string())
            .with_rule("lease")
            .with_next_step("stop: another runner may have taken over"),
        AppendError::ClockWentBack { .. } => {
            make(StatusCode::SERVICE_UNAVAILABLE, "clock", &error.to_string())
        }
        AppendError::InvalidEvent { .. } => {
            make(StatusCode::UNPROCESSABLE_ENTITY, "invalid-content", "the request cannot be recorded")
                .with_next_step("shorten it; keys that begin with `$` are reserved")
        }
        AppendError::Store(error) => store(error),
        AppendError::IdempotentReplay(_) | AppendError::StreamTwice { .. } => internal(),
    }
}

fn store(error: &StoreError) -> Problem {
    match error {
        StoreError::StorageFull(_) => {
            make(StatusCode::INSUFFICIENT_STORAGE, "storage-full", "the storage is full; nothing was written")
                .with_next_step("free space on the server's disk, then try again")
        }
        StoreError::Unavailable(_) | StoreError::Closed => make(
            StatusCode::SERVICE_UNAVAILABLE,
            "store-unavailable",
            "the database does not answer; nothing was written",
        )
        .with_next_step("try again in a moment"),
        StoreError::OutcomeUnknown(_) => make(
            StatusCode::SERVICE_UNAVAILABLE,
            "outcome-unknown",
            "the database was lost during the commit; whether it took place is not known",
        )
        .with_next_step("read what was written, then repeat the request with the same idempotency key"),
        StoreError::InvalidCursor => {
            make(StatusCode::UNPROCESSABLE_ENTITY, "invalid-cursor", &error.to_string())
                .with_next_step("leave the cursor out to start at the beginning")
        }
        StoreError::TooMuch { .. } => make(StatusCode::UNPROCESSABLE_ENTITY, "too-much", &error.to_string()),
        StoreError::Damaged { .. } | StoreError::Refused(_) => internal(),
    }
}

fn internal() -> Problem {
    make(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "something went wrong on the server; nothing was written",
    )
    .with_next_step("give the request id to whoever runs the server")
}
